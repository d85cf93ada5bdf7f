"""A run followed while it is written, from outside its training: every recorded step, and what turns severe."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from vqcore.files.errors import shown
from vqcore.runs.course import Found, Moment, Onset, moments, onsets
from vqcore.runs.layout import ABOUT
from vqcore.runs.reading import Run, RunReader

SECONDS = 2.0
"""Between two looks."""


class Alert(NamedTuple):
    """What one look at a run found to have turned severe."""

    folder: Path
    onsets: tuple[Onset, ...]
    """The earliest first, causes before effects."""

    @property
    def text(self) -> str:
        """A line for each finding."""
        return "\n".join(f"{shown(self.folder)}: {_sentence(one)}" for one in self.onsets)


class Followed(NamedTuple):
    """A run as the last look at it found it."""

    run: Run
    found: Found | None
    """The findings at its newest step of which a snapshot can be read."""


def follow(
    folder: str | os.PathLike[str],
    on_alert: Callable[[Alert], None] | None = None,
    *,
    on_moment: Callable[[Run, Moment], None] | None = None,
    seconds: float | None = SECONDS,
) -> Followed:
    """Look at the run in `folder` again and again until its training ends, and call back.

    Judging costs some hundredths of a second for each recorded step: call it in another process than the training's.
    What a callback raises ends it.

    Args:
        folder: of a run, or of one whose processes write `rank0`, `rank1` … below it.
        on_alert: called when findings turn severe, once a look; on the first look with those that are severe at the
            newest step.
        on_moment: called for each recorded step.
        seconds: between two looks; None looks once.

    Raises:
        CheckpointError: one sentence, for a folder without a run that can be opened.
    """
    reader, last, seen, is_first = RunReader(of_first_rank(Path(folder))), None, 0, True
    while True:
        run, fresh = reader.read(), list[Moment]()
        for moment in moments(run, after=seen, last=last):
            fresh.append(moment)
            last = moment if moment.found is not None else last
            if on_moment is not None:
                on_moment(run, moment)
        turned = turned_severe(fresh, last, is_first=is_first)
        if turned and on_alert is not None:
            on_alert(Alert(run.folder, turned))
        if seconds is None or run.state != "running":
            return Followed(run, None if last is None else last.found)
        seen, is_first = len(run.lines), False
        time.sleep(seconds)


def turned_severe(fresh: Sequence[Moment], last: Moment | None, *, is_first: bool) -> tuple[Onset, ...]:
    """What turned severe at one of the `fresh` moments, also if it is over by the last of them.

    On the first look, what is severe at the `last`, with the step at which it turned so: what is over is no news.
    """
    if is_first:
        return onsets(fresh, last.step) if last is not None else ()
    return tuple(
        Onset(name, finding, moment.before, moment.step)
        for moment in fresh
        for name, finding in moment.began
        if finding.severity == "severe"
    )


def of_first_rank(folder: Path) -> Path:
    """The folder of the run in `folder`, or of the first of its processes."""
    first = folder / "rank0"
    return first if not (folder / ABOUT).exists() and (first / ABOUT).exists() else folder


def _sentence(one: Onset) -> str:
    since = f"at step {one.by:,}" if one.after is None else f"between step {one.after:,} and {one.by:,}"
    return f"{shown(one.codebook)} turned severe {since}: {one.finding.title}"
