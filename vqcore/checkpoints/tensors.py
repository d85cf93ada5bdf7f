"""One array of a file whose values have not been read yet. Knows no format."""

import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vqcore.checkpoints.errors import CheckpointError, shown

LARGEST_READ = 4 * 1024**3
"""Bytes (as float32) of the largest array that is read whole: 1,048,576 codes of 1,024 features."""

VALUES_PER_BLOCK = 1 << 22
"""Values in memory at once where an array is streamed."""


class StoredArray(ABC):
    """An array in a file: its shape and dtype cost its header, its values are read when asked for."""

    storage: Hashable = None
    """Equal for arrays that share their values in the file; None where that cannot be known."""

    def __init__(self, key: str) -> None:
        self.key = key

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """As stored."""

    @property
    @abstractmethod
    def dtype(self) -> str:
        """As torch and numpy name it: float32, bfloat16, int64."""

    @abstractmethod
    def part(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """The values at `index`, one slice for each of the first axes; floats in float32 or better."""

    def read(self) -> NDArray[Any]:
        """All values.

        Raises:
            CheckpointError: where they are too many to hold, or cannot be read.
        """
        if 4 * self.size > LARGEST_READ:
            raise CheckpointError(
                f"`{shown(self.key)}` has shape {self.shape}, more than the {LARGEST_READ // 1024**3} GiB that are "
                "read at once. Name another key."
            )
        return self.part(())

    def blocks(self, axis: int) -> Iterator[NDArray[Any]]:
        """All vectors along `axis`, D long, as blocks (n, D) in the order of the other axes."""
        moved = [size for index, size in enumerate(self.shape) if index != axis]
        dim = self.shape[axis]
        split = next((i for i in range(len(moved) + 1) if math.prod(moved[i:]) * dim <= VALUES_PER_BLOCK), len(moved))
        if split == 0:
            yield _rows(self.part(()), axis)
            return
        rows = max(1, VALUES_PER_BLOCK // (dim * max(1, math.prod(moved[split:]))))
        axes = [index for index in range(len(self.shape)) if index != axis]  # as `moved` counts them
        for outer in np.ndindex(*moved[: split - 1]):
            for start in range(0, moved[split - 1], rows):
                index = [slice(None)] * len(self.shape)
                for which, at in zip(axes, outer, strict=False):
                    index[which] = slice(at, at + 1)
                index[axes[split - 1]] = slice(start, min(start + rows, moved[split - 1]))
                yield _rows(self.part(tuple(index)), axis)

    @property
    def size(self) -> int:
        """How many values."""
        return math.prod(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether the values are real numbers."""
        return "float" in self.dtype

    @property
    def is_whole(self) -> bool:
        """Whether the values are whole numbers."""
        return "int" in self.dtype


class TorchArray(StoredArray):
    """A tensor that torch has mapped into memory, or loaded."""

    def __init__(self, key: str, tensor: Tensor) -> None:
        super().__init__(key)
        self.tensor = tensor
        first = tensor.storage_offset()
        self.storage = (tensor.untyped_storage().data_ptr(), first, tuple(tensor.shape)) if tensor.numel() else None

    @property
    def shape(self) -> tuple[int, ...]:
        """As stored."""
        return tuple(self.tensor.shape)

    @property
    def dtype(self) -> str:
        """As stored."""
        return str(self.tensor.dtype).removeprefix("torch.")

    def part(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """The values at `index`."""
        held = self.tensor.untyped_storage().nbytes() // self.tensor.element_size()
        if held < self.size:
            raise CheckpointError(
                f"`{shown(self.key)}` has shape {self.shape}, but the file holds {held:,} values of it."
            )
        return as_numpy(self.tensor[index])


def as_numpy(tensor: Tensor) -> NDArray[Any]:
    """A copy of `tensor` as numpy, floats in float32 or better."""
    tensor = tensor.detach()
    if tensor.is_floating_point() and tensor.dtype != torch.float64:
        tensor = tensor.float()
    return np.array(tensor.numpy())


def _rows(values: NDArray[Any], axis: int) -> NDArray[Any]:
    return np.moveaxis(values, axis, -1).reshape(-1, values.shape[axis])
