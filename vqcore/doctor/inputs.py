"""Codes and latents by input: whether inputs can be told apart, and vectors that come again and again."""

# N inputs, M sampled latents, L levels, K codes, D features

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqcore.diagnostics.evidence import Floats, InputEvidence, Repeated
from vqcore.diagnostics.usage import expected_active
from vqcore.diagnostics.wording import percent
from vqcore.files.codes import CodeAxes
from vqcore.files.masks import Mask
from vqcore.files.tensors import StoredArray

MOST_READ = 1 << 24
"""Codes that are compared by input; with more, only usage is counted."""

FEWEST_INPUTS = 8

MOST_TUPLES = 1 << 62


class ByInput(NamedTuple):
    """Codes (N, …) of inputs."""

    evidence: InputEvidence
    note: str
    """How many have codes of their own, level by level; empty if an input has but one code, or many positions."""


def by_input(array: StoredArray, axes: CodeAxes, sizes: list[int], mask: Mask | None = None) -> ByInput | None:
    """The codes of each input, which are along the first axis that is no level's; None if that tells nothing.

    A mask leaves out inputs; where it is of their positions, inputs are not compared.
    """
    shape = array.shape
    others = [axis for axis in range(len(shape)) if axis not in axes.used]
    if len(shape) < 2 or not others or array.size > MOST_READ or shape[others[0]] < FEWEST_INPUTS:
        return None
    if mask is not None and len(mask) != shape[others[0]]:
        return None
    levels_last = np.moveaxis(array.read(), [others[0], *axes.used], [0, *range(-len(axes.used), 0)])
    rows = levels_last.reshape(shape[others[0]], -1)
    rows = rows if mask is None else rows[mask]
    is_item = len(others) == 1 and len(axes.used) == 1 and len(sizes) == rows.shape[1]
    if not is_item:
        return ByInput(InputEvidence(len(rows), *_distinct(rows), rows.shape[1]), "")
    found = of_items(rows, sizes)
    return ByInput(found, _collisions(found) if found.distinct > 1 else "")


def of_items(rows: NDArray[np.integer[Any]], sizes: Sequence[int]) -> InputEvidence:
    """Items (N, L) that should each have a tuple of codes of its own, of levels with so many codes."""
    by_prefix = [_distinct(rows[:, : level + 1]) for level in range(rows.shape[1])]
    distinct, largest = by_prefix[-1]
    return InputEvidence(
        num_inputs=len(rows),
        distinct=distinct,
        largest=largest,
        codes_each=rows.shape[1],
        possible=min(math.prod(sizes), MOST_TUPLES),
        by_prefix=tuple(count for count, _ in by_prefix),
    )


def _distinct(rows: NDArray[np.integer[Any]]) -> tuple[int, int]:
    """Different rows, and the size of the largest set of equal ones."""
    counts = _counted(np.ascontiguousarray(rows, dtype=np.int64))[1]
    return len(counts), int(counts.max())


def _counted(rows: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each different row its first place, and how often it comes; rows must be contiguous."""
    as_bytes = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1])))
    _, first, counts = np.unique(as_bytes, return_index=True, return_counts=True)
    return first, counts


def _collisions(items: InputEvidence) -> str:
    """For items that should have codes of their own: how many do, after each level and by chance."""
    total, distinct = items.num_inputs, items.distinct
    chance = 1 - expected_active(total, items.possible or 1) / total
    prefixes = ", ".join(percent(1 - count / total) for count in items.by_prefix)
    return (
        f"{distinct:,} different tuples for {total:,} inputs, at most {items.largest:,} of which share one: "
        f"{percent(1 - distinct / total)} collide, where {percent(max(0.0, chance))} of even and independent codes "
        "would; "
        f"after each level {prefixes}."
    )


def most_repeated(sample: Floats, codes: NDArray[np.int64]) -> Repeated | None:
    """The vector that comes most often in a sample (M, D) with codes (M,), if no other comes half as often."""
    first, times = _counted(np.ascontiguousarray(sample, dtype=np.float32))
    most = int(times.argmax())
    if len(times) < FEWEST_INPUTS or times[most] < 2 * np.partition(times, -2)[-2]:
        return None
    return Repeated(float(times[most] / len(sample)), int(codes[first[most]]))
