"""A reader's lessons as one of the class sees them: where the reader is, and nothing that could change it."""

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from app.sessions.class_room import ClassRoom, Question
from app.sessions.lesson_run import LessonRun
from app.sessions.watchable import Published
from demos.lesson import Step

if TYPE_CHECKING:
    from app.sessions.lesson_desk import Reader

BETWEEN = "~"
"""Between the seat and the run in the id of what a page follows."""


@dataclass(frozen=True, slots=True)
class FollowedLesson:
    """See `Watchable`. It trains nothing on: the reader's own page does that."""

    reader: "Reader"
    seat: str
    """Empty where the class has no seat left."""

    @property
    def room(self) -> ClassRoom:
        """The class."""
        return self.reader.room

    @property
    def run(self) -> LessonRun | None:
        """What the reader reads now; None at the list of lessons."""
        return self.reader.current

    @property
    def step(self) -> Step | None:
        """The reader's step; None at the list, and at the end of a lesson."""
        return None if self.run is None else self.run.step

    @property
    def question(self) -> Question:
        """Where guesses go now."""
        return Question("", 0) if self.run is None else self.run.question

    @property
    def id(self) -> str:
        """Names on the road what a page follows; another one for each run, as nothing of the last may stay."""
        return f"{self.seat or self.room.id}{BETWEEN}{self.question.run}"

    @property
    def watch_id(self) -> str:
        """See `Watchable`: the drawings are the reader's own."""
        return self.question.run

    @property
    def drawing(self) -> Lock:
        """See `Watchable`."""
        return self.reader.drawing if self.run is None else self.run.drawing

    def published(self) -> tuple[Published, ...]:
        """See `Watchable`."""
        return (self.room.news,) if self.run is None else self.run.published()

    def look(self, *, at_picture: bool = False) -> None:
        """See `Watchable`."""
        if self.run is not None:
            self.run.look()

    def guess(self, question: Question, index: int) -> bool:
        """Guess; False once the answer is shown, at another step, or for a choice that there is not."""
        run, step = self.run, self.step
        if run is None or step is None or step.question is None or not run.is_asking or question != run.question:
            return False
        if type(index) is not int or not 0 <= index < len(step.question.choices):
            return False
        return self.room.guess(self.seat, question, index)
