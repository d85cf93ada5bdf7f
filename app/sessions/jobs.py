"""A background job with a result, and a bounded store of such jobs."""

import threading
import traceback
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, NamedTuple, TypeVar

from app.sessions.background import Background

T = TypeVar("T")

Progress = Callable[[str, float], None]
"""Called with what is being done and the share done, 0…1; raises `CancelledError` once nobody wants the rest."""


class CancelledError(Exception):
    """Raised within cancelled work."""


class Stage(NamedTuple):
    """How far work has come."""

    doing: str
    share: float


class Job(Background, Generic[T]):
    """One piece of work. Its result, or a sentence on why it failed, is there once it has ended."""

    def __init__(self, work: Callable[[Progress], T], name: str = "job") -> None:
        super().__init__(name)
        self._task = work
        self.stage = Stage("beginning", 0.0)
        self.result: T | None = None
        self.details = ""
        """The traceback of a failure that is a bug of ours, not a fault of the input."""

    @property
    def is_cancelled(self) -> bool:
        """Whether it was cancelled before its end."""
        return self._stopping.is_set() and self.result is None and not self.problem

    def _tell(self, doing: str, share: float) -> None:
        if self._stopping.is_set():
            raise CancelledError
        self.stage = Stage(doing, min(max(share, 0.0), 1.0))

    def _work(self) -> None:
        try:
            self.result = self._task(self._tell)
        except CancelledError:
            pass
        finally:
            del self._task  # what it holds is free with its owner, not at some later collection

    def _say(self, error: Exception) -> None:
        if isinstance(error, ValueError):
            self.problem = str(error) or "The values do not fit."
        elif isinstance(error, MemoryError):
            self.problem = "There is not enough memory for this. Close other programs, or take a smaller file."
        elif isinstance(error, OSError):
            where = "" if error.filename is None else f" at `{error.filename}`"
            self.problem = f"The disk refused this{where}: {error.strerror or error}."
        else:  # a fault of ours
            self.details = "".join(traceback.format_exception(error))
            self.problem = f"This failed unexpectedly ({type(error).__name__}); it is a fault of VQ Scope."


V = TypeVar("V")


class Kept(Generic[V]):
    """Values by key, at most so many of them; for one more, the one unasked for longest is let go.

    Any thread may ask. What lets a value go is called without the lock, as it may take long.

    Args:
        most: how many.
        let_go: ends a value that is kept no longer; None for values that need no end.
    """

    def __init__(self, most: int, let_go: Callable[[V], object] | None = None) -> None:
        self.most = most
        self._let_go = let_go
        self._values: dict[Hashable, V] = {}
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> V | None:
        """The value of `key`, or None."""
        with self._lock:
            if key not in self._values:
                return None
            value = self._values[key] = self._values.pop(key)  # asked for last
            return value

    def find_or_make(self, key: Hashable, make: Callable[[], V]) -> V:
        """The value of `key`, made if there is none; two callers at once get the same."""
        with self._lock:
            if key in self._values:
                value = self._values[key] = self._values.pop(key)
                return value
            value = self._values[key] = make()
            taken = [self._values.pop(oldest) for oldest in tuple(self._values)[: -self.most]]
        self._end(taken)
        return value

    def drop(self, key: Hashable) -> None:
        """Close and forget the value of `key`, if there is one."""
        with self._lock:
            taken = [self._values.pop(key)] if key in self._values else []
        self._end(taken)

    def drop_where(self, is_meant: Callable[[V], bool]) -> None:
        """Close and forget every value for which `is_meant` is true."""
        with self._lock:
            meant = [key for key, value in self._values.items() if is_meant(value)]
            taken = [self._values.pop(key) for key in meant]
        self._end(taken)

    def values(self) -> tuple[V, ...]:
        """All values, the one asked for last at the end."""
        with self._lock:
            return tuple(self._values.values())

    def close(self) -> tuple[V, ...]:
        """Let go of everything; returns what there was."""
        with self._lock:
            taken = tuple(self._values.values())
            self._values.clear()
        self._end(taken)
        return taken

    def _end(self, taken: Iterable[V]) -> None:
        if self._let_go is not None:
            for value in taken:
                self._let_go(value)
