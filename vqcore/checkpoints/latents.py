"""Latents or codes from a file of any layout, in blocks: they never sit in memory at once."""

# N vectors, K codes, D features

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqcore.checkpoints.containers import state_dicts
from vqcore.checkpoints.errors import CheckpointError, shown
from vqcore.checkpoints.opening import open_contents
from vqcore.checkpoints.tensors import StoredArray

MOST_CODES = 1 << 26


@dataclass(frozen=True, slots=True)
class Latents:
    """An array of vectors in a file, with the axis that holds their features."""

    path: Path
    array: StoredArray
    axis: int

    @property
    def dim(self) -> int:
        """D."""
        return self.array.shape[self.axis]

    @property
    def num_vectors(self) -> int:
        """N, over all other axes."""
        return self.array.size // max(1, self.dim)

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """All vectors as (n, D) blocks of some 16 MB, in the order of the other axes.

        Raises:
            CheckpointError: at the first block that holds NaN or infinity, or cannot be read.
        """
        seen = 0
        for values in self.array.blocks(self.axis):
            with np.errstate(all="ignore"):
                block = values.astype(np.float32, copy=False)
            bad = ~np.isfinite(block).all(1)
            if bad.any():
                first = seen + int(bad.argmax())
                raise CheckpointError(
                    f"`{shown(self.array.key)}` must be finite, but {int(bad.sum()):,} of the vectors from {seen:,} "
                    f"to {seen + len(block):,} hold NaN or infinity, the first is {first:,}. Look at what made them."
                )
            seen += len(block)
            yield block


class CodeCounts(NamedTuple):
    """How often each code occurs in a file of codes."""

    counts: NDArray[np.int64]
    """(K,)."""

    num_vectors: int


def open_latents(path: str | Path, dim: int, *, key: str | None = None, axis: int | None = None) -> Latents:
    """The vectors of `dim` features in an `.npy`, `.npz`, `.pt` or `.safetensors` file.

    Args:
        path: the file.
        dim: D of the codebook; the axis of that size holds the features.
        key: which array, where there are several.
        axis: which axis holds the features, where several have that size; -1 is the last.

    Raises:
        CheckpointError: for another width, several possible layouts, integers, objects, or an unreadable file.
    """
    path = Path(path)
    array = _array(path, key, lambda one: one.is_float and len(one.shape) >= 1, "floats")
    if not array.is_float:
        raise CheckpointError(
            f"`{shown(array.key)}` must be floats, but is {array.dtype}. If these are codes, give them as codes."
        )
    return Latents(path, array, _feature_axis(array, dim, axis))


def count_codes_in(path: str | Path, num_codes: int, *, key: str | None = None) -> CodeCounts:
    """How often each of K codes occurs in a file of whole numbers, of any shape; enough to judge usage by.

    Raises:
        CheckpointError: for numbers that are no codes of such a codebook, or an unreadable file.
    """
    path = Path(path)
    array = _array(path, key, lambda one: one.is_whole, "whole numbers")
    if not array.is_whole or not 1 <= num_codes <= MOST_CODES:
        raise CheckpointError(
            f"`{shown(array.key)}` must be whole numbers, but is {array.dtype}. Give codes, not latents."
        )
    counts, total = np.zeros(num_codes, np.int64), 0
    for block in array.blocks(len(array.shape) - 1) if array.shape else [array.read().reshape(1, 1)]:
        codes = block.astype(np.int64, copy=False).ravel()
        if codes.size and (codes.min() < 0 or codes.max() >= num_codes):
            raise CheckpointError(
                f"`{shown(array.key)}` must hold codes from 0 to {num_codes - 1}, as the codebook has, but has "
                f"{int(codes.min())} to {int(codes.max())}. Leave out padding, and give one level at a time."
            )
        counts += np.bincount(codes, minlength=num_codes)
        total += codes.size
    return CodeCounts(counts, total)


def _array(path: Path, key: str | None, fits: Callable[[StoredArray], bool], what: str) -> StoredArray:
    if path.is_dir():
        raise CheckpointError(f"`{shown(path)}` is a folder. Give one file of latents or codes.")
    arrays: Mapping[str, StoredArray] = {
        "/".join((*source.container, name)): array
        for source in state_dicts(open_contents(path).root)
        for name, array in source.arrays.items()
    }
    if key is not None:
        if key not in arrays:
            raise CheckpointError(
                f"`key` must name an array in {shown(path)}, but {shown(key)} is not there.{_list(arrays)}"
            )
        return arrays[key]
    good = {name: array for name, array in arrays.items() if fits(array)}
    if len(good) > 1:
        raise CheckpointError(f"{shown(path)} has {len(good):,} arrays of {what}. Name one by `key`.{_list(good)}")
    return next(iter(good.values()), next(iter(arrays.values())))


def _feature_axis(array: StoredArray, dim: int, axis: int | None) -> int:
    shape = array.shape
    if axis is not None:
        if not -len(shape) <= axis < len(shape) or shape[axis] != dim:
            raise CheckpointError(
                f"`axis` must be one of size {dim}, the codebook's width, but axis {axis} of {shape} is not."
            )
        return axis % len(shape)
    possible = [index for index, size in enumerate(shape) if size == dim]
    if not possible:
        raise CheckpointError(
            f"`{shown(array.key)}` must have an axis of {dim} features, as the codebook has, but has shape {shape}. "
            "These are latents of another model or layer, or not flattened as its quantizer sees them."
        )
    if len(possible) > 1 and len(shape) > 2:
        raise CheckpointError(
            f"`{shown(array.key)}` has shape {shape}, where axes {' and '.join(map(str, possible))} could be the "
            f"{dim} features. Say which by `axis`."
        )
    return possible[-1]


def _list(arrays: Mapping[str, StoredArray]) -> str:
    names = [f"{shown(name)} {array.shape}" for name, array in list(arrays.items())[:5]]
    return f" There are {', '.join(names)}{' …' if len(arrays) > 5 else ''}."
