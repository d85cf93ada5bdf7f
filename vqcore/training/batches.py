"""The order in which training inputs are seen, drawn from a seed."""

from typing import Self

import torch
from torch import Tensor


class ShuffledBatches:
    """Indices (B,) of one batch after another, endlessly, on `device`.

    Each pass over the inputs has its own order, the same on every device. A copy continues like the original,
    which a generator function could not.
    """

    def __init__(self, num_inputs: int, batch_size: int, *, seed: int, device: torch.device) -> None:
        self._num_inputs = num_inputs
        self._size = min(batch_size, num_inputs)
        self._generator = torch.Generator().manual_seed(seed)
        self._device = device
        self._order = torch.empty(0, dtype=torch.int64)
        self._next = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Tensor:
        if self._next + self._size > len(self._order):
            self._order = torch.randperm(self._num_inputs, generator=self._generator).to(self._device)
            self._next = 0
        start, self._next = self._next, self._next + self._size
        return self._order[start : self._next]
