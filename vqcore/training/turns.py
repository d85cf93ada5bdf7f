"""Turns at the cores for threads that all want to compute: as many at once as there are cores, first come first."""

import threading
from collections import deque
from types import TracebackType
from typing import Self


class Turns:
    """A semaphore that is fair: whoever has just had a turn goes behind those who wait.

    With `threading.Semaphore`, a thread that gives its turn back can take it again before a waiting one has woken.
    """

    def __init__(self, at_once: int) -> None:
        self._lock = threading.Lock()
        self._free = at_once
        self._waiting: deque[threading.Lock] = deque()

    def __enter__(self) -> Self:
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
