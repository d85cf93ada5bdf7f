"""What the Lessons page keeps for one visitor."""

from dataclasses import dataclass

from app.links.lessons import LessonLink
from app.page_state import state_of


@dataclass(slots=True)
class LessonsState:
    """Changed in place by the page's script and by what its controls call."""

    reader: str | None = None
    """Whose trainings are on show, by an id."""

    place: LessonLink | None = None
    """Where the reader is; None before the URL is read."""

    drawn: LessonLink | None = None
    """The place that the page last showed."""

    watch: str | None = None
    """The class that is followed, by its id; None for one who reads alone or leads."""

    seat: str = ""
    """The follower's own id in that class."""

    refused: tuple[str, ...] = ()
    """What a link or a control asked for and cannot be had."""

    def go(self, place: LessonLink) -> None:
        """Have the page show this place."""
        self.place, self.refused = place, ()


def lessons_state() -> LessonsState:
    """This visitor's."""
    return state_of(LessonsState)
