"""A thread of its own that a page begins, looks at and may give up. Knows no kind of work."""

import atexit
import threading
import time
from abc import ABC, abstractmethod
from typing import Self

STOP_SECONDS = 3.0
"""How long an end is waited for: work on a disk that hangs has none."""


class Background(ABC):
    """Work that leaves what is done where a page can read it, until it ends or is told to."""

    FAILED: str
    """What a failure is told with, as in ``The seeds could not be computed``."""

    def __init__(self, name: str) -> None:
        self.problem = ""
        """One sentence where it failed; empty otherwise."""

        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"vq-scope-{name}", daemon=True)

    @abstractmethod
    def _work(self) -> None:
        """Do all of it, and look at `_stopping` now and then."""

    def start(self) -> Self:
        """Begin; the interpreter's exit stops it, as a thread in torch must not outlive it."""
        _begun.add(self)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Have it end at its next look, and wait `STOP_SECONDS` for that; what is done stays."""
        self.cancel()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self.wait(STOP_SECONDS)

    def cancel(self) -> None:
        """Ask it to end, without waiting."""
        self._stopping.set()

    @property
    def is_running(self) -> bool:
        """Whether more is to come."""
        return self._thread.is_alive() and not self._stopping.is_set()

    def wait(self, timeout: float) -> bool:
        """Wait until it has ended; whether it has."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # shown on the page: a thread has nobody else to tell
            self._say(error)
        finally:
            _begun.discard(self)

    def _say(self, error: Exception) -> None:
        self.problem = f"{self.FAILED}: {error}"


_begun: set[Background] = set()


@atexit.register
def _stop_all() -> None:
    """All at once: together they are waited for as long as one."""
    running = tuple(_begun)
    for work in running:
        work.cancel()
    until = time.monotonic() + STOP_SECONDS
    for work in running:
        work.wait(max(0.0, until - time.monotonic()))
