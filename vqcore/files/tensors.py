"""One array of a file whose values have not been read yet."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vqcore.files.errors import CheckpointError, shown
from vqcore.files.stored_tensors import StoredTensor

GIB = 1024**3
LARGEST_CODEBOOK = 4
"""GiB (as float32) of the largest codebook that is read by default: 1,048,576 codes of 1,024 features."""

ALLOWED_BY_DEFAULT = 1.0
allowed_gib: ContextVar[float] = ContextVar("allowed_gib", default=ALLOWED_BY_DEFAULT)
"""GiB of the largest other array that is read at once; `--memory` sets it, for codebooks too if it is larger."""

VALUES_PER_BLOCK = 1 << 22
"""Values in memory at once when an array is streamed."""


class StoredArray(ABC):
    """An array in a file: shape and dtype come from its header, values are read on demand."""

    storage: Hashable = None
    """Equal for arrays that share their values in the file; None if that cannot be known."""

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

    def read(self, *, is_codebook: bool = False) -> NDArray[Any]:
        """All values.

        Raises:
            CheckpointError: if they are more than may be held, or cannot be read.
        """
        self.check_size(is_codebook=is_codebook)
        try:
            return self.part(())
        except MemoryError as error:
            raise CheckpointError(
                f"`{shown(self.key)}` has shape {self.shape} and does not fit into memory. Close other programs."
            ) from error

    def check_size(self, *, is_codebook: bool = False) -> None:
        """Refuse an array that may not be in memory as a whole.

        Raises:
            CheckpointError: with the size, and the flag that allows it.
        """
        needed, allowed = 4 * self.size / GIB, allowed_gib.get()
        allowed = max(LARGEST_CODEBOOK, allowed) if is_codebook else allowed
        if needed > allowed:
            raise CheckpointError(
                f"`{shown(self.key)}` has shape {self.shape} and takes {needed:,.1f} GiB of memory, more than the "
                f"{allowed:g} that it may. Allow it with --memory {math.ceil(needed)}."
            )

    def blocks(self, axis: int) -> Iterator[NDArray[Any]]:
        """All vectors along `axis`, D long, as blocks (n, D) in the order of the other axes."""
        yield from blocks_of(self.part, self.shape, axis)

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


class FileArray(StoredArray):
    """An array whose values lie uncompressed in one place of a file and are read from there at each access."""

    def __init__(self, key: str, tensor: StoredTensor) -> None:
        super().__init__(key)
        self.tensor = tensor
        self.storage = tensor if tensor.size else None

    @property
    def shape(self) -> tuple[int, ...]:
        """As stored."""
        return self.tensor.shape

    @property
    def dtype(self) -> str:
        """As stored."""
        return self.tensor.kind.name

    def part(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """The values at `index`."""
        if self.tensor.kind.stored is None:
            raise CheckpointError(
                f"`{shown(self.key)}` is {self.dtype}, which cannot be read as numbers. Convert it to float32 or "
                "int64, and save again."
            )
        if self.tensor.held < self.size:
            raise CheckpointError(
                f"`{shown(self.key)}` has shape {self.shape}, but the file holds {self.tensor.held:,} values of it. "
                "Save "
                "it again."
            )
        return self.tensor.cut(index).read()


def blocks_of(
    part: Callable[[tuple[slice, ...]], NDArray[Any]], shape: tuple[int, ...], axis: int
) -> Iterator[NDArray[Any]]:
    """The array of this `shape` that `part` reads, as blocks like `StoredArray.blocks`."""
    moved = [size for index, size in enumerate(shape) if index != axis]
    dim = shape[axis]
    split = next((i for i in range(len(moved) + 1) if math.prod(moved[i:]) * dim <= VALUES_PER_BLOCK), len(moved))
    if split == 0:
        yield _rows(part(()), axis)
        return
    rows = max(1, VALUES_PER_BLOCK // (dim * max(1, math.prod(moved[split:]))))
    axes = [index for index in range(len(shape)) if index != axis]  # as `moved` counts them
    for outer in np.ndindex(*moved[: split - 1]):
        for start in range(0, moved[split - 1], rows):
            index = [slice(None)] * len(shape)
            for which, at in zip(axes, outer, strict=False):
                index[which] = slice(at, at + 1)
            index[axes[split - 1]] = slice(start, min(start + rows, moved[split - 1]))
            yield _rows(part(tuple(index)), axis)


def _rows(values: NDArray[Any], axis: int) -> NDArray[Any]:
    return np.moveaxis(values, axis, -1).reshape(-1, values.shape[axis])
