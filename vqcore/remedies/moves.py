"""What can be done to a codebook without training: restart or replace its dead codes, or shift and scale it to P."""

# n latents, K codes, D features

import math
from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from vqcore.checkpoints.search_order import Search, Vectors, nearest, unit
from vqcore.diagnostics.geometry import is_point

Remedy = Literal["restart", "replace", "align"]
"""`restart`: k-means of the dead codes, and of those that lose all their latents to them, while the others stay
fixed. `replace`: dead codes moved onto randomly drawn latents. `align`: c ← s·c + b for all codes, so that C has the
mean and the spread of P in every feature."""

REMEDIES: tuple[Remedy, ...] = get_args(Remedy)

SEED_ROUNDS = 5
"""Dead codes are placed in this many rounds, each where those before leave the most error. Placed all at once they
crowd where the latents are furthest from the old codes (Bahmani et al., arXiv 1203.6402, find five to be enough)."""

KMEANS_STEPS = 8
"""Most of what k-means gains comes in its first steps; each is a search of all latents."""

SMALLEST_SPREAD = 1e-6
"""A feature of C whose σ is at most this share of |μ| has no spread to rescale and is only shifted."""

Mask = NDArray[np.bool_]


class Fitted(NamedTuple):
    """A codebook after a remedy."""

    table: Vectors
    """(K, D)."""

    moved: Mask
    """(K,)."""


class Unsuited(ValueError):  # noqa: N818, not an error of the program
    """Raised for a remedy that does not apply to a codebook; the message is a clause that says why."""


def fitted(
    remedy: Remedy,
    table: Vectors,
    inputs: Vectors,
    cosine: bool,
    generator: np.random.Generator,
    search: Search = nearest,
) -> Fitted:
    """`table` (K, D) after `remedy`, given the latents `inputs` (n, D) that it quantizes.

    A code is dead if none of `inputs` is nearest to it, or if it is not finite. A code moves only if there
    is a latent for it that no other code has; dead ones beyond that stay. Cosine codebooks stay at unit length.

    Raises:
        Unsuited: if the remedy does not apply to this codebook.
    """
    return _FITS[remedy](table, inputs, cosine, generator, search)


def _restarted(
    table: Vectors, inputs: Vectors, cosine: bool, generator: np.random.Generator, search: Search
) -> Fitted:
    placed, moved = table, np.zeros(len(table), np.bool_)
    for _ in range(KMEANS_STEPS):
        codes = search(inputs, placed)
        counts = np.bincount(codes, minlength=len(placed))
        apart = np.subtract(inputs, placed[codes], dtype=np.float64)
        weights = np.square(apart, out=apart).sum(1)  # as k-means++ draws its next centre
        sums = sums_by_code(inputs, codes, len(placed))
        means: Vectors = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
        placed = np.where((moved & (counts > 0))[:, None], unit(means) if cosine else means, placed)
        placed, newly = _placed(placed, inputs, codes, weights, math.ceil(len(table) / SEED_ROUNDS), generator)
        moved |= newly
    return Fitted(placed, moved)


def _replaced(
    table: Vectors, inputs: Vectors, cosine: bool, generator: np.random.Generator, search: Search
) -> Fitted:
    codes = search(inputs, table)
    apart = (inputs != table[codes]).any(1)  # a latent that a code already sits on would make two of it
    return Fitted(*_placed(table, inputs, codes, apart.astype(np.float64), len(table), generator))


def _aligned(table: Vectors, inputs: Vectors, cosine: bool, generator: np.random.Generator, search: Search) -> Fitted:
    if cosine:
        raise Unsuited("codes of unit length have no spread to match")
    if not np.isfinite(table).all():
        raise Unsuited("some code vectors are not finite")
    if is_point(inputs):
        raise Unsuited("the latents are a single point, onto which all codes would move")
    c_mean, c_spread = table.mean(0, dtype=np.float64), table.std(0, dtype=np.float64)
    p_mean, p_spread = inputs.mean(0, dtype=np.float64), inputs.std(0, dtype=np.float64)
    has_spread = c_spread > SMALLEST_SPREAD * np.abs(c_mean)
    scale = np.where(has_spread, p_spread / np.where(has_spread, c_spread, 1), 1)
    aligned = scale * (table - c_mean) + p_mean
    return Fitted(aligned.astype(np.float32), np.ones(len(table), np.bool_))


def _placed(
    table: Vectors,
    inputs: Vectors,
    codes: NDArray[np.int64],
    weights: NDArray[np.float64],
    most: int,
    generator: np.random.Generator,
) -> tuple[Vectors, Mask]:
    """`table` with at most `most` of its dead codes on different `inputs`, drawn by weight without replacement."""
    dead = np.flatnonzero(np.bincount(codes, minlength=len(table)) == 0)[:most]
    different = _first_of_each(inputs)
    different = different[weights[different] > 0]
    rings = generator.exponential(size=len(different)) / weights[different]  # the first to ring are drawn
    drawn = different[np.argsort(rings, kind="stable")[: len(dead)]]
    moved = np.zeros(len(table), np.bool_)
    moved[dead[: len(drawn)]] = True
    placed = table.copy()
    placed[dead[: len(drawn)]] = inputs[drawn]
    return placed, moved


def sums_by_code(inputs: Vectors, codes: NDArray[np.int64], num_codes: int) -> NDArray[np.float64]:
    """(K, D) the sums of the `inputs` (n, D) of each code."""
    order = np.argsort(codes, kind="stable")
    present, starts = np.unique(codes[order], return_index=True)
    sums = np.zeros((num_codes, inputs.shape[1]))
    sums[present] = np.add.reduceat(inputs[order].astype(np.float64), starts, axis=0)
    return sums


def _first_of_each(vectors: Vectors) -> NDArray[np.int64]:
    """Index of the first occurrence of each distinct row of `vectors` (n, D)."""
    rows = np.ascontiguousarray(vectors + np.float32(0))  # −0 is 0
    as_bytes = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()
    return np.sort(np.unique(as_bytes, return_index=True)[1])


_FITS: dict[Remedy, Callable[[Vectors, Vectors, bool, np.random.Generator, Search], Fitted]] = {
    "restart": _restarted,
    "replace": _replaced,
    "align": _aligned,
}
