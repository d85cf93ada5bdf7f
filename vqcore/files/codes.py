"""Codes from a file of any shape, in blocks: how often each occurs, for one codebook or for several at once."""

# K codes, S searches that give a vector its codes

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqcore.files.errors import CheckpointError, shown
from vqcore.files.latents import only_array
from vqcore.files.tensors import StoredArray

MOST_CODES = 1 << 26

Counts = NDArray[np.int64]


class CodeAxes(NamedTuple):
    """Where in an array the codes of the S searches lie."""

    level: int | None = None
    """The axis along which they lie; None if every number is a code of a single search."""

    group: int | None = None
    """The axis of the groups, if groups and their levels have separate axes."""

    @property
    def used(self) -> tuple[int, ...]:
        """The axes that exist, the groups first."""
        return tuple(axis for axis in (self.group, self.level) if axis is not None)

    def others(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """What `shape` has beside them: each place there has a code of every search."""
        return tuple(size for axis, size in enumerate(shape) if axis not in self.used)


ONE_SEARCH = CodeAxes()


def open_codes(path: str | Path, *, key: str | None = None) -> StoredArray:
    """The whole numbers in an `.npy`, `.npz`, `.pt` or `.safetensors` file.

    Args:
        path: the file.
        key: which array, if there are several.

    Raises:
        CheckpointError: for floats, several arrays, no code at all, or an unreadable file.
    """
    array = only_array(Path(path), key, lambda one: one.is_whole, "whole numbers")
    if not array.is_whole:
        raise CheckpointError(
            f"`{shown(array.key)}` must be whole numbers, but is {array.dtype}. Give codes, not latents."
        )
    if array.size == 0:
        raise CheckpointError(f"`{shown(array.key)}` holds no code. Give at least one.")
    return array


def count_codes(
    array: StoredArray,
    sizes: Sequence[int],
    axes: CodeAxes = ONE_SEARCH,
    *,
    mask: NDArray[np.bool_] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Counts, ...]:
    """How often each code occurs, (K,) for each of the S searches.

    Args:
        array: as returned by `open_codes`.
        sizes: K of each search; group by group, each with its levels.
        axes: where each search's codes are; as many along them as there are sizes.
        mask: of `CodeAxes.others`, flat: True for what is counted.
        progress: called now and then with codes counted and codes in all; an exception from it ends the work.

    Raises:
        CheckpointError: for numbers that are not codes of these codebooks, or values that cannot be read.
    """
    if not all(1 <= size <= MOST_CODES for size in sizes):
        raise CheckpointError(
            f"Codes can be counted for codebooks of up to {MOST_CODES:,}, but one has {max(sizes):,}. Name another "
            "with --codebook KEY."
        )
    counts = tuple(np.zeros(size, np.int64) for size in sizes)
    levels = 1 if axes.level is None else array.shape[axes.level]
    others = [axis for axis in range(len(array.shape)) if axis != axes.level]
    groups = after = 1
    if axes.group is not None:
        groups = array.shape[axes.group]
        after = int(np.prod([array.shape[axis] for axis in others[others.index(axes.group) + 1 :]]))
    rows = None if mask is None else _of_rows(mask, array.shape, axes)
    seen = 0
    for block in _blocks(array, axes.level):
        codes = block.astype(np.int64, copy=False).reshape(-1, levels)
        group_of = (seen + np.arange(len(codes))) // after % groups  # rows come in the order of the other axes
        kept = slice(None) if rows is None else rows[seen : seen + len(codes)]
        seen += len(codes)
        codes, group_of = codes[kept], group_of[kept]
        for search, count in enumerate(counts):
            group, level = divmod(search, levels)
            _add(
                count, codes[group_of == group, level] if groups > 1 else codes[:, level], array, search, len(counts)
            )
        if progress is not None:
            progress(seen * levels, array.size)
    return counts


def _of_rows(mask: NDArray[np.bool_], shape: tuple[int, ...], axes: CodeAxes) -> NDArray[np.bool_]:
    """The mask with an entry for each group too: for all places that have one code of each level."""
    if axes.group is None:
        return mask
    sizes = [1 if axis == axes.group else size for axis, size in enumerate(shape) if axis != axes.level]
    whole = [size for axis, size in enumerate(shape) if axis != axes.level]
    return np.broadcast_to(mask.reshape(sizes), whole).reshape(-1)


def _blocks(array: StoredArray, axis: int | None) -> Iterable[NDArray[Any]]:
    if not array.shape:
        return [array.read().reshape(1, 1)]
    return array.blocks(len(array.shape) - 1 if axis is None else axis)


def _add(count: Counts, codes: Counts, array: StoredArray, search: int, searches: int) -> None:
    if codes.size == 0:
        return
    if codes.min() < 0 or codes.max() >= len(count):
        which = f" of level {search + 1} of {searches}" if searches > 1 else ""
        raise CheckpointError(
            f"`{shown(array.key)}` must hold codes{which} from 0 to {len(count) - 1}, like the codebook, but has "
            f"{int(codes.min())} to {int(codes.max())}. Remove padding, and give codes of this codebook."
        )
    count += np.bincount(codes, minlength=len(count))
