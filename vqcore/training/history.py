"""The curves of one training: written a row at a time on the device, read as numpy. Knows no model."""

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from vqcore.snapshot import Floats, History

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
PENDING_ROWS = 256


class Recorder:
    """Rows wait on the device and come over together, so that recording a step never waits for it."""

    def __init__(self, num_levels: int) -> None:
        self._losses = _Table(len(LOSSES))
        self._measured = [_Table(len(MEASURED)) for _ in range(num_levels)]
        self._measured_at: list[int] = []

    def add_losses(self, *losses: Tensor) -> None:
        """One step's row, in the order of `LOSSES`; steps count from 1."""
        self._losses.add(torch.stack(losses))

    def add_measured(self, step: int, levels: Sequence[Sequence[Tensor]]) -> None:
        """For each level one row in the order of `MEASURED`, made after `step`."""
        for table, values in zip(self._measured, levels, strict=True):
            table.add(torch.stack([value.float() for value in values]))
        self._measured_at.append(step)

    def history(self, level: int = 0) -> History:
        """The curves so far as seen at `level`; what is recorded later does not change it."""
        losses, measured = self._losses.rows(), self._measured[level].rows()
        return History(
            step=np.arange(1, len(losses) + 1),
            losses=_columns(LOSSES, losses),
            measured_at=np.array(self._measured_at, dtype=np.int64),
            measured=_columns(MEASURED, measured),
        )


class _Table:
    def __init__(self, width: int) -> None:
        self._rows = np.empty((PENDING_ROWS, width), dtype=np.float32)
        self._length = 0
        self._pending: list[Tensor] = []

    def add(self, row: Tensor) -> None:
        self._pending.append(row)
        if len(self._pending) == PENDING_ROWS:
            self._fetch()

    def rows(self) -> Floats:
        self._fetch()
        view = self._rows[: self._length]
        view.flags.writeable = False
        return view

    def _fetch(self) -> None:
        if not self._pending:
            return
        new = torch.stack(self._pending).cpu().numpy()
        self._pending.clear()
        end = self._length + len(new)
        if end > len(self._rows):  # doubling; views handed out keep the old block
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows, shape=(end, self._rows.shape[1]))])
        self._rows[self._length : end] = new
        self._length = end


def _columns(names: tuple[str, ...], rows: Floats) -> MappingProxyType[str, Floats]:
    columns = {name: rows[:, index] for index, name in enumerate(names)}
    for column in columns.values():
        column.flags.writeable = False
    return MappingProxyType(columns)
