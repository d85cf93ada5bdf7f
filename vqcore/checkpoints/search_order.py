"""Which codebooks are searched for which features of a latent, and in what order."""

# N vectors, K codes, D features of one codebook, G groups of features, L levels

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from vqcore.quantizer.nearest import nearest_codes

Vectors = NDArray[np.float32]
Codes = NDArray[np.int64]

Search = Callable[[Vectors, Vectors], Codes]
"""Finds the codes (N,) nearest to vectors (N, D) in a table (K, D), as `nearest` does."""

SMALLEST_LENGTH = 1e-12

WORK_AT_ONCE = 1 << 35
"""Multiply-adds in one part of a search: half a second on two cores.

A power of two, like the search's own blocks: at 16,384 × 256, parts of 3,576 vectors cost a fifth more than the
whole at once, and parts of 4,096 no more.
"""


class Arrangement(NamedTuple):
    """The features are split into G equal runs, and each run goes through a chain of searches.

    Within a chain each search quantizes what those before it left over: a residual quantizer is one chain, a grouped
    one is G chains of one search. A shared codebook occurs several times.
    """

    chains: tuple[tuple[int, ...], ...]
    """For each run of features, which codebook each of its searches uses."""

    cosine: tuple[bool, ...]
    """For each codebook, whether it compares unit vectors with unit vectors."""

    @property
    def searches_of(self) -> tuple[int, ...]:
        """How many searches each codebook has."""
        used = [which for chain in self.chains for which in chain]
        return tuple(used.count(which) for which in range(len(self.cosine)))

    @property
    def is_parallel(self) -> bool:
        """Whether all searches are independent of each other."""
        return all(len(chain) == 1 for chain in self.chains)

    def run(self, vectors: Vectors, tables: Sequence[Vectors], search: Callable[[int, Vectors], Codes]) -> Vectors:
        """Call `search` with each codebook's number and its inputs, (N, D), in order.

        A table that `search` has put into `tables` is the one whose vectors are subtracted.

        Returns:
            (N, G·D) the residual after all searches.
        """
        left_over = []
        for left, chain in zip(np.split(vectors, len(self.chains), axis=1), self.chains, strict=True):
            for which in chain:
                codes = search(which, unit(left) if self.cosine[which] else np.ascontiguousarray(left))
                with np.errstate(over="ignore"):  # to infinity, where values are near float32's largest
                    left = left - tables[which][codes]
            left_over.append(left)
        return np.concatenate(left_over, axis=1)


def nearest(vectors: Vectors, table: Vectors, *, check: Callable[[], None] | None = None) -> Codes:
    """The codes (N,) nearest to `vectors` (N, D) among the finite rows of `table` (K, D).

    A long search is done in parts, and `check` is called before each; an exception from it ends the search.

    Raises:
        ValueError: if no row is finite.
    """
    usable = np.flatnonzero(np.isfinite(table).all(1))
    if len(usable) == 0:
        raise ValueError("no code vector is finite")
    codebook = torch.from_numpy(table[usable])
    at_once = max(1, WORK_AT_ONCE // (2 * codebook.numel())) if check is not None else max(1, len(vectors))
    found: Codes = np.empty(len(vectors), np.int64)
    for start in range(0, len(vectors), at_once):
        if check is not None:
            check()
        part = slice(start, start + at_once)
        found[part] = nearest_codes(torch.from_numpy(vectors[part]), codebook).numpy()
    codes: Codes = usable[found]
    return codes


def unit(vectors: Vectors) -> Vectors:
    """`vectors` (N, D) at length 1; a zero vector stays."""
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))[:, None]  # never overflows
    return np.asarray(vectors / np.maximum(lengths, SMALLEST_LENGTH), dtype=vectors.dtype)
