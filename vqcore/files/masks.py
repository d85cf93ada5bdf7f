"""Masks: which vectors or codes of a file are data, and which padding or silence."""

# N vectors, as many as the other axes of an array have places

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vqcore.files.errors import CheckpointError, shown
from vqcore.files.latents import only_array

Mask = NDArray[np.bool_]


def open_mask(path: Path, shape: tuple[int, ...]) -> Mask:
    """A mask for an array whose axes, without that of the features or levels, have this `shape`: (N,), True for data.

    Axes of length 1 are ignored on both sides, as a mask (B, 1, T) is that of (B, T).

    Raises:
        CheckpointError: for another shape, other values than 0 and 1, no 1 at all, or an unreadable file.
    """
    array = only_array(path, None, lambda _: True, "numbers")
    if _without_ones(array.shape) != _without_ones(shape):
        raise CheckpointError(
            f"`{shown(array.key)}` must have shape {shape}, a 0 or 1 for each vector, but has {array.shape}. Give "
            "the "
            "mask of these vectors."
        )
    values = array.read()
    mask: Mask = np.asarray(values.reshape(math.prod(shape)) != 0)
    if not np.isin(values, (0, 1)).all() or not mask.any():
        raise CheckpointError(
            f"`{shown(array.key)}` must be 1 (or true) for data and 0 for padding, and 1 somewhere. Convert it."
        )
    return mask


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)
