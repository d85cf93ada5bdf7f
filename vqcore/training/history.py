"""The curves of one training: written row by row on the device, read as numpy."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vqcore.history import Envelope, Floats, History, Ints
from vqcore.training.envelope import GrowingEnvelope, columns

LOSSES = ("task_loss", "commitment_loss", "quantization_error")
MEASURED = (
    "perplexity",
    "active_codes",
    "relative_error",
    "p_spread",
    "c_spread",
    "p_mean_norm",
    "c_mean_norm",
    "moment_distance",
    "gradient_fraction",
)
HELD_OUT = ("in_use", "perplexity", "relative_error", "quantization_error", "task_loss", "accuracy")
PENDING_ROWS = 256
EXACT_ROWS = 8192
"""Newest rows of a table that are always kept one by one; at most twice as many are."""


class Recorder:
    """Rows wait on the device and come over together, so that recording a step never waits for it."""

    def __init__(self, num_levels: int, exact_rows: int = EXACT_ROWS) -> None:
        self._losses = _Table(LOSSES, exact_rows)
        self._measured = [_Table(MEASURED, exact_rows) for _ in range(num_levels)]
        self._held_out = [_Table(HELD_OUT, exact_rows) for _ in range(num_levels)]

    def add_losses(self, step: int, *losses: Tensor) -> None:
        """The row of one step, in the order of `LOSSES`."""
        self._losses.add(step, torch.stack(losses))

    def add_measured(self, step: int, levels: Sequence[Sequence[Tensor]]) -> None:
        """For each level one row in the order of `MEASURED`, made after `step`."""
        for table, values in zip(self._measured, levels, strict=True):
            table.add(step, torch.stack([value.float() for value in values]))

    def add_held_out(self, step: int, levels: Sequence[Sequence[Tensor]]) -> None:
        """For each level one row in the order of `HELD_OUT`, as the model is after `step`."""
        for table, values in zip(self._held_out, levels, strict=True):
            table.add(step, torch.stack([value.float() for value in values]))

    def history(self, level: int = 0) -> History:
        """The curves so far as seen at `level`; what is recorded later does not change it."""
        past_losses, step, losses = self._losses.read()
        past_measured, measured_at, measured = self._measured[level].read()
        past_held_out, held_out_at, held_out = self._held_out[level].read()
        return History(
            step=step,
            losses=columns(LOSSES, losses),
            measured_at=measured_at,
            measured=columns(MEASURED, measured),
            held_out_at=held_out_at,
            held_out=columns(HELD_OUT, held_out),
            past_losses=past_losses,
            past_measured=past_measured,
            past_held_out=past_held_out,
        )

    def keep_rows(self, exact_rows: int) -> None:
        """Keep at least so many newest rows of each table one by one from here on."""
        for table in (self._losses, *self._measured, *self._held_out):
            table.keep_rows(exact_rows)

    @property
    def nbytes(self) -> int:
        """Of all that is kept in the CPU's memory."""
        return sum(table.nbytes for table in (self._losses, *self._measured, *self._held_out))


class _Table:
    """The newest rows in a block twice as long as they must be; when full, its older half joins the envelope."""

    def __init__(self, names: Sequence[str], exact_rows: int) -> None:
        self._exact_rows = max(exact_rows, PENDING_ROWS)
        self._names = names
        self._past = GrowingEnvelope(names)
        self._steps = np.empty(PENDING_ROWS, dtype=np.int64)
        self._rows = np.empty((PENDING_ROWS, len(names)), dtype=np.float32)
        self._length = 0
        self._pending: list[Tensor] = []
        self._pending_steps: list[int] = []

    def add(self, step: int, row: Tensor) -> None:
        self._pending.append(row)
        self._pending_steps.append(step)
        if len(self._pending) == PENDING_ROWS:
            self._fetch()

    def read(self) -> tuple[Envelope, Ints, Floats]:
        self._fetch()
        steps, rows = self._steps[: self._length], self._rows[: self._length]
        steps.flags.writeable = rows.flags.writeable = False
        return self._past.envelope(), steps, rows

    def keep_rows(self, exact_rows: int) -> None:
        self._exact_rows = max(self._exact_rows, exact_rows)

    @property
    def nbytes(self) -> int:
        return self._steps.nbytes + self._rows.nbytes + self._past.nbytes

    def _fetch(self) -> None:
        if not self._pending:
            return
        new = torch.stack(self._pending).cpu().numpy()
        if self._length + len(new) > len(self._rows):
            self._make_room(len(new))
        end = self._length + len(new)
        self._rows[self._length : end] = new
        self._steps[self._length : end] = self._pending_steps
        self._length = end
        self._pending.clear()
        self._pending_steps.clear()

    def _make_room(self, count: int) -> None:
        """A new block, since returned views keep the old one."""
        kept = slice(0, self._length)
        if self._length + count > 2 * self._exact_rows:
            kept = slice(self._length - self._exact_rows, self._length)
            self._past.add(self._steps[: kept.start], self._rows[: kept.start])
        steps, rows = self._steps[kept], self._rows[kept]
        size = min(max(2 * len(self._rows), PENDING_ROWS), 2 * self._exact_rows)
        self._steps, self._rows = np.empty(size, dtype=np.int64), np.empty((size, rows.shape[1]), dtype=np.float32)
        self._length = len(steps)
        self._steps[: self._length], self._rows[: self._length] = steps, rows
