"""A background thread that a page starts, polls and may cancel."""

import atexit
import threading
import time
from abc import ABC, abstractmethod
from typing import Self

STOP_SECONDS = 3.0
"""How long to wait for the thread to end: work on a hung disk never ends."""


class Background(ABC):
    """Work whose results so far a page can read, until it ends or is stopped."""

    FAILED: str
    """How the sentence about a failure begins, as in ``The seeds could not be computed``."""

    def __init__(self, name: str) -> None:
        self.problem = ""
        """One sentence if it failed; else empty."""

        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"vq-scope-{name}", daemon=True)

    @abstractmethod
    def _work(self) -> None:
        """Do all of it, checking `_stopping` now and then."""

    def start(self) -> Self:
        """Start; the interpreter's exit stops it, since a thread in torch must not outlive it."""
        _begun.add(self)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop it at its next check and wait up to `STOP_SECONDS`; what is done stays."""
        self.cancel()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self.wait(STOP_SECONDS)

    def cancel(self) -> None:
        """Ask it to stop, without waiting."""
        self._stopping.set()

    @property
    def is_running(self) -> bool:
        """Whether it is still running."""
        return self._thread.is_alive() and not self._stopping.is_set()

    def wait(self, timeout: float) -> bool:
        """Wait until it has ended; returns whether it has."""
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
    """Stop all at once, waiting no longer than for one."""
    running = tuple(_begun)
    for work in running:
        work.cancel()
    until = time.monotonic() + STOP_SECONDS
    for work in running:
        work.wait(max(0.0, until - time.monotonic()))
