"""UMAP layouts on request, computed in a process beside the server: ask, continue, read the latest.

One `ProjectionService` per server. It owns the worker process and imports neither umap nor torch. Its one thread,
the courier, starts the worker, sends it requests and handles its messages; every other thread only leaves
an event for the courier and reads frozen values.
"""

# N points, D features

import atexit
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from vqcore.projection.child import Child
from vqcore.projection.streams import Layout, Streams
from vqcore.projection.wire import Cancel, Cancelled, FitError, FitRequest, FitResult, Message, Progress

LONGEST_PAUSE = 60.0
"""Most seconds before a worker that keeps dying is started again."""


def pause_after(deaths: int) -> float:
    """Seconds to wait before the next start, after this many deaths in a row without an answer in between.

    >>> [pause_after(deaths) for deaths in (1, 2, 3, 4, 20)]
    [0.0, 1.0, 2.0, 4.0, 60.0]
    """
    return 0.0 if deaths < 2 else min(2.0 ** (deaths - 2), LONGEST_PAUSE)


class State(StrEnum):
    """What the UMAP process is doing."""

    STOPPED = "stopped"
    WARMING_UP = "warming up"
    READY = "ready"
    WORKING = "working"
    RESTARTING = "restarting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Status:
    """The state, and a sentence to show for it."""

    state: State
    sentence: str


