"""What the Runs page keeps for one visitor."""

from dataclasses import dataclass, field, replace

from app.links.runs import RunsLink, RunView
from app.page_state import state_of


@dataclass(slots=True)
class RunsState:
    """Changed in place by the page's script and by what its controls call."""

    place: RunsLink = field(default_factory=RunsLink)
    is_read: bool = False
    """Whether the URL has been read."""

    refused: tuple[str, ...] = ()
    """What a link asked for and cannot be had."""

    hands_seen: dict[str, int] = field(default_factory=dict)
    """By chart or card, when the last click on it was made that has been obeyed."""

    def open(self, names: tuple[str, ...]) -> None:
        """Have the page show these runs at their newest step; none for the list."""
        self.place, self.refused = RunsLink(self.place.folder, names), ()

    def look_into(self, folder: str) -> None:
        """Have the page list another folder."""
        self.place, self.refused = RunsLink(folder), ()

    def look_at(self, view: RunView) -> None:
        """Have the page show the same runs another way."""
        self.place = replace(self.place, view=view)


def runs_state() -> RunsState:
    """This visitor's."""
    return state_of(RunsState)
