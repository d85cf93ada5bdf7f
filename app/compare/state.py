"""What the page side by side keeps for one visitor."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.compare.draft import Draft
from app.links.selection import Choice
from app.links.setup import Setup
from app.page_state import state_of
from app.sessions.seed_runs import Plan


@dataclass(slots=True)
class CompareState:
    """Changed in place by the page's script and by what its controls call."""

    session: str | None = None
    """The session on show, by its id."""

    watched: str | None = None
    """Watch id of the session that is followed; None for one's own."""

    gone: bool = False
    """Whether a link's session had ended, so that a new one was begun from its settings."""

    setup: Setup | None = None
    """The set-up when the page was last drawn."""

    draft: Draft | None = None
    """What the reader is putting together in the sidebar."""

    first_view: Mapping[str, str] | None = None
    """What the URL first said of the view; None before it is read."""

    choice: Choice | None = None
    """What is chosen; None for what the URL says."""

    hands_seen: dict[str, int] = field(default_factory=dict)
    """When the hand last did something on each chart, by its key, as far as the choice has taken it in."""

    plan: Plan | None = None
    """The trainings over seeds that the reader asked for."""

    notice: str = ""
    """Why a set-up was refused, to be said once."""

    map_was: str = ""
    """The maps' plane when the page was last drawn."""

    sidebar_shows: str = ""
    """What the sidebar was drawn from."""


def compare_state() -> CompareState:
    """This visitor's."""
    return state_of(CompareState)
