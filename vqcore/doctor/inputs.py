"""Codes and latents by input: whether inputs can be told apart, and vectors that come again and again."""

# N inputs, M sampled latents, L levels, K codes, D features

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqcore.checkpoints.search_order import nearest
from vqcore.diagnostics.evidence import Floats, InputEvidence, LatentEvidence
from vqcore.diagnostics.usage import expected_active, perplexity
from vqcore.diagnostics.wording import digits, percent
from vqcore.files.codes import CodeAxes, Counts
from vqcore.files.tensors import StoredArray

MOST_READ = 1 << 24
"""Codes that are compared by input; with more, only usage is counted."""

FEWEST_INPUTS = 8

REPEATED_SHARE = 0.05
"""Share of all latents that one vector has, from which it is padding or silence rather than data."""


class ByInput(NamedTuple):
    """Codes (N, …) of inputs."""

    evidence: InputEvidence
    note: str
    """How many have codes of their own, level by level; empty if an input has but one code, or many positions."""


def by_input(array: StoredArray, axes: CodeAxes, sizes: list[int]) -> ByInput | None:
    """The codes of each input, which are along the first axis that is no level's; None if that tells nothing."""
    shape = array.shape
    others = [axis for axis in range(len(shape)) if axis not in axes.used]
    if len(shape) < 2 or not others or array.size > MOST_READ or shape[others[0]] < FEWEST_INPUTS:
        return None
    levels_last = np.moveaxis(array.read(), [others[0], *axes.used], [0, *range(-len(axes.used), 0)])
    rows = np.ascontiguousarray(levels_last.reshape(shape[others[0]], -1), dtype=np.int64)
    found = InputEvidence(len(rows), *_distinct(rows), rows.shape[1])
    is_item = len(others) == 1 and len(axes.used) == 1 and len(sizes) == rows.shape[1]
    return ByInput(found, _collisions(rows, sizes) if is_item and found.distinct > 1 else "")


def _distinct(rows: NDArray[np.int64]) -> tuple[int, int]:
    """Different rows, and the size of the largest set of equal ones."""
    _, counts = np.unique(rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))), return_counts=True)
    return len(counts), int(counts.max())


def _collisions(rows: NDArray[np.int64], sizes: list[int]) -> str:
    """For items that should have codes of their own: how many do, after each level and by chance."""
    total = len(rows)
    by_prefix = [_distinct(np.ascontiguousarray(rows[:, : level + 1])) for level in range(rows.shape[1])]
    distinct, largest = by_prefix[-1]
    chance = 1 - expected_active(total, min(math.prod(sizes), 1 << 62)) / total
    prefixes = ", ".join(percent(1 - count / total) for count, _ in by_prefix)
    return (
        f"{distinct:,} different tuples for {total:,} inputs, at most {largest:,} of which share one: "
        f"{percent(1 - distinct / total)} collide, of even and independent codes {percent(max(0.0, chance))} would; "
        f"after each level {prefixes}."
    )


def repeated(latents: LatentEvidence, codebook: Floats, counts: Counts) -> str:
    """A remark where one vector is many of the latents, with the perplexity without it; else empty."""
    sample = np.ascontiguousarray(latents.sample, dtype=np.float32)
    _, first, times = np.unique(
        sample.view(np.dtype((np.void, sample.itemsize * sample.shape[1]))), return_index=True, return_counts=True
    )
    most = int(times.argmax())
    share = times[most] / len(sample)
    if share < REPEATED_SHARE or len(times) < FEWEST_INPUTS:
        return ""
    code = int(nearest(sample[first[most]][None], np.ascontiguousarray(codebook, dtype=np.float32))[0])
    without = counts.astype(np.float64)
    without[code] = max(0.0, without[code] - share * counts.sum())
    if not without.any():
        return ""
    return (
        f"{percent(float(share))} of the latents are one vector, as padding or silence is: the perplexity is "
        f"{digits(perplexity(counts))} with it and {digits(perplexity(without))} without. Leave out what is no data."
    )