class ProjectionService:
    """Lays points out with UMAP in a separate process, for any number of streams (browser sessions).

    Usage:
        service.request("session 7", points, tag=step)   # returns at once; the newest request wins
        layout = service.latest("session 7")             # None until the first one is finished
    """

    def __init__(self, spawn: Callable[..., Child] = Child, pause: Callable[[int], float] = pause_after) -> None:
        self._spawn, self._pause = spawn, pause
        self._changed = threading.Condition()  # guards all below
        self._streams = Streams()
        self._status = Status(State.STOPPED, "UMAP has not been started.")
        self._child: Child | None = None
        self._deaths = 0  # since the last answer
        self._launch_at: float | None = None  # of the monotonic clock, where the next start is waited for
        self._cancel_sent: int | None = None  # the id of the last request that the worker was told to give up
        self._closed = False
        self._events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._courier = threading.Thread(target=self._carry, name="umap courier", daemon=True)

    @property
    def status(self) -> Status:
        """What the UMAP process is doing, and a sentence to show for it."""
        return self._status

    @property
    def has_stopped(self) -> bool:
        """Whether no worker runs until `start` is called, or until the pause after a death is over."""
        return self._launch_at is not None or self._status.state is State.FAILED

    @property
    def pid(self) -> int | None:
        """The worker's process id; None if none runs."""
        child = self._child
        return child.pid if child else None

    def start(self) -> None:
        """Start the worker if none runs, without the pause after a death; it compiles for some 10 seconds."""
        with self._changed:
            if self._closed:
                raise RuntimeError("This `ProjectionService` is closed. Make a new one.")
            if self._launch_at is None and self._status.state not in (State.STOPPED, State.FAILED):
                return
            self._launch_at = None
            self._deaths = 0
            self._show(State.WARMING_UP, "UMAP is compiling, which takes some 10 seconds after a start.")
            if not self._courier.is_alive():
                atexit.register(self.close)
                self._courier.start()
        self._events.put(self._launch)

    def request(
        self,
        stream: str,
        points: ArrayLike,
        *,
        tag: object = None,
        n_neighbors: int = 15,
        min_dist: float = 0.1,
        seed: int = 0,
    ) -> bool:
        """Ask for a layout of `points` (N, D) and return at once; starts the worker if it never ran.

        An older request of the same stream that still waits is dropped, and one in flight with other parameters
        or another shape is cancelled. Rows keep their identity: while N and D stay the same, a layout begins from
        the stream's previous one, until `reset(stream)`.

        Args:
            stream: Who asks; streams are served in turn.
            points: Copied here, so the caller may change them afterwards.
            tag: Returned with the layout: a training step, for instance.
            n_neighbors: How many points, including itself, form a point's neighbourhood; at least 2.
            min_dist: How close neighbours may lie in the picture, 0 to 1.
            seed: Seed of the fit; the same requests with the same seed give the same layouts.

        Returns:
            False if no answer will come, because the service is closed or has failed.

        Raises:
            ValueError: an argument is out of range. (What only the data show, NaN for instance, comes back
                as `error(stream)`.)
        """
        matrix = _float32_matrix(points)
        _check_options(n_neighbors, min_dist, seed)
        fit = FitRequest(id=0, points=matrix, n_neighbors=n_neighbors, min_dist=min_dist, seed=seed)
        with self._changed:
            if self._closed or self._status.state is State.FAILED:
                return False
            if self._status.state is State.STOPPED:
                self.start()
            self._streams.ask(stream, fit, tag)
        self._events.put(_nothing)
        return True

    def latest(self, stream: str) -> Layout | None:
        """The newest finished layout of `stream`."""
        with self._changed:
            return self._streams.latest(stream)

    def error(self, stream: str) -> str | None:
        """Why the last answered request of `stream` got no layout; None if it got one."""
        with self._changed:
            return self._streams.error(stream)

    def progress(self, stream: str) -> Progress | None:
        """Progress of the layout of `stream` that is being computed; None if there is none."""
        with self._changed:
            return self._streams.progress(stream)

    def is_busy(self, stream: str) -> bool:
        """Whether a request of `stream` waits or is being computed."""
        with self._changed:
            return self._streams.busy(stream)

    def cancel(self, stream: str) -> None:
        """Cancel what `stream` asked for, even in the middle of a fit; its latest layout stays."""
        with self._changed:
            self._streams.cancel(stream)
            self._changed.notify_all()
        self._events.put(_nothing)

    def reset(self, stream: str) -> None:
        """Let the next layout of `stream` start from scratch; its latest one stays available."""
        with self._changed:
            self._streams.reset(stream)

    def forget(self, stream: str) -> None:
        """Forget everything about `stream`, including its requests."""
        with self._changed:
            self._streams.forget(stream)
            self._changed.notify_all()
        self._events.put(_nothing)

    def wait(self, stream: str, timeout: float) -> Layout | None:
        """Wait for the latest layout, until every request of `stream` is answered, refused or dropped.

        Raises:
            TimeoutError: if that takes longer than `timeout` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: not self._streams.busy(stream), timeout):
                raise TimeoutError(f"Stream {stream!r} got no answer in {timeout} s. {self._status.sentence}")
            return self._streams.latest(stream)

    def wait_until_ready(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the worker to warm up; returns whether it answers requests."""
        busy = (State.WARMING_UP, State.RESTARTING)
        with self._changed:
            self._changed.wait_for(lambda: self._status.state not in busy, timeout)
            return self._status.state in (State.READY, State.WORKING)

    def close(self) -> None:
        """End the worker and the courier, within a second. Idempotent; registered with `atexit`."""
        with self._changed:
            already, self._closed = self._closed, True
            child, self._child = self._child, None
            self._show(State.STOPPED, "UMAP has been stopped.")
            self._streams.refuse_all(self._status.sentence)
        if already:
            return
        if child:
            child.end()
        self._events.put(_nothing)
        if self._courier.is_alive():
            self._courier.join(1.0)
        atexit.unregister(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _carry(self) -> None:
        while not self._closed:
            event = self._next_event()
            try:
                event()
                self._send_cancel()
                self._send_next()
            except Exception as error:
                self._fail(f"UMAP is off after an internal error ({type(error).__name__}: {error}).")

    def _next_event(self) -> Callable[[], None]:
        """The next event for the courier, or the next start if it is due."""
        due = self._launch_at
        try:
            return self._events.get(timeout=None if due is None else max(0.0, due - time.monotonic()))
        except queue.Empty:
            return self._relaunch

    def _relaunch(self) -> None:
        """Start the worker again, unless `start` has done so meanwhile."""
        with self._changed:
            is_due, self._launch_at = self._launch_at is not None, None
        if is_due:
            self._launch()

    def _launch(self) -> None:
        try:
            child = self._spawn(
                lambda child, message: self._events.put(partial(self._hear, child, message)),
                lambda child: self._events.put(partial(self._bury, child)),
            )
        except OSError as error:
            self._count_death(f"The UMAP process could not be started ({error})")
            return
        with self._changed:
            stray = self._closed
            if not stray:
                self._child = child
                self._changed.notify_all()
        if stray:
            child.end()

    def _hear(self, child: Child, message: Message) -> None:
        with self._changed:
            if child is not self._child:
                return
            if isinstance(message, Progress):
                self._streams.note(message)
                return
            if isinstance(message, FitResult | FitError | Cancelled):
                self._streams.settle(message)
                self._deaths = 0
            self._show(State.READY, "UMAP is ready.")

    def _send_cancel(self) -> None:
        with self._changed:
            child, unwanted = self._child, self._streams.unwanted()
            if child is None or unwanted is None or unwanted == self._cancel_sent:
                return
            self._cancel_sent = unwanted
        child.send(Cancel(id=unwanted))

    def _send_next(self) -> None:
        with self._changed:
            child = self._child
            fit = self._streams.take() if child and self._status.state is State.READY else None
            if child is None or fit is None:
                return
            self._show(State.WORKING, f"UMAP is laying out {len(fit.points):,} points.")
        child.send(fit)  # not under the lock: the pipe may be slow

    def _bury(self, child: Child) -> None:
        child.end()
        with self._changed:
            if child is not self._child:
                return
            self._child = None
            words = child.last_words()
            self._streams.retry(f"The UMAP process ended twice over this request ({words}).")
        self._count_death(f"The UMAP process ended ({words})")

    def _count_death(self, what: str) -> None:
        """Schedule the next start of the worker, with growing pauses if it keeps dying."""
        with self._changed:
            if self._closed:
                return
            self._deaths += 1
            seconds = self._pause(self._deaths)
            self._launch_at = time.monotonic() + seconds
            again = f"starts again in {seconds:.0f} s" if seconds >= 1 else "is being started again"
            self._show(State.RESTARTING, f"{what} and {again}.")

    def _fail(self, sentence: str) -> None:
        with self._changed:
            if not self._closed:
                self._show(State.FAILED, sentence)
                self._streams.refuse_all(sentence)

    def _show(self, state: State, sentence: str) -> None:
        self._status = Status(state, sentence)
        self._changed.notify_all()


def _nothing() -> None:
    """The event that only wakes the courier."""


def _float32_matrix(points: ArrayLike) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    matrix = np.array(points, dtype=np.float32, order="C")
    if matrix.ndim != 2:
        raise ValueError(
            f"`points` must be a matrix (N, D), but has shape {matrix.shape}. Flatten leading dimensions "
            "first: points.reshape(-1, D)."
        )
    return matrix


def _check_options(n_neighbors: int, min_dist: float, seed: int) -> None:
    if n_neighbors < 2:
        raise ValueError(f"`n_neighbors` must be at least 2, but is {n_neighbors}. UMAP's usual value is 15.")
    if not 0.0 <= min_dist <= 1.0:
        raise ValueError(f"`min_dist` must be between 0 and 1, but is {min_dist}. UMAP's usual value is 0.1.")
    if not 0 <= seed < 2**32:
        raise ValueError(f"`seed` must be between 0 and 2**32 - 1, but is {seed}.")
