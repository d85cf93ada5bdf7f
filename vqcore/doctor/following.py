"""A folder of checkpoints of one training: what became of each codebook, and an examination of the newest."""

# K codes, D features

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vqcore.checkpoints.contents import Codebook
from vqcore.checkpoints.effective import Vectors
from vqcore.diagnostics.evidence import Evidence, TrainingEvidence
from vqcore.diagnostics.geometry import total_spread
from vqcore.diagnostics.training_findings import index_churn
from vqcore.diagnostics.wording import percent
from vqcore.doctor.examination import (
    Examination,
    Examined,
    Reading,
    Request,
    check_given,
    examine,
    opened,
    reading_of,
)
from vqcore.doctor.measuring import Progress
from vqcore.doctor.report import UsageSummary, summary_of
from vqcore.files.errors import CheckpointError, shown
from vqcore.files.series import Point, Series, Skipped, open_series, skipped_for


class Movement(NamedTuple):
    """The change from one codebook of the series to the next."""

    codes: int
    """Number of code vectors that changed."""

    distance: float
    """Root mean square over all codes of the distance that they moved."""

    relative: float
    """That over the spread of the codes before; infinite if they were one point."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """One codebook in one checkpoint."""

    point: Point
    codebook: str
    """Its label, which identifies it in the other checkpoints."""

    num_codes: int
    dim: int
    usage: UsageSummary | None
    """Usage by the statistics in the file, if it has meaningful ones."""

    mean_norm: float
    largest_norm: float
    moved: Movement | None
    """Movement since the previous checkpoint that has it in the same shape; None in the first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Following:
    """A training, seen through its checkpoints."""

    folder: Path
    series: Series
    moments: tuple[Moment, ...]
    """Points in the order of training; several codebooks of one checkpoint stand together."""

    skipped: tuple[Skipped, ...]
    """Files of the folder that were skipped, and why."""

    examination: Examination
    """Examination of the newest checkpoint, with the earlier ones as evidence."""

    @property
    def newest(self) -> Point:
        """The checkpoint that is examined."""
        return self.moments[-1].point


class _Trace(NamedTuple):
    """What is remembered about a codebook while later checkpoints are read."""

    first: Vectors
    first_point: int
    """Index of `first` among the checkpoints that were read."""

    last: Vectors
    same_since: int
    """The checkpoint since which it has not changed."""


