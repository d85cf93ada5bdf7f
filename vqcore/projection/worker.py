"""The UMAP process: reads fit requests on stdin, answers with layouts on stdout, one at a time.

`python -m vqcore.projection.worker`; the only file that imports umap. Who asks, what is stale and when to start from
scratch is up to `service`. A fit can be cancelled while it runs, since requests are read in another thread.
"""

# N points, D features

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any, BinaryIO

import numpy as np

from vqcore.projection.align import align_layout
from vqcore.projection.layout_loop import optimize_layout
from vqcore.projection.neighbours import nearest_neighbours
from vqcore.projection.pca import FrozenBasis
from vqcore.projection.trustworthiness import trustworthiness
from vqcore.projection.wire import (
    ALIVE_EVERY,
    Alive,
    Answer,
    Cancel,
    Cancelled,
    FitError,
    FitRequest,
    FitResult,
    Float32,
    Message,
    Progress,
    Ready,
    WireError,
    read_message,
    write_message,
)

COLD_EPOCHS = 100  # from a PCA start as trustworthy as UMAP's 500 from its own (`bench projection`)
WARM_EPOCHS = 20
WARM_LEARNING_RATE = 0.15  # of UMAP's 1: as in annealing, points move less and settle better
EXTENT = 10.0  # UMAP's own: a cold start fills the square from 0 to 10
STUCK_PROCESSOR_SECONDS, STUCK_SECONDS = 8.0, 60.0  # of 20,000 points the longest stretch takes some 0.5
STUCK_CODE = 3
NICENESS = 5  # training and the page come first

Report = Callable[[int, int], None]
"""Called with the epochs done and the epochs in all; an exception from it ends the fit."""


class Pulse:
    """Reports every second that the process is alive, and ends it if a layout makes no progress.

    CPU time is what counts, since on a busy machine a healthy layout may wait long. One that waits for
    something that never comes uses none, and is ended by the clock.
    """

    def __init__(self, say: Callable[[Alive], None]) -> None:
        self._say = say
        self._stuck_at: tuple[float, float] | None = None  # of the processor's time and of the clock
        threading.Thread(target=self._beat, daemon=True).start()

    def moved(self) -> None:
        """Note that a layout has progressed or begins."""
        self._stuck_at = time.process_time() + STUCK_PROCESSOR_SECONDS, time.monotonic() + STUCK_SECONDS

    def rests(self) -> None:
        """Note that no layout is being computed."""
        self._stuck_at = None

    def _beat(self) -> None:
        with suppress(OSError, ValueError):  # nobody listens any more; who reads requests notices, too
            while True:
                time.sleep(ALIVE_EVERY)
                self._say(Alive())
                limits = self._stuck_at
                if limits and (time.process_time() > limits[0] or time.monotonic() > limits[1]):
                    sys.stderr.write("A layout made no progress, so its process has ended itself.\n")
                    sys.stderr.flush()
                    os._exit(STUCK_CODE)


class CancelledError(Exception):
    """Nobody waits for this fit any more."""


class Inbox:
    """The waiting requests, and which of them were cancelled since. Filled by one thread, emptied by another."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[FitRequest] = queue.SimpleQueue()
        self._newest_cancelled = 0

    def put(self, message: FitRequest | Cancel) -> None:
        """Take a message in."""
        if isinstance(message, Cancel):
            self._newest_cancelled = max(self._newest_cancelled, message.id)
        else:
            self._waiting.put(message)

    def get(self) -> FitRequest:
        """Wait for the next request."""
        return self._waiting.get()

    def is_cancelled(self, request: FitRequest) -> bool:
        """Whether `request` was cancelled. Ids ascend, and the sender waits for an answer before the next."""
        return request.id <= self._newest_cancelled


def main() -> None:
    """Serve until stdin closes."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends the process at once and without a traceback
    requests, answers = _claim_pipes()
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    inbox, speaking = Inbox(), threading.Lock()

    def say(message: Message) -> None:
        with speaking:
            write_message(answers, message)

    threading.Thread(target=_listen, args=(requests, inbox), daemon=True).start()
    pulse = Pulse(say)

    def report(request: FitRequest, done: int, total: int) -> None:
        pulse.moved()
        if inbox.is_cancelled(request):
            raise CancelledError
        say(Progress(id=request.id, done=done, total=total))

    try:
        say(Ready(seconds=warm_up()))
        while True:
            request = inbox.get()
            pulse.moved()
            reply = answer(request, partial(report, request))
            pulse.rests()
            say(reply)
    except BrokenPipeError:
        os._exit(0)


def _unheard(done: int, total: int) -> None:
    """The report of a fit that nobody watches."""


def answer(request: FitRequest, report: Report = _unheard) -> Answer:
    """The layout `request` asks for, or a sentence on why there is none; raises only for a broken pipe."""
    began = time.perf_counter()
    try:
        coordinates, warm = lay_out(request, report)
        trust = trustworthiness(request.points, coordinates)
    except BrokenPipeError:
        raise
    except CancelledError:
        return Cancelled(id=request.id)
    except ValueError as error:
        return FitError(id=request.id, sentence=str(error))
    except Exception as error:
        return FitError(id=request.id, sentence=f"UMAP failed: {type(error).__name__}: {error}")
    seconds = time.perf_counter() - began
    return FitResult(id=request.id, coordinates=coordinates, seconds=seconds, warm=warm, trust=trust)


