"""The curves of a training so far, bounded: newest rows one by one, older ones in buckets. Needs no torch."""

# T recorded steps, S measurements, H held-out measurements, B buckets, C spans, K codes

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """Rows too old to be kept one by one, in B buckets of consecutive rows, oldest first.

    A non-finite value counts only in `rows`, so that one NaN does not hide its bucket.
    """

    first_step: Ints
    """(B,)"""

    last_step: Ints
    """(B,)"""

    rows: Ints
    """(B,) how many rows each bucket stands for: a power of two, possibly fewer in the newest."""

    finite: MappingProxyType[str, Ints]
    """By column: how many of the rows are finite; each (B,)."""

    low: MappingProxyType[str, Floats]
    """The smallest finite value, NaN if there is none; each (B,)."""

    mean: MappingProxyType[str, Floats]
    """Over the finite values; each (B,)."""

    high: MappingProxyType[str, Floats]

    def until(self, step: int) -> "Envelope":
        """The buckets that end at or before `step`."""
        count = _rows_until(self.last_step, step)
        return Envelope(
            first_step=self.first_step[:count],
            last_step=self.last_step[:count],
            rows=self.rows[:count],
            finite=_first(self.finite, count),
            low=_first(self.low, count),
            mean=_first(self.mean, count),
            high=_first(self.high, count),
        )


NO_INTS: Ints = np.empty(0, dtype=np.int64)
NO_INTS.flags.writeable = False
_NOTHING: MappingProxyType[str, Any] = MappingProxyType({})
NO_ENVELOPE = Envelope(
    first_step=NO_INTS, last_step=NO_INTS, rows=NO_INTS, finite=_NOTHING, low=_NOTHING, mean=_NOTHING, high=_NOTHING
)


class Points(NamedTuple):
    """One curve from its first row to its newest: buckets for old rows, then the rows themselves.

    At a row, `low`, `mean` and `high` are its value, and `finite` is 1 or 0.
    """

    last_step: Ints
    rows: Ints
    finite: Ints
    low: Floats
    mean: Floats
    high: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageColumns:
    """How often each code was used in C consecutive spans of steps, from the first step on."""

    first_step: Ints
    """(C,)"""

    last_step: Ints
    """(C,) all spans have the same length, a power of two, except the newest."""

    counts: Floats
    """(C, K) assignments; whole numbers up to 2²⁴, rounded beyond."""

    born: Ints
    """(K,) when each code was first used, −1: never; the first step of its span, at the span length of that time."""

    def until(self, step: int) -> "UsageColumns":
        """The spans that end at or before `step`."""
        count = _rows_until(self.last_step, step)
        return UsageColumns(
            first_step=self.first_step[:count],
            last_step=self.last_step[:count],
            counts=self.counts[:count],
            born=np.where(self.born <= step, self.born, -1),
        )


