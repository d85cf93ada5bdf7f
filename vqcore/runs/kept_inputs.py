"""Which of a batch's inputs a run keeps: a few, made small by leaving values out. For tensors and numpy alike."""

# B inputs of a batch, I of them kept, N vectors searched for, M sampled

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

MOST_INPUTS = 16
LONGEST_SIDE = 64
"""Pixels of an image along each axis; every second, third … of a larger one is kept."""

LONGEST_SERIES = 1024
"""Values of an input with fewer than two axes behind its channels."""

Array = TypeVar("Array")


def thinned_inputs(inputs: Array) -> Array:
    """A view (I, …) of inputs (B, …): `MOST_INPUTS` at most, evenly from the batch.

    >>> thinned_inputs(np.zeros((40, 3, 200, 100))).shape
    (14, 3, 50, 50)
    """
    shape = inputs.shape  # type: ignore[attr-defined]
    sides = shape[2:] if len(shape) > 3 else shape[-1:]
    longest = LONGEST_SIDE if len(shape) > 3 else LONGEST_SERIES
    strides = [slice(None, None, -(-side // longest) or 1) for side in sides]
    if len(shape) < 2:
        return inputs[:: _every(shape[0])]  # type: ignore[index,no-any-return]
    return inputs[(slice(None, None, _every(shape[0])), ..., *strides)]  # type: ignore[index,no-any-return]


def input_of(vectors: NDArray[np.int64], num_vectors: int, batch: int) -> NDArray[np.int32] | None:
    """(M,) which of the kept inputs each of the N `vectors`, numbered input by input, is from; −1 for another one.

    None if the N vectors cannot be those of B inputs.

    >>> input_of(np.array([0, 1, 2, 79]), 80, 40)
    array([ 0,  0, -1, 13], dtype=int32)
    """
    if batch < 1 or num_vectors % batch:
        return None
    rows, every = vectors // (num_vectors // batch), _every(batch)
    return np.where(rows % every == 0, rows // every, -1).astype(np.int32)


def _every(batch: int) -> int:
    return -(-batch // MOST_INPUTS) or 1
