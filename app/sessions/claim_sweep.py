"""A lesson's claims under several seeds, computed in a background thread."""

from collections.abc import Iterable, Iterator
from typing import Any

from app.sessions.background import Background
from demos.lesson import Lesson
from demos.report import Found, table
from demos.running import StoppedError, examine, records

SEEDS = 5


class ClaimSweep(Background):
    """Seeds 0 to `seeds` − 1 of one lesson, trained without a page as `python -m demos --all` does."""

    FAILED = "The seeds could not be computed"

    def __init__(self, lesson: Lesson, seeds: int = SEEDS) -> None:
        super().__init__("claims")
        self.lesson, self.seeds = lesson, seeds
        self.results: tuple[Found, ...] = ()
        """Results so far; the list is replaced, never changed."""

        self._trained = 0

    @property
    def is_complete(self) -> bool:
        """Whether all seeds are done."""
        return len(self.results) == self.seeds

    @property
    def share_done(self) -> float:
        """Share of all trainings that is done, 0…1."""
        trainings = len({self.lesson.trainings[name].key() for name, _ in self.lesson.moments()})
        return self._trained / (self.seeds * trainings) if trainings else len(self.results) / self.seeds

    def rows(self) -> dict[str, dict[str, Any]]:
        """On how many of the finished seeds each claim held, by its text; see `demos.report.table`."""
        return {row["claim"]: row for row in table(self.results)}

    def _work(self) -> None:
        for seed in range(self.seeds):
            try:
                (found,) = records([self.lesson], seed, shown=self._counted, stop=self._stopping.is_set)
            except StoppedError:
                return
            if self._stopping.is_set():
                return
            self.results = (*self.results, (self.lesson, seed, examine(self.lesson, found)))

    def _counted(self, trainings: Iterable[Any]) -> Iterator[Any]:
        for training in trainings:
            yield training
            self._trained += 1
