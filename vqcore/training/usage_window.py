"""Code usage over the newest batches and over the whole training, counted on the device."""

# K codes

import numpy as np
import torch
from torch import Tensor

from vqcore.capture import read_only
from vqcore.history import UsageColumns

USAGE_WINDOW = 50
"""Batches over which usage is counted."""

MOST_COLUMNS = 256
MOST_CELLS = 2**21
"""Of usage through time: with more than 8,192 codes it has fewer than `MOST_COLUMNS` columns."""


class UsageWindow:
    """How often each code was used in the last `USAGE_WINDOW` batches, and in equal spans since the first."""

    def __init__(self, num_codes: int, device: torch.device) -> None:
        self.counts = torch.zeros(num_codes, dtype=torch.int64, device=device)
        """(K,) over the whole window."""

        self._batches = torch.zeros(USAGE_WINDOW, num_codes, dtype=torch.int32, device=device)
        self._seen = 0
        self._past = _Columns(num_codes, device)

    def tensors(self) -> tuple[Tensor, ...]:
        """All that it keeps."""
        return self.counts, self._batches, *self._past.tensors()

    @property
    def num_batches(self) -> int:
        """How many batches the window holds now."""
        return min(self._seen, USAGE_WINDOW)

    def add(self, codes: Tensor) -> Tensor:
        """Count one batch's `codes`, of any shape, in place of the oldest; returns its counts (K,)."""
        ones = torch.ones(codes.numel(), dtype=torch.int32, device=codes.device)
        newest = torch.zeros_like(self._batches[0]).index_add_(0, codes.flatten(), ones)
        oldest = self._batches[self._seen % USAGE_WINDOW]
        self.counts.add_(newest).sub_(oldest)
        oldest.copy_(newest)
        self._seen += 1
        self._past.add(newest)
        return newest

    def through_time(self) -> UsageColumns:
        """Usage since the first batch, which is that of step 1; what is counted later does not change it."""
        return self._past.read()


class _Columns:
    """Spans of 2ⁿ steps; when there is no room for one more, they merge in pairs."""

    def __init__(self, num_codes: int, device: torch.device) -> None:
        self._most = max(16, min(MOST_COLUMNS, MOST_CELLS // num_codes))  # even, as it is merged in pairs
        self._most -= self._most % 2
        self._closed = torch.zeros(self._most, num_codes, device=device)
        self._num_closed = 0
        self._open = torch.zeros(num_codes, dtype=torch.int64, device=device)
        self._open_steps = 0
        self._span = 1
        self._born = torch.full((num_codes,), -1, dtype=torch.int64, device=device)

    def tensors(self) -> tuple[Tensor, ...]:
        return self._closed, self._open, self._born

    def add(self, counts: Tensor) -> None:
        self._open.add_(counts)
        self._open_steps += 1
        if self._open_steps == self._span:
            self._close()

    def read(self) -> UsageColumns:
        newest = self._open[None].float() if self._open_steps else self._closed[:0]
        counts = read_only(torch.cat([self._closed[: self._num_closed], newest]))
        first = 1 + self._span * np.arange(len(counts))
        steps = self._span * self._num_closed + self._open_steps
        last = np.minimum(first + self._span - 1, steps)
        first.flags.writeable = last.flags.writeable = False
        return UsageColumns(first_step=first, last_step=last, counts=counts, born=read_only(self._births()))

    def _births(self) -> Tensor:
        return torch.where((self._born < 0) & (self._open > 0), 1 + self._span * self._num_closed, self._born)

    def _close(self) -> None:
        self._born = self._births()
        self._closed[self._num_closed].copy_(self._open)
        self._open.zero_()
        self._open_steps = 0
        self._num_closed += 1
        if self._num_closed == self._most:
            half = self._most // 2
            self._closed[:half] = self._closed[::2] + self._closed[1::2]
            self._num_closed = half
            self._span *= 2