NO_USAGE = UsageColumns(
    first_step=NO_INTS, last_step=NO_INTS, counts=np.empty((0, 0), dtype=np.float32), born=NO_INTS
)


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """Curves so far. Columns of one table have equal lengths.

    The newest rows are kept one by one, older ones in an envelope; `points` joins both into one curve.
    """

    step: Ints
    """(T,) 1-based, one row per step."""

    losses: MappingProxyType[str, Floats]
    """Per step: task_loss, commitment_loss, quantization_error; each (T,)."""

    measured_at: Ints
    """(S,) the steps at which the slower measurements were taken."""

    measured: MappingProxyType[str, Floats]
    """perplexity, active_codes, and the others in `Metrics`; each (S,)."""

    held_out_at: Ints = field(default_factory=lambda: NO_INTS)
    """(H,) the steps at which the held-out monitor inputs were passed through the model."""

    held_out: MappingProxyType[str, Floats] = field(default_factory=lambda: _NOTHING)
    """What `HeldOutMetrics` names; each (H,). Accuracy is NaN where there are no classes."""

    past_losses: Envelope = NO_ENVELOPE
    """Buckets of the steps before `step`."""

    past_measured: Envelope = NO_ENVELOPE
    """Buckets of the measurements before `measured_at`."""

    past_held_out: Envelope = NO_ENVELOPE
    """Of the measurements before `held_out_at`."""

    usage: UsageColumns = NO_USAGE

    def points(self, name: str) -> Points:
        """The whole curve of a column of `losses` or `measured`, or of `held_out` as `held_out.NAME`."""
        column = name.removeprefix("held_out.")
        if column != name:
            past, steps, values = self.past_held_out, self.held_out_at, self.held_out[column]
        elif name in self.losses:
            past, steps, values = self.past_losses, self.step, self.losses[name]
        else:
            past, steps, values = self.past_measured, self.measured_at, self.measured[name]
        finite = np.isfinite(values).astype(np.int64)
        if len(past.rows) == 0:
            return Points(steps, np.ones_like(steps), finite, values, values, values)
        return Points(
            np.concatenate([past.last_step, steps]),
            np.concatenate([past.rows, np.ones_like(steps)]),
            np.concatenate([past.finite[column], finite]),
            *(np.concatenate([of[column], values]) for of in (past.low, past.mean, past.high)),
        )

    def thinned(self, most: int) -> "History":
        """The same curves in at most `most` rows each, of means over equally many steps; without usage."""
        step, losses = _thinned(self.past_losses, self.step, self.losses, most)
        measured_at, measured = _thinned(self.past_measured, self.measured_at, self.measured, most)
        held_out_at, held_out = _thinned(self.past_held_out, self.held_out_at, self.held_out, most)
        return History(
            step=step,
            losses=losses,
            measured_at=measured_at,
            measured=measured,
            held_out_at=held_out_at,
            held_out=held_out,
        )

    def until(self, step: int) -> "History":
        """The part up to `step`; a bucket or span that extends beyond it is left out."""
        losses, measured = _rows_until(self.step, step), _rows_until(self.measured_at, step)
        held_out = _rows_until(self.held_out_at, step)
        return History(
            step=self.step[:losses],
            losses=_first(self.losses, losses),
            measured_at=self.measured_at[:measured],
            measured=_first(self.measured, measured),
            held_out_at=self.held_out_at[:held_out],
            held_out=_first(self.held_out, held_out),
            past_losses=self.past_losses.until(step),
            past_measured=self.past_measured.until(step),
            past_held_out=self.past_held_out.until(step),
            usage=self.usage.until(step),
        )


NO_HISTORY = History(step=NO_INTS, losses=_NOTHING, measured_at=NO_INTS, measured=_NOTHING)


def _rows_until(last_step: Ints, step: int) -> int:
    return int(np.searchsorted(last_step, step, side="right"))


def _thinned(
    past: Envelope, steps: Ints, columns: MappingProxyType[str, Floats], most: int
) -> tuple[Ints, MappingProxyType[str, Floats]]:
    """The last step of each of at most `most` groups of rows, and the mean of each column over its finite rows."""
    rows = np.concatenate([past.rows, np.ones_like(steps)])
    if len(rows) == 0:
        return steps, columns
    until = np.cumsum(rows)
    starts = np.flatnonzero(np.diff((until - 1) * most // until[-1], prepend=-1))
    last = np.append(starts[1:], len(rows)) - 1

    def mean(name: str, values: Floats) -> Floats:
        there = np.isfinite(values).astype(np.int64)
        finite = np.concatenate([past.finite[name], there]) if len(past.rows) else there
        means = np.concatenate([past.mean[name], values]) if len(past.rows) else values
        total = np.add.reduceat(np.where(finite > 0, means, 0).astype(np.float64) * finite, starts)
        count = np.add.reduceat(finite, starts)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)

    kept = {name: mean(name, values) for name, values in columns.items()}
    return np.concatenate([past.last_step, steps])[last], MappingProxyType(kept)


def _first(columns: MappingProxyType[str, Any], count: int) -> MappingProxyType[str, Any]:
    return MappingProxyType({name: column[:count] for name, column in columns.items()})
