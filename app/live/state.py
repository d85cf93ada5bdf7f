"""What the Live page keeps for one visitor."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.links import live as address
from app.links.live_view import View
from app.links.selection import Choice, Pin
from app.page_state import state_of
from app.sessions.entry import Entry
from vqcore.training.recipe import Recipe


@dataclass(slots=True)
class LiveState:
    """Changed in place by the page's script and by what its controls call."""

    session: str | None = None
    """The session on show, by its id; None before there has been one."""

    watched: str | None = None
    """The id by which a session is followed."""

    gone: bool | None = None
    """Whether to say that the session in the link is no more; None if that has never come up."""

    asked: Recipe | None = None
    """What the controls began from, with what a restart asked for since."""

    adopted: Recipe | None = None
    """What the controls show when they are first drawn."""

    generation: int = 0
    """How often the controls have been recreated; a part of their keys."""

    first_view: Mapping[str, str] | None = None
    """What the URL first said of the view; None before it is read."""

    variant: str | None = None
    """The variant on show; empty for the first, None for what the URL says."""

    variant_control: str = ""
    """The key of the control that chooses it, as it was last drawn."""

    at: int | None = None
    """The step that the reader went back to; None: live."""

    past_run: tuple[str, int] | None = None
    """The session and run that this step is of."""

    choice: Choice | None = None
    """What is chosen; None for what the URL says."""

    pins: tuple[Pin, ...] = ()
    choice_sentence: str = ""
    """Why a wish was not granted."""

    hands_seen: dict[str, int] = field(default_factory=dict)
    """When the hand last did something on each chart, by its key, as far as the choice has taken it in."""

    map_was: str = ""
    """The map's plane when it was last drawn."""

    forks_made: int = 0
    """How many this page has made: each has a popover of its own, so that the next one is closed."""

    fork_refused: str = ""
    """Why a fork was refused, to be said once."""

    sidebar_shows: str = ""
    """What the sidebar was drawn from."""

    looked_at: tuple[Entry, View] | None = None
    """What the page showed when it was last drawn, for whoever saves it, from any thread."""

    def first(self, name: str) -> str:
        """What the URL first said of one part of the view."""
        return (self.first_view or FIRST_VIEW)[name]

    def go_to(self, step: int) -> None:
        """Have the page show this step while training goes on."""
        self.at = step

    def go_live(self) -> None:
        """Have the page show the newest step again."""
        self.at = self.past_run = None


FIRST_VIEW = address.read({}).view
"""Of a URL that says nothing."""


def live_state() -> LiveState:
    """This visitor's."""
    return state_of(LiveState)
