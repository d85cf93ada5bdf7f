"""Latents from a file of any layout, in blocks: they are never all in memory at once."""

# N vectors, D features

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vqcore.files.containers import state_dicts
from vqcore.files.errors import CheckpointError, shown
from vqcore.files.opening import open_contents
from vqcore.files.tensors import StoredArray


@dataclass(frozen=True, slots=True)
class Latents:
    """An array of vectors in a file, with the axis that holds their features."""

    path: Path
    array: StoredArray
    axis: int
    mask: NDArray[np.bool_] | None = None
    """(N,) of the vectors in the file, True for those that count; None if all do."""

    @property
    def other_axes(self) -> tuple[int, ...]:
        """The shape without the features."""
        return self.array.shape[: self.axis] + self.array.shape[self.axis + 1 :]

    @property
    def dim(self) -> int:
        """D."""
        return self.array.shape[self.axis]

    @property
    def num_vectors(self) -> int:
        """N, over all other axes; of the mask, if there is one."""
        return self.array.size // max(1, self.dim) if self.mask is None else int(self.mask.sum())

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """All vectors as (n, D) blocks of some 16 MB, in the order of the other axes.

        Raises:
            CheckpointError: at the first block that contains NaN or infinity, or cannot be read.
        """
        seen = 0
        for block in self._stored():
            bad = ~np.isfinite(block).all(1)
            if bad.any():
                first = seen + int(bad.argmax())
                raise CheckpointError(
                    f"`{shown(self.array.key)}` must be finite, but {int(bad.sum()):,} of the vectors from {seen:,} "
                    f"to {seen + len(block):,} contain NaN or infinity, the first is {first:,}. Check how they were "
                    "computed."
                )
            seen += len(block)
            yield block

    def finite_blocks(self) -> "FiniteBlocks":
        """The same without the vectors that contain NaN or infinity, which are counted on the way."""
        return FiniteBlocks(self._stored())

    def _stored(self) -> Iterator[NDArray[np.float32]]:
        seen = 0
        for values in self.array.blocks(self.axis):
            kept = values if self.mask is None else values[self.mask[seen : seen + len(values)]]
            seen += len(values)
            if len(kept) or self.mask is None:
                with np.errstate(all="ignore"):
                    yield kept.astype(np.float32, copy=False)


class FiniteBlocks(Iterator[NDArray[np.float32]]):
    """Blocks (n, D) of finite vectors, none of them empty."""

    def __init__(self, stored: Iterator[NDArray[np.float32]]) -> None:
        self._stored = stored
        self.seen = 0
        """Vectors so far, with those left out."""

        self.broken = 0
        self.first_broken: int | None = None
        """Its number among those, from 0."""

    def __next__(self) -> NDArray[np.float32]:
        """The next block.

        Raises:
            StopIteration: after the last one with a finite vector.
            CheckpointError: if values cannot be read.
        """
        while True:
            block = next(self._stored)
            bad = ~np.isfinite(block).all(1)
            if bad.any() and self.first_broken is None:
                self.first_broken = self.seen + int(bad.argmax())
            self.broken += int(bad.sum())
            self.seen += len(block)
            if not bad.all():
                return block[~bad] if bad.any() else block


def open_latents(path: str | Path, dim: int, *, key: str | None = None, axis: int | None = None) -> Latents:
    """The vectors of `dim` features in an `.npy`, `.npz`, `.pt` or `.safetensors` file.

    Args:
        path: the file.
        dim: D of the codebook; the axis of that size holds the features.
        key: which array, if there are several.
        axis: which axis holds the features, if several have that size; -1 is the last.

    Raises:
        CheckpointError: for another width, several possible layouts, integers, objects, or an unreadable file.
    """
    path = Path(path)
    array = only_array(path, key, lambda one: one.is_float and len(one.shape) >= 1, "floats")
    if not array.is_float:
        raise CheckpointError(
            f"`{shown(array.key)}` must be floats, but is {array.dtype}. Convert it, or, if these are codes, give it "
            "with "
            "--codes."
        )
    return Latents(path, array, _feature_axis(array, dim, axis))


def only_array(path: Path, key: str | None, fits: Callable[[StoredArray], bool], what: str) -> StoredArray:
    """The array called `key`, or the only one that `fits`; if none does, any other, for the caller to refuse.

    Raises:
        CheckpointError: if `key` is not there, several fit, or the file cannot be read.
    """
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
                f"`--latents-key` must name an array in {shown(path)}, but {shown(key)} is not there.{_list(arrays)} "
                "Give "
                "the key of one."
            )
        return arrays[key]
    good = {name: array for name, array in arrays.items() if fits(array)}
    if len(good) > 1:
        how = " with --latents-key KEY" if what == "floats" else " by saving it alone"
        raise CheckpointError(f"{shown(path)} has {len(good):,} arrays of {what}. Name one{how}.{_list(good)}")
    return next(iter(good.values()), next(iter(arrays.values())))


def _feature_axis(array: StoredArray, dim: int, axis: int | None) -> int:
    shape = array.shape
    if axis is not None:
        if not -len(shape) <= axis < len(shape) or shape[axis] != dim:
            raise CheckpointError(
                f"`--latents-axis` must name an axis of size {dim}, as wide as the codebook, but axis {axis} of "
                f"{shape} "
                "is not. Count from 0, or leave it out."
            )
        return axis % len(shape)
    possible = [index for index, size in enumerate(shape) if size == dim]
    if not possible:
        raise CheckpointError(
            f"`{shown(array.key)}` must have an axis of {dim} features, like the codebook, but has shape {shape}. "
            "Collect them right before this model's quantizer, after any projection."
        )
    if len(possible) > 1 and len(shape) > 2:
        raise CheckpointError(
            f"`{shown(array.key)}` has shape {shape}, in which axes {' and '.join(map(str, possible))} could be the "
            f"{dim} features. Say which with --latents-axis N."
        )
    return possible[-1]


def _list(arrays: Mapping[str, StoredArray]) -> str:
    names = [f"{shown(name)} {array.shape}" for name, array in list(arrays.items())[:5]]
    return f" There are {', '.join(names)}{' …' if len(arrays) > 5 else ''}."