def lay_out(request: FitRequest, report: Report = _unheard) -> tuple[Float32, bool]:
    """UMAP coordinates of the request's points, (N, 2), and whether they began from its start.

    The same computation as `umap.UMAP(init=start).fit_transform`, without three of its habits: its search for
    neighbours, which below 4,096 points is most of its time; its stretching of `start` to a square, which alone
    moves every point by half the width of the picture at each refresh; and its slower loop.

    Raises:
        ValueError: fewer than three points, points that are not finite, or a start of another shape.
    """
    points = _unit_points(request)
    if not points.any():
        return np.zeros((len(points), 2), np.float32), False
    warm = request.start is not None and bool(np.ptp(request.start, axis=0).all())
    start = request.start if request.start is not None and warm else cold_start(points, request.seed)
    refresh = warm and not request.resettle
    n_epochs = request.n_epochs or (WARM_EPOCHS if refresh else COLD_EPOCHS)
    n_neighbors = min(request.n_neighbors, len(points) - 1)
    report(0, n_epochs)
    graph = _neighbour_graph(points, n_neighbors, n_epochs)
    coordinates = optimize_layout(
        graph,
        start,
        curve=_curve(request.min_dist),
        n_epochs=n_epochs,
        rate=WARM_LEARNING_RATE if refresh else 1.0,
        seed=request.seed,
        on_epochs=lambda done: report(done, n_epochs),
    )
    if not np.isfinite(coordinates).all():
        raise ValueError("UMAP found no finite layout for these points. Reset the layout to start from scratch.")
    return (align_layout(coordinates, start) if warm else coordinates), warm


def cold_start(points: Float32, seed: int) -> Float32:
    """The PCA picture of `points` (N, D), each axis stretched from 0 to 10, (N, 2).

    A little noise separates points that coincide, and fills an axis along which nothing varies.
    """
    picture = FrozenBasis.fit(points).project(points)
    picture *= EXTENT / float(np.abs(picture).max())
    picture += np.random.default_rng(seed).normal(scale=1e-4, size=picture.shape).astype(np.float32)
    low, high = picture.min(axis=0), picture.max(axis=0)
    return np.asarray(EXTENT * (picture - low) / (high - low), dtype=np.float32)


def _unit_points(request: FitRequest) -> Float32:
    """The points centred and at most one in size: UMAP depends only on ratios, and float32 never overflows."""
    points, start = request.points, request.start
    if points.ndim != 2 or len(points) < 3 or points.shape[1] == 0:
        raise ValueError(f"UMAP needs at least three points (N, D), but got shape {points.shape}.")
    if not np.isfinite(points).all():
        bad = int((~np.isfinite(points).all(axis=1)).sum())
        raise ValueError(
            f"UMAP needs finite points, but {bad} of {len(points)} contain NaN or infinity. Leave them out."
        )
    if start is not None and (start.shape != (len(points), 2) or not np.isfinite(start).all()):
        raise ValueError(
            f"`start` must hold two finite coordinates for each of the {len(points)} points, but has shape "
            f"{start.shape}. Reset the layout to start from scratch."
        )
    centred = points - points.mean(axis=0, dtype=np.float64)
    rounding = 4 * np.finfo(np.float32).eps * float(np.abs(points).max())
    size = float(np.abs(centred).max())
    return np.asarray(centred / size if size > rounding else np.zeros_like(centred), dtype=np.float32)


def _neighbour_graph(points: Float32, n_neighbors: int, n_epochs: int) -> Any:
    """UMAP's weighted graph without the edges too weak to be visited once in `n_epochs`, as COO."""
    from umap.umap_ import fuzzy_simplicial_set  # late: it takes seconds, and the pipes must be safe first

    near = nearest_neighbours(points, n_neighbors)
    graph, _, _ = fuzzy_simplicial_set(
        points, n_neighbors, None, "euclidean", knn_indices=near.indices, knn_dists=near.distances
    )
    graph = graph.tocoo()
    graph.sum_duplicates()
    graph.data[graph.data < graph.data.max() / n_epochs] = 0.0
    graph.eliminate_zeros()
    return graph


@lru_cache(maxsize=64)
def _curve(min_dist: float) -> tuple[float, float]:
    from umap.umap_ import find_ab_params

    a, b = find_ab_params(1.0, min_dist)
    return a, b


def warm_up() -> float:
    """Make numba compile both the cold and the warm path; returns the seconds it took."""
    import numba

    began = time.perf_counter()
    numba.set_num_threads(1)  # training keeps its core
    points = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    start, _ = lay_out(FitRequest(id=0, points=points, n_epochs=2))
    lay_out(FitRequest(id=0, points=points, start=start, n_epochs=2))
    return time.perf_counter() - began


def _claim_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Reserve the pipes for messages: other output goes to stderr, other input is empty."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _listen(requests: BinaryIO, inbox: Inbox) -> None:
    """Read messages even during a fit, so that a cancel and the end of the parent are obeyed at once."""
    try:
        while (message := read_message(requests)) is not None:
            assert isinstance(message, FitRequest | Cancel)
            inbox.put(message)
        code = 0
    except WireError as error:
        sys.stderr.write(f"{error}\n")
        code = 2
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