class CheckpointCourse:
    """What is remembered of one training while its checkpoints are read one after the other, in their order."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._read: list[Point] = []
        self._traces: dict[str, _Trace] = {}
        self._newest: Reading | None = None
        self._labels: tuple[str, ...] = ()

    @property
    def newest(self) -> Point | None:
        """The last checkpoint that could be read."""
        return self._read[-1] if self._read else None

    def add(self, point: Point) -> tuple[Moment, ...]:
        """Read the next checkpoint: each of its codebooks. One that cannot be read changes nothing.

        Raises:
            Exception: of any kind, since files of others can be anything.
        """
        reading = _reading_at(point, self._request)
        seen = self._traces.copy()
        found = tuple(_moment(point, *one, seen, len(self._read)) for one in _codebooks_in(reading))
        self._traces, self._newest, self._labels = seen, reading, tuple(one.codebook for one in found)
        self._read.append(point)
        return found

    def examination(self, progress: Progress | None = None) -> Examination:
        """Examine the newest checkpoint, with the earlier ones as evidence."""
        assert self._newest is not None
        request, read, traces = self._request, self._read, self._traces
        known = {
            label: replace(_history(traces[label], read), frozen=request.frozen, threshold=request.threshold)
            for label in self._labels
        }
        reading = _in_the_light_of(known, self._newest)
        examination = examine(replace(request, path=read[-1].path), progress=progress, reading=reading)
        notes = {label: _stillness(traces[label], read) for label in self._labels}
        first = {label: read[traces[label].first_point] for label in self._labels}
        examined = tuple(
            replace(one, read=(*one.read, *filter(None, (notes.get(label, ""), _churn(one, first.get(label))))))
            for one, label in ((one, one.codebook.label) for one in examination.examined)
        )
        return replace(examination, examined=examined)


def follow(request: Request, *, progress: Progress | None = None) -> Following:
    """Read every checkpoint in the folder `request.path`, and diagnose the newest.

    Latents and codes are compared only with the newest, whose encoder should have produced them.

    Args:
        request: what to examine; its path is a folder.
        progress: called with checkpoints done and checkpoints in all, then latents; an exception ends the work.

    Raises:
        CheckpointError: if it is not a folder, or none of its files can be read.
    """
    check_given(request)
    series, course = open_series(request.path), CheckpointCourse(request)
    moments: list[Moment] = []
    skipped = list(series.skipped)
    for done, point in enumerate(series.points, start=1):
        try:
            moments += course.add(point)
        except Exception as error:
            skipped.append(skipped_for(error, point.path))
        if progress is not None:
            progress(done, len(series.points))
    if course.newest is None:
        raise CheckpointError(
            f"`{shown(request.path)}` holds no checkpoint with a codebook. The first says: {skipped[0].reason}"
        )
    return Following(
        folder=request.path,
        series=series,
        moments=tuple(moments),
        skipped=tuple(skipped),
        examination=course.examination(progress),
    )


def _reading_at(point: Point, request: Request) -> Reading:
    checkpoint = opened(request, point.path)
    if not checkpoint.codebooks:
        raise CheckpointError(
            f"`{shown(point.path)}` has no codebook that any rule recognizes. Name one with --codebook KEY."
        )
    return reading_of(checkpoint)


def _codebooks_in(reading: Reading) -> Iterator[tuple[Codebook, Evidence]]:
    """The codebooks in use; averages and best copies only if there are no others."""
    books = reading.checkpoint.codebooks
    for book, evidence in zip(books, reading.evidence, strict=True):
        if book.copy == "main" or all(one.copy != "main" for one in books):
            yield book, evidence


def _in_the_light_of(known: Mapping[str, TrainingEvidence], reading: Reading) -> Reading:
    evidence = tuple(
        replace(one, training=known.get(book.label, one.training))
        for book, one in zip(reading.checkpoint.codebooks, reading.evidence, strict=True)
    )
    return reading._replace(evidence=evidence)


def _moment(point: Point, book: Codebook, evidence: Evidence, traces: dict[str, _Trace], at: int) -> Moment:
    """The codebook now, which `traces` then remember."""
    vectors, before, moved = evidence.codebook, traces.get(book.label), None
    if before is None or before.last.shape != vectors.shape:
        traces[book.label] = _Trace(vectors, at, vectors, at)
    else:
        moved = _movement(before.last, vectors)
        traces[book.label] = before._replace(last=vectors, same_since=at if moved.codes else before.same_since)
    with np.errstate(all="ignore"):  # a broken codebook is for the diagnosis
        norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    return Moment(
        point=point,
        codebook=book.label,
        num_codes=book.num_codes,
        dim=book.dim,
        usage=summary_of(evidence.usage),
        mean_norm=float(norms.mean()),
        largest_norm=float(norms.max()),
        moved=moved,
    )


def _movement(before: Vectors, now: Vectors) -> Movement:
    with np.errstate(all="ignore"):
        changed = ~((before == now) | (np.isnan(before) & np.isnan(now))).all(1)
        distance = float(np.sqrt(np.square(now.astype(np.float64) - before).sum(1).mean()))
        spread = total_spread(before)
        relative = distance / spread if spread > 0 else (0.0 if distance == 0 else float("inf"))
    return Movement(int(changed.sum()), distance, relative)


def _history(trace: _Trace, read: list[Point]) -> TrainingEvidence:
    """The first checkpoint as the start of the newest; nothing if there was no training in between."""
    first, last = read[trace.first_point], read[-1]
    if last.step <= first.step:  # `last.ckpt` beside the step that it is a copy of
        return TrainingEvidence()
    if last.unit == "number":  # of what is not known
        return TrainingEvidence(
            steps=len(read) - 1 - trace.first_point, unit="checkpoint", initial_codebook=trace.first
        )
    return TrainingEvidence(steps=last.step - first.step, unit=last.unit, initial_codebook=trace.first)


def _churn(one: Examined, first: Point | None) -> str:
    """How many of the latents another codebook gives another code, in a sentence; empty where that is not known."""
    churn = index_churn(one.evidence)
    if churn is None or first is None:
        return ""
    return f"the codebook of {first.unit} {first.step:,} gives {percent(churn)} of these latents another code"


def _stillness(trace: _Trace, read: list[Point]) -> str:
    """Since when the codebook has not changed, in a sentence; empty if it changed in the newest checkpoint."""
    since = read[trace.same_since]
    if since.step >= read[-1].step:
        return ""
    return f"earlier checkpoints: the code vectors have not changed since {since.unit} {since.step:,}"
