"""Runs on disk as pages follow them: read in a thread while somebody looks, and judged moment by moment."""

# T judged steps, K codes

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqcore.files.errors import CheckpointError
from vqcore.projection.pca import FrozenBasis
from vqcore.runs.course import Found, Moment, compared, found_at
from vqcore.runs.layout import METRICS
from vqcore.runs.reading import RecordedCodebook, Run, load_run
from vqcore.training.status import State

READ_SECONDS = 0.5
"""Between two looks at a run that is being written."""

LEFT_SECONDS = 60.0
"""After so long without a look its thread ends; the next look begins another."""

JUDGE_SECONDS = 0.4
"""Of judging before what was found is shown."""

MOST_SNAPSHOTS = 6
"""Snapshots of a run that are kept in memory: the one on show, and those around it."""

REFIT_BELOW = 0.5
"""A plane that keeps less than this share of the variance that the best one would keep is fitted again."""


class Counted(NamedTuple):
    """How often each code was chosen at one recorded step."""

    step: int
    by_codebook: Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class News:
    """A run as it was at one moment; another object once more of it is known."""

    run: Run | None = None
    """None before it is read, or if it cannot be."""

    problem: str = ""
    """One sentence on why not."""

    course: tuple[Moment, ...] = ()
    """What was found at each kept step that has been judged, ascending."""

    usage: tuple[Counted, ...] = ()
    to_judge: int = 0
    """Kept steps that are still to be judged."""

    @property
    def state(self) -> State:
        """As the road of live data has it."""
        if self.run is None:
            return State.BROKEN if self.problem else State.STARTING
        return State.RUNNING if self.run.state == "running" else State.STOPPED


class RecordedRun:
    """One run on disk. Any thread may call anything, and is answered at once but for `snapshot`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.news = News()
        self._seen_at = time.monotonic()
        self._lock = threading.Lock()
        self._published = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._stamp: tuple[int, int] | None = None
        self._found: dict[int, Found | None] = {}
        self._usage: dict[int, Counted] = {}
        self._snapshots: OrderedDict[int, Mapping[str, RecordedCodebook]] = OrderedDict()
        self._planes: dict[str, tuple[FrozenBasis, int]] = {}

    def look(self) -> None:
        """Follow it for another while."""
        self._seen_at = time.monotonic()
        with self._lock:
            if self._stopping.is_set() or (self._thread is not None and self._thread.is_alive()):
                return
            self._thread = threading.Thread(target=self._follow, name="vq-scope-run", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Follow it no longer."""
        self._stopping.set()

    def wait(self, until: Callable[[News], bool], seconds: float = 30.0) -> News:
        """The news, once `until` is true of it, or after so many seconds."""
        with self._published:
            self._published.wait_for(lambda: until(self.news), seconds)
        return self.news

    def snapshot(self, step: int) -> Mapping[str, RecordedCodebook] | None:
        """The codebooks at a kept step, read if need be; None if they are gone or damaged."""
        run = self.news.run
        if run is None:
            return None
        with self._lock:
            if step in self._snapshots:
                self._snapshots.move_to_end(step)
                return self._snapshots[step]
        try:
            read = run.snapshot(step)
        except CheckpointError:
            return None
        with self._lock:
            self._snapshots[step] = read
            while len(self._snapshots) > MOST_SNAPSHOTS:
                self._snapshots.popitem(last=False)
        return read

    def plane(self, codebook: str, step: int, points: NDArray[np.float32]) -> tuple[FrozenBasis, int]:
        """The plane of a codebook's map, and the step that it was fitted at: kept while it still shows enough."""
        with self._lock:
            known = self._planes.get(codebook)
            fits = known is not None and len(known[0].centre) == points.shape[1]
            if known is None or not fits or known[0].captured_share(points) < REFIT_BELOW:
                known = self._planes[codebook] = FrozenBasis.fit(points), step
            return known

    def _follow(self) -> None:
        while not self._stopping.is_set() and time.monotonic() - self._seen_at < LEFT_SECONDS:
            try:
                self._read()
                is_left = self._judge()
            except (CheckpointError, OSError) as error:
                self._tell(News(problem=str(error)))
                is_left = False
            if not is_left:
                self._stopping.wait(READ_SECONDS)

    def _read(self) -> None:
        """Load it again if it has grown, or its writer may have ended."""
        stamp, run = _stamp(self.folder / METRICS), self.news.run
        if run is not None and stamp == self._stamp and run.state != "running":
            return
        read = load_run(self.folder)
        is_same = run is not None and stamp == self._stamp and read.state == run.state
        self._stamp = stamp
        if not is_same:
            self._publish(read)

    def _judge(self) -> bool:
        """Judge kept steps for a while, the newest first, then from the oldest on; returns whether some are left."""
        run, until = self.news.run, time.monotonic() + JUDGE_SECONDS
        if run is None:
            return False
        waiting = [step for step in run.snapshots if step not in self._found]
        waiting = waiting[-1:] + waiting[:-1]
        done = 0
        for step in waiting:
            self._found[step] = found_at(run, step)
            self._count(run, step)
            done += 1
            if self._stopping.is_set() or time.monotonic() > until or done == 1 == len(self._found):
                break
        if done:
            self._publish(run)
        return done < len(waiting)

    def _count(self, run: Run, step: int) -> None:
        try:
            books = run.snapshot(step)
        except CheckpointError:
            return
        counts = {name: book.counts for name, book in books.items() if book.counts is not None}
        self._usage[step] = Counted(step, MappingProxyType(counts))

    def _publish(self, run: Run) -> None:
        """Tell of `run`, in the order of its steps; those that a training goes over again are forgotten."""
        last = run.lines[-1]["step"] if run.lines else -1
        for step in [step for step in self._found if step > last]:
            del self._found[step]
            self._usage.pop(step, None)
        course: list[Moment] = []
        before: Moment | None = None
        for line in run.lines:
            if line["step"] in self._found:
                moment = compared(line, self._found[line["step"]], before)
                course.append(moment)
                before = moment if moment.found is not None else before
        kept = sum(step not in self._found for step in run.snapshots)
        usage = tuple(self._usage[step] for step in sorted(self._usage))
        self._tell(News(run, "", tuple(course), usage, kept))

    def _tell(self, news: News) -> None:
        with self._published:
            self.news = news
            self._published.notify_all()


@dataclass(frozen=True, slots=True)
class OpenedRuns:
    """One run, or several to compare, by an unguessable id."""

    id: str
    runs: tuple[RecordedRun, ...]
    drawing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def watch_id(self) -> str:
        """Names what is shown."""
        return self.id

    def published(self) -> tuple[News, ...]:
        """The newest of each."""
        return tuple(run.news for run in self.runs)

    def look(self, *, at_picture: bool = False) -> None:
        """Follow them for another while."""
        for run in self.runs:
            run.look()

    def stop(self) -> None:
        """Follow them no longer."""
        for run in self.runs:
            run.stop()


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time of a file that is opened for it: over a network, a file's name alone may tell of an older one."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return 0, -1
    try:
        found = os.fstat(handle)
    finally:
        os.close(handle)
    return found.st_mtime_ns, found.st_size
