"""A live session kept as a run on disk: what is remembered of its curves, moments and switches, in one go."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vqcore.runs.writing import RunWriter
from vqcore.snapshot import Snapshot
from vqcore.training.live_session import LiveSession
from vqcore.training.recipe import Recipe
from vqcore.training_record import about_training, names_of, record_moment, record_switch

TRIES = 10
"""Looks at a session whose runs are replaced while they are looked at."""

Levels = tuple[Snapshot, ...]


class Remembered(NamedTuple):
    """One variant of the present run of a session; all parts are of that run."""

    recipe: Recipe
    """What it began with."""

    moments: tuple[tuple[float, Levels], ...]
    """Seconds of training until each moment, and its levels; the last is the newest."""

    broken: str
    """Why it trains no further; empty if it does."""

    @property
    def newest(self) -> Levels:
        """The levels of the newest moment, with their curves."""
        return self.moments[-1][1]


def remembered(session: LiveSession, variant: str | None = None) -> Remembered | None:
    """What `session` remembers of its present run, seen through `variant` or its first; None before its first moment.

    Raises:
        ValueError: if there is no such variant.
    """
    for _ in range(TRIES):
        together, moments = session.together(wish=False), session.moments()
        runs = session.repeatable_of_all()
        if session.together(wish=False).run == together.run:
            break
    name = variant or next(iter(together.levels), None)
    if name is None:
        return None
    if name not in together.levels or name not in runs:
        raise ValueError(f"The session has no variant {name!r}. It has {', '.join(together.levels)}.")
    newest = together.levels[name]
    past = [
        (moment.seconds, moment.snapshots[name])
        for moment in moments
        if name in moment.snapshots and moment.snapshots[name][0].step == moment.step < newest[0].step
    ]
    seconds = next((one.seconds for one in reversed(moments) if one.step <= newest[0].step), 0.0)
    broken = next((one.reason for one in together.broken if one.variant == name), "")
    return Remembered(runs[name].recipe, (*past, (seconds, newest)), broken)


def keep(folder: Path, run: Remembered) -> Path:
    """Write the run to `folder`, or to `folder-2`, `folder-3` … if that holds one; where it was written.

    A step has a line if the held-out vectors were looked at; it has a snapshot if its moment is remembered, as far as
    a run keeps that many. Seconds count the training alone, as if it had ended now.

    Raises:
        OSError: if it cannot be written.
    """
    now = time.time()
    began = now - run.moments[-1][0]
    writer = RunWriter(folder, about_training(folder, run.recipe, run.newest, run.newest[0].step))
    try:
        for event in run.newest[0].events:
            record_switch(writer, event)
        moments = {levels[0].step: (seconds, levels) for seconds, levels in run.moments}
        between = {step: line for step, line in _measured(run.newest) if step not in moments}
        for step in sorted(moments | between):
            if step in moments:
                seconds, levels = moments[step]
                record_moment(writer, run.recipe, levels, began + seconds)
            else:
                writer.append(between[step])
        writer.append({"ended": round(now, 3), "error": run.broken})
    finally:
        writer.close()
    return writer.folder


def _measured(levels: Sequence[Snapshot]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Steps and lines of the curves, but for their oldest part, of which only means over many steps are left."""
    first = levels[0].history
    losses = dict(zip(first.step.tolist(), first.losses["task_loss"].tolist(), strict=True))
    steps = [step for step in first.held_out_at.tolist() if step <= levels[0].step]
    of_training = {name: first.held_out[name].tolist() for name in ("task_loss", "accuracy")}
    for row, step in enumerate(steps):
        told = {
            "loss": losses.get(step, math.nan),
            "held_out_loss": of_training["task_loss"][row],
            "accuracy": of_training["accuracy"][row],
        }
        books = {name: _numbers(level, step) for name, level in zip(names_of(levels), levels, strict=True)}
        there = {name: value for name, value in told.items() if not math.isnan(value)}
        yield step, {"step": step, **there, "codebooks": books}


def _numbers(level: Snapshot, step: int) -> Mapping[str, Any]:
    row = int(np.searchsorted(level.history.held_out_at, step))
    seen = {name: float(column[row]) for name, column in level.history.held_out.items()}
    errors = {name: seen[name] for name in ("perplexity", "quantization_error", "relative_error")}
    return {"vectors": len(level.codes), "in_use": int(seen["in_use"]), **errors}
