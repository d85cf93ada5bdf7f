"""Tensors as a file describes them: where their values lie, which are read on demand."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from vqcore.files.kinds import Kind
from vqcore.files.regular_files import RegularFile

SHORTEST_SPAN = 1 << 20
"""Bytes that are read at once even if only few of them are wanted."""

MOST_AXES = 32
LARGEST_INDEX = 1 << 62


class Storage(NamedTuple):
    """Bytes of a file of which one or several tensors are views."""

    file: RegularFile
    start: int
    size: int
    big_endian: bool = False


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A view of a storage."""

    storage: Storage
    kind: Kind
    offset: int
    """Of the first value, in values."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    """In values."""

    negative: bool = False
    """torch's neg bit: what is stored is −x."""

    conjugate: bool = False
    """torch's conj bit."""

    def __post_init__(self) -> None:
        for sizes in (self.shape, self.strides):
            if not all(type(size) is int and 0 <= size < LARGEST_INDEX for size in sizes):
                raise ValueError("a tensor's shape and strides must be whole numbers from 0 up")
        if len(self.shape) != len(self.strides) or len(self.shape) > MOST_AXES:
            raise ValueError(f"a tensor of {len(self.shape)} axes and {len(self.strides)} strides")
        if type(self.offset) is not int or self.offset < 0:
            raise ValueError(f"a tensor that begins at value {self.offset}")
        if self.kind.stored is not None and self.size and self.offset + self.span > self.held:
            raise ValueError(f"a tensor of shape {self.shape} over {self.held:,} values")

    @property
    def size(self) -> int:
        """How many values."""
        return math.prod(self.shape)

    @property
    def span(self) -> int:
        """How many values lie from the first to the last, both included."""
        return 1 + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))

    @property
    def held(self) -> int:
        """How many values the whole storage has."""
        assert self.kind.stored is not None
        return self.storage.size // self.kind.stored.itemsize

    def cut(self, index: tuple[slice, ...]) -> "StoredTensor":
        """The part at `index`, one slice of step 1 for each of the first axes."""
        offset, shape = self.offset, list(self.shape)
        for axis, part in enumerate(index):
            start, stop, _ = part.indices(shape[axis])
            offset += start * self.strides[axis]
            shape[axis] = max(0, stop - start)
        return StoredTensor(
            self.storage, self.kind, offset, tuple(shape), self.strides, self.negative, self.conjugate
        )

    def read(self) -> NDArray[Any]:
        """The values, floats in float32 or better.

        Raises:
            CheckpointError: if the file has changed since it was opened.
        """
        assert self.kind.stored is not None
        if self.size == 0:
            return self._understood(np.empty(self.shape, self.kind.stored))
        if self._is_read_at_once(self.size, self.span):
            return self._understood(self._at_once(self.offset, self.shape, self.strides))
        stored = np.empty(self.shape, self.kind.stored)
        axes = sorted(range(len(self.shape)), key=lambda axis: -self.strides[axis])
        self._fill(stored.transpose(axes), self.offset, tuple(self.strides[axis] for axis in axes))
        return self._understood(stored)

    def _fill(self, values: NDArray[Any], offset: int, strides: tuple[int, ...]) -> None:
        """Fill `values`, whose axes come from the longest of `strides` to the shortest, piece by piece."""
        span = 1 + sum((size - 1) * stride for size, stride in zip(values.shape, strides, strict=True))
        if self._is_read_at_once(values.size, span):
            values[...] = self._at_once(offset, values.shape, strides)
        elif len(values) == 1:
            self._fill(values[0], offset, strides[1:])
        else:
            count = max(1, min(SHORTEST_SPAN // values.itemsize // strides[0], len(values) // 2))
            for first in range(0, len(values), count):
                self._fill(values[first : first + count], offset + first * strides[0], strides)

    def _is_read_at_once(self, wanted: int, span: int) -> bool:
        assert self.kind.stored is not None
        return span <= 2 * wanted or span * self.kind.stored.itemsize <= SHORTEST_SPAN

    def _at_once(self, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> NDArray[Any]:
        assert self.kind.stored is not None
        width = self.kind.stored.itemsize
        span = 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        stored = self.kind.stored.newbyteorder(">") if self.storage.big_endian else self.kind.stored
        values = np.empty(span, stored)
        self.storage.file.fill(values.view(np.uint8).data, self.storage.start + offset * width)
        return np.ndarray(shape, stored, values, strides=tuple(width * stride for stride in strides))

    def _understood(self, stored: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(all="ignore"):  # a signalling NaN
            values = widened(_meant(stored, self.kind))
            if self.negative:
                values = -values
            return values.conj() if self.conjugate else values


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides, in values, of an array that lies row by row.

    >>> contiguous((2, 3, 4))
    (12, 4, 1)
    """
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def widened(values: NDArray[Any]) -> NDArray[Any]:
    """`values`, as float32 if they are in half precision, in the byte order of this machine."""
    if values.dtype.kind == "f" and values.dtype.itemsize < 4:
        return values.astype(np.float32)
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))


def _meant(stored: NDArray[Any], kind: Kind) -> NDArray[Any]:
    """Values for which numpy has no dtype, decoded by torch."""
    if kind.as_torch is None:
        return stored
    unsigned = np.ascontiguousarray(stored, dtype=stored.dtype.newbyteorder("="))
    tensor = torch.from_numpy(unsigned).view(kind.as_torch)
    wide = tensor.to(torch.complex64) if kind.as_torch.is_complex else tensor.float()
    return np.asarray(wide.numpy())
