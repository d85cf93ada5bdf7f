"""A folder of checkpoints while a training fills it: each new file is examined once, in the light of those before."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from vqcore.diagnostics.finding import Finding
from vqcore.doctor.examination import Request
from vqcore.doctor.following import CheckpointCourse, Moment
from vqcore.files.errors import CheckpointError
from vqcore.files.series import Point, Skipped, open_series, skipped_for

Stamp = tuple[int, int]
"""When a file was last written to, and its size."""


class Arrived(NamedTuple):
    """A checkpoint that was not there before, examined."""

    point: Point
    moments: tuple[Moment, ...]
    """One for each codebook in use."""

    found: Mapping[str, tuple[Finding, ...]]
    """The findings on each by its label, the worst first."""

    begins: bool
    """Whether a training begins with it: the first one, or one whose step is lower than the last one's."""


class CheckpointTail:
    """Looks at a folder again and again. A file that is written over counts as new."""

    def __init__(self, folder: Path) -> None:
        self._request = Request(path=folder)
        self._course = CheckpointCourse(self._request)
        self._done: dict[Path, Stamp] = {}
        self._refused: dict[Path, Stamp] = {}

    def look(self, *, is_last: bool = False) -> Iterator[Arrived | Skipped]:
        """What has come since the last look, in the order of training.

        A file that cannot be read may still be written: it is named once it stays as it is until the next look, or at
        once if this is the last one.

        Raises:
            CheckpointError: if the folder cannot be read, or holds no checkpoint.
        """
        series = open_series(self._request.path)
        for skipped in series.skipped:
            yield from self._refuse(skipped, is_last=is_last)
        for point in series.points:
            stamp = _stamp(point.path)
            if stamp != self._done.get(point.path):
                yield from self._examined(point, stamp, is_last=is_last)

    def _examined(self, point: Point, stamp: Stamp, *, is_last: bool) -> Iterator[Arrived | Skipped]:
        last = self._course.newest
        begins = last is None or point.step < last.step or point.unit != last.unit
        course = CheckpointCourse(self._request) if begins else self._course
        try:
            moments = course.add(point)
            examination = course.examination()
        except Exception as error:
            yield from self._refuse(skipped_for(error, point.path), is_last=is_last)
            return
        self._course, self._done[point.path] = course, stamp
        in_use = {one.codebook for one in moments}
        found = {one.codebook.label: one.findings for one in examination.examined if one.codebook.label in in_use}
        yield Arrived(point, moments, found, begins)

    def _refuse(self, skipped: Skipped, *, is_last: bool) -> Iterator[Skipped]:
        stamp = _stamp(skipped.path)
        if self._done.get(skipped.path) == stamp:
            return
        if is_last or self._refused.get(skipped.path) == stamp:
            self._done[skipped.path] = stamp
            yield skipped
        self._refused[skipped.path] = stamp


def holds_checkpoints(folder: Path) -> bool:
    """Whether there is any in `folder`, or right below it."""
    try:
        return bool(open_series(folder).points)
    except CheckpointError:
        return False


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return 0, -1
    return found.st_mtime_ns, found.st_size
