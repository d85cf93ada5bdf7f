"""What each stream asked for last, whose turn it is, and where its next layout starts.

Not thread-safe: whoever shares a `Streams` between threads guards it. Only the newest request of a stream
waits; the streams are served in turn.
"""

# N points, D features

from collections import OrderedDict
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vqcore.projection.trustworthiness import Trust
from vqcore.projection.wire import Answer, FitError, FitRequest, FitResult, Float32, Progress

_ATTEMPTS = 2  # a request whose worker died is sent once more


@dataclass(frozen=True, eq=False, slots=True)
class Layout:
    """One finished layout.

    Attributes:
        coordinates: Where each point lies, in the order of the request's rows, (N, 2), read-only.
        tag: What the caller passed with the request: a training step, for instance.
        seconds: How long the fit took.
        warm: Whether it began from the stream's previous layout.
        trust: How trustworthy the picture is; None for too few points.
        n_neighbors: As requested.
        min_dist: As requested.
    """

    coordinates: NDArray[np.float32]
    tag: object
    seconds: float
    warm: bool
    trust: Trust | None = None
    n_neighbors: int = 15
    min_dist: float = 0.1


@dataclass(eq=False, slots=True)
class _Stream:
    waiting: "_Job | None" = None
    latest: Layout | None = None
    error: str | None = None
    start: Float32 | None = None  # where the next fit begins, (N, 2)
    start_of: FitRequest | None = None  # the request that `start` answers


@dataclass(frozen=True, eq=False, slots=True)
class _Job:
    name: str
    stream: _Stream
    tag: object
    fit: FitRequest  # its start is chosen only when its turn comes
    attempts: int = 0
    progress: Progress | None = None
    cancelled: bool = False


class Streams:
    """The waiting requests and the remembered layouts of all streams, by name."""

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}
        self._turns: OrderedDict[str, None] = OrderedDict()  # the names with a waiting request
        self._in_flight: _Job | None = None
        self._keep_start = True  # false where the stream was reset under the request in flight
        self._count = 0

    def ask(self, name: str, fit: FitRequest, tag: object) -> None:
        """Let `fit` wait for the turn of `name`, in place of what waited there."""
        stream = self._streams.setdefault(name, _Stream())
        self._count += 1
        stream.waiting = _Job(name, stream, tag, replace(fit, id=self._count))
        self._turns.setdefault(name)

    def take(self) -> FitRequest | None:
        """The next request, with its start, which is in flight from now on; None if none waits."""
        if self._in_flight is not None or not self._turns:
            return None
        name, _ = self._turns.popitem(last=False)
        stream = self._streams[name]
        job, stream.waiting = stream.waiting, None
        assert job is not None
        fit, before = job.fit, stream.start_of
        if before is not None and before.points.shape == fit.points.shape:
            fit = replace(fit, start=stream.start, resettle=_parameters(before) != _parameters(fit))
        self._in_flight = replace(job, fit=fit, attempts=job.attempts + 1, progress=None)
        self._keep_start = True
        return fit

    def note(self, progress: Progress) -> None:
        """Record the progress of the request in flight."""
        if self._in_flight is not None and self._in_flight.fit.id == progress.id:
            self._in_flight = replace(self._in_flight, progress=progress)

    def settle(self, answer: Answer) -> None:
        """Record the answer to the request in flight; one that nobody waits for is dropped."""
        job = self._in_flight
        if job is None or job.fit.id != answer.id:
            return
        self._in_flight = None
        stream = job.stream
        if isinstance(answer, FitError):
            stream.error = answer.sentence
        elif isinstance(answer, FitResult):
            stream.error = None
            trust = None if answer.trust is None else Trust(*answer.trust)
            stream.latest = Layout(
                answer.coordinates, job.tag, answer.seconds, answer.warm, trust, *_parameters(job.fit)
            )
            if self._keep_start:
                stream.start, stream.start_of = answer.coordinates, job.fit

    def cancel(self, name: str) -> None:
        """Cancel what `name` waits for; its latest layout stays."""
        self._turns.pop(name, None)
        if name in self._streams:
            self._streams[name].waiting = None
        if self._in_flight is not None and self._in_flight.name == name:
            self._in_flight = replace(self._in_flight, cancelled=True)

    def unwanted(self) -> int | None:
        """The id of the request in flight if nobody wants its layout any more.

        It was cancelled or forgotten, or a newer request of its stream has other parameters or another shape. A
        newer request of the same kind does not end it: asked again and again, a stream would never get a layout.
        """
        job = self._in_flight
        if job is None:
            return None
        waiting = job.stream.waiting
        other_kind = waiting is not None and _kind(waiting.fit) != _kind(job.fit)
        forgotten = self._streams.get(job.name) is not job.stream
        return job.fit.id if job.cancelled or forgotten or other_kind else None

    def retry(self, sentence: str) -> None:
        """Let the request in flight wait again, first in turn, unless a newer one waits."""
        job, self._in_flight = self._in_flight, None
        if job is None or job.cancelled:
            return
        if self._streams.get(job.name) is not job.stream or job.stream.waiting is not None:
            return
        if job.attempts >= _ATTEMPTS:
            job.stream.error = sentence
            return
        job.stream.waiting = job
        self._turns[job.name] = None
        self._turns.move_to_end(job.name, last=False)

    def refuse_all(self, sentence: str) -> None:
        """Answer every request that waits or is in flight with an error."""
        job, self._in_flight = self._in_flight, None
        for stream in [self._streams[name] for name in self._turns] + ([job.stream] if job else []):
            stream.waiting, stream.error = None, sentence
        self._turns.clear()

    def busy(self, name: str) -> bool:
        """Whether a request of `name` waits or is in flight."""
        return name in self._turns or (self._in_flight is not None and self._in_flight.name == name)

    def progress(self, name: str) -> Progress | None:
        """Progress of the request of `name` in flight; None if there is none or it has not begun."""
        job = self._in_flight
        return job.progress if job is not None and job.name == name and not job.cancelled else None

    def latest(self, name: str) -> Layout | None:
        """The newest layout of `name`."""
        stream = self._streams.get(name)
        return stream.latest if stream else None

    def error(self, name: str) -> str | None:
        """Why the last answered request of `name` got no layout; None if it got one."""
        stream = self._streams.get(name)
        return stream.error if stream else None

    def reset(self, name: str) -> None:
        """Let the next layout of `name` start from scratch; its latest one stays available."""
        if name in self._streams:
            self._streams[name].start = self._streams[name].start_of = None
        if self._in_flight is not None and self._in_flight.name == name:
            self._keep_start = False

    def forget(self, name: str) -> None:
        """Forget everything about `name`; an answer still to come is dropped too."""
        self._streams.pop(name, None)
        self._turns.pop(name, None)


def _parameters(fit: FitRequest) -> tuple[int, float]:
    return fit.n_neighbors, fit.min_dist


def _kind(fit: FitRequest) -> tuple[tuple[int, float], tuple[int, ...]]:
    return _parameters(fit), fit.points.shape
