"""A lesson's claims under several seeds, computed by a thread of its own."""

import atexit
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from demos.lesson import Lesson
from demos.report import Found, table
from demos.running import StoppedError, examine, records

SEEDS = 5


class ClaimSweep:
    """Seeds 0 to `seeds` − 1 of one lesson, trained without a page as `python -m demos --all` does."""

    def __init__(self, lesson: Lesson, seeds: int = SEEDS) -> None:
        self.lesson, self.seeds = lesson, seeds
        self.results: tuple[Found, ...] = ()
        """Those done so far; replaced whole, never changed."""

        self.problem: str | None = None
        self._trained = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vq-scope-claims", daemon=True)

    def start(self) -> None:
        """Begin; `stop` also happens when the interpreter exits."""
        atexit.register(self.stop)
        self._thread.start()

    def stop(self) -> None:
        """End after the step being trained; what is done stays."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        atexit.unregister(self.stop)

    def cancel(self) -> None:
        """Ask it to end, without waiting."""
        self._stopping.set()

    @property
    def is_running(self) -> bool:
        """Whether more seeds are to come."""
        return self._thread.is_alive() and not self._stopping.is_set()

    @property
    def is_complete(self) -> bool:
        """Whether all seeds are done."""
        return len(self.results) == self.seeds

    @property
    def share_done(self) -> float:
        """Of all trainings, 0…1."""
        trainings = len({self.lesson.trainings[name].key() for name, _ in self.lesson.moments()})
        return self._trained / (self.seeds * trainings) if trainings else len(self.results) / self.seeds

    def wait(self, timeout: float) -> bool:
        """Wait until it has ended; whether it has."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def rows(self) -> dict[str, dict[str, Any]]:
        """By what a claim says, on how many of the seeds done it held; see `demos.report.table`."""
        return {row["claim"]: row for row in table(self.results)}

    def _run(self) -> None:
        try:
            for seed in range(self.seeds):
                (found,) = records([self.lesson], seed, shown=self._counted, stop=self._stopping.is_set)
                if self._stopping.is_set():
                    return
                self.results = (*self.results, (self.lesson, seed, examine(self.lesson, found)))
        except StoppedError:
            return
        except Exception as error:  # shown on the page: a thread has nobody else to tell
            self.problem = f"The seeds could not be computed: {error}"

    def _counted(self, trainings: Iterable[Any]) -> Iterator[Any]:
        for training in trainings:
            yield training
            self._trained += 1
