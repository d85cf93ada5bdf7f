"""Turns at the cores for competing threads: as many at once as there are cores, first come, first served."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

MOST_HELD = 0.1
SHARE_HELD = 0.15


class Turns:
    """A fair semaphore: whoever has just had a turn queues behind those who wait.

    With `threading.Semaphore`, a thread that gives its turn back can take it again before a waiting one has woken.
    """

    def __init__(self, at_once: int) -> None:
        self._lock = threading.Lock()
        self._free = at_once
        self._waiting: deque[threading.Lock] = deque()
        self._open = threading.Event()
        self._open.set()
        self._next_hold = 0.0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no further turn begin while a page is drawn, which a person waits for and a step does not.

        A turn waits for that at most `MOST_HELD` seconds, and holds together take at most `SHARE_HELD` of the time:
        one that comes sooner holds nothing.
        """
        began = time.monotonic()
        with self._lock:
            holds = self._open.is_set() and began >= self._next_hold
            if holds:
                self._open.clear()
        try:
            yield
        finally:
            if holds:
                ended = time.monotonic()
                self._next_hold = ended + min(ended - began, MOST_HELD) * (1 / SHARE_HELD - 1)
                self._open.set()

    def __enter__(self) -> Self:
        self._open.wait(MOST_HELD)
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return self
            called = threading.Lock()
            called.acquire()
            self._waiting.append(called)
        called.acquire()  # until another's turn is handed over
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1
