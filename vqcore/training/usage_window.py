"""Code usage over the newest batches, counted on the device. Knows no model."""

# K codes

import torch
from torch import Tensor

USAGE_WINDOW = 50
"""Batches over which usage is counted."""


class UsageWindow:
    """How often each code was used in the last `USAGE_WINDOW` batches."""

    def __init__(self, num_codes: int, device: torch.device) -> None:
        self.counts = torch.zeros(num_codes, dtype=torch.int64, device=device)
        """(K,) over the whole window."""

        self._batches = torch.zeros(USAGE_WINDOW, num_codes, dtype=torch.int32, device=device)
        self._seen = 0

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
        return newest
