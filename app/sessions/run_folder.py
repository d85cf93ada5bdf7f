"""A folder of runs as the Runs page lists it: looked at again and judged in a thread while the page is open."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from vqcore.runs.listing import Listed, RunList
from vqcore.training.status import State

LOOK_SECONDS = 2.0
LEFT_SECONDS = 60.0
JUDGE_SECONDS = 1.0
"""Of judging before the page is told."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies below a folder; another object once that has changed."""

    runs: tuple[Listed, ...] = ()
    refused: tuple[str, ...] = ()
    is_cut: bool = False
    problem: str = ""
    is_read: bool = False
    """Whether the folder has been looked at."""

    @property
    def state(self) -> State:
        """As the road of live data has it: it waits for news, and for nothing else."""
        return State.PAUSED


class RunFolder:
    """One folder, by an unguessable id."""

    def __init__(self, folder_id: str, root: Path) -> None:
        self.id, self.root = folder_id, root
        self.drawing = threading.Lock()
        self.listing = Listing()
        self.revision = 0
        """How often the list has changed."""

        self._list = RunList(root)
        self._using = threading.Lock()
        self._changing = threading.Condition()
        self._seen_at = time.monotonic()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    @property
    def watch_id(self) -> str:
        """Names what is shown."""
        return self.id

    def published(self) -> tuple[Listing, ...]:
        """The newest list."""
        return (self.listing,)

    def look(self, *, at_picture: bool = False) -> None:
        """Look at the folder for another while."""
        self._seen_at = time.monotonic()
        with self._using:
            if self._stopping.is_set() or (self._thread is not None and self._thread.is_alive()):
                return
            self._thread = threading.Thread(target=self._work, name="vq-scope-runs", daemon=True)
            self._thread.start()

    def wait(self, seconds: float) -> Listing:
        """The list, once the folder has been looked at, or after so many seconds."""
        with self._changing:
            self._changing.wait_for(lambda: self.listing.is_read, seconds)
        return self.listing

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()

    def _work(self) -> None:
        while not self._stopping.is_set() and time.monotonic() - self._seen_at < LEFT_SECONDS:
            self._look()
            if not self._judge():
                self._stopping.wait(LOOK_SECONDS)

    def _look(self) -> None:
        try:
            runs = self._list.look()
            found = Listing(runs, self._list.refused, self._list.is_cut, is_read=True)
        except FileNotFoundError:
            found = Listing(is_read=True)
        except OSError as error:
            found = Listing(problem=f"The folder cannot be listed: {error.strerror}.", is_read=True)
        self._publish(found)

    def _judge(self) -> bool:
        """Judge for a while those that nobody has; returns whether some are left."""
        runs, until = list(self.listing.runs), time.monotonic() + JUDGE_SECONDS
        waiting = [at for at, run in enumerate(runs) if run.verdict is None and run.step is not None]
        done = 0
        for at in waiting:
            runs[at] = self._list.judge(runs[at])
            done += runs[at].verdict is not None
            if self._stopping.is_set() or time.monotonic() > until:
                break
        if done:
            self._publish(Listing(tuple(runs), self.listing.refused, self.listing.is_cut, is_read=True))
        return 0 < done < len(waiting)

    def _publish(self, listing: Listing) -> None:
        with self._changing:
            if listing != self.listing:
                self.listing = listing
                self.revision += 1
            self._changing.notify_all()
