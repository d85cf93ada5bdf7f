"""Distances, spread and rank of point sets, in bounded memory."""

# N queries, M points, D features

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, ndtr

Floats = NDArray[np.floating[Any]]

SCORES_AT_ONCE = 1 << 22
MOST_QUERIES = 128
"""Compared at once, so that the scores of a live codebook stay in the cache."""


def nearest_rows(queries: Floats, points: Floats, *, but: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Which of the points (M, D) is nearest to each of (N, D), (N,); if `but` is given, excluding that one.

    Computed in float32, with everything scaled to about 1 by powers of two, so that nothing overflows or vanishes.
    """
    centre = points.mean(0, dtype=np.float64)
    targets = points - centre
    scale = _power_of_two(targets)
    targets = np.asarray(targets / scale, dtype=np.float32)
    half_norms = 0.5 * np.square(targets).sum(1)
    block = max(1, min(SCORES_AT_ONCE // len(points), MOST_QUERIES))
    nearest = np.empty(len(queries), dtype=np.int64)
    for start in range(0, len(queries), block):
        some = (queries[start : start + block] - centre) / scale
        size = max(1.0, _power_of_two(some))
        scores = np.float32(1 / size) * half_norms - np.asarray(some / size, dtype=np.float32) @ targets.T
        if but is not None:
            scores[np.arange(len(some)), but[start : start + block]] = np.inf
        nearest[start : start + block] = scores.argmin(1)
    return nearest


def nearest_distances(queries: Floats, points: Floats, *, among_itself: bool = False) -> NDArray[np.float64]:
    """Distance from each of (N, D) to the nearest of (M, D), (N,); with `among_itself` row i skips point i.

    The distance is computed from the difference, so that equal points are at exactly 0.
    """
    nearest = nearest_rows(queries, points, but=np.arange(len(queries)) if among_itself else None)
    differences = np.asarray(queries, dtype=np.float64) - points[nearest]
    distances: NDArray[np.float64] = np.sqrt(np.square(differences).sum(1))
    return distances


def effective_rank(vectors: Floats) -> float:
    """Exp of the entropy (nats) of the covariance's normalized eigenvalues, 1…D (Roy & Vetterli, 2007); 0 of a point.

    >>> round(effective_rank(np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])), 6)
    2.0
    """
    if is_point(vectors):
        return 0.0
    centred = np.asarray(vectors - vectors.mean(0, dtype=np.float64), dtype=np.float64)
    eigenvalues = np.linalg.eigvalsh(centred.T @ centred).clip(0)
    shares = eigenvalues[eigenvalues > 0] / eigenvalues.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def share_of_directions(vectors: Floats, directions: int) -> float:
    """Share of the variance that so many principal directions hold; 1 of a point."""
    if is_point(vectors):
        return 1.0
    centred = np.asarray(vectors - vectors.mean(0, dtype=np.float64), dtype=np.float64)
    eigenvalues = np.linalg.eigvalsh(centred.T @ centred).clip(0)
    return float(eigenvalues[-directions:].sum() / eigenvalues.sum())


def total_spread(vectors: Floats) -> float:
    """Root of the variance summed over features; exactly 0 if all vectors are equal."""
    return 0.0 if is_point(vectors) else float(np.sqrt(vectors.var(0, dtype=np.float64).sum()))


def mean_length(vectors: Floats) -> float:
    """‖v‖, mean over the vectors (N, D)."""
    return float(np.linalg.norm(vectors.astype(np.float64), axis=1).mean())


def distinct_rows(vectors: Floats) -> int:
    """How many of the vectors (N, D) differ. As sets of bytes: to sort them takes ten times as long.

    >>> distinct_rows(np.array([[0.0, 1], [-0.0, 1], [0, 2]]))
    2
    """
    signless = np.ascontiguousarray(vectors + 0.0)  # 0 and −0 are equal, though not as bytes
    every, width = signless.tobytes(), signless.shape[1] * signless.itemsize
    return len({every[start : start + width] for start in range(0, len(every), width)})


def is_point(vectors: Floats) -> bool:
    """Whether all vectors (N, D) are equal; their mean may be off by rounding, and a variance then is not quite 0."""
    return bool((vectors == vectors[:1]).all())


def ks_of_normal(vectors: Floats) -> float:
    """√n times the largest gap between the values' and N(0, 1)'s distribution; near 1 for true draws.

    The larger of two: for the single values, and for the rows' squared lengths, which depend on correlations.
    """
    lengths = np.square(vectors.astype(np.float64)).sum(1)
    return max(_ks(ndtr(np.sort(vectors, axis=None))), _ks(gammainc(vectors.shape[1] / 2, np.sort(lengths) / 2)))


def ks_of_uniform(vectors: Floats) -> float:
    """The same for a uniform distribution on ±b, with b the largest magnitude among the values."""
    bound = float(np.abs(vectors).max())
    if bound == 0:
        return float("inf")
    return _ks((np.sort(vectors, axis=None).astype(np.float64) / bound + 1) / 2)


def correlation_score(vectors: Floats) -> float:
    """How far the features' correlations exceed those of independent draws, in standard deviations.

    N·r² of each pair of features is near a χ² of one degree, so that their sum has a known mean and spread.
    Constant features have no correlation and are left out.
    """
    vectors = vectors[:, (vectors != vectors[:1]).any(0)]
    n, dim = vectors.shape
    pairs = dim * (dim - 1) / 2
    if pairs == 0 or n < 3:
        return 0.0
    squares = np.square(np.corrcoef(vectors, rowvar=False)).sum() - dim
    return float((n * squares / 2 - pairs) / (2 * pairs) ** 0.5)


def _power_of_two(values: Floats) -> float:
    """The power of two just above the largest magnitude, so that division changes no digit; 1 if there is none."""
    largest = float(np.abs(values).max(initial=0))
    return float(np.ldexp(1.0, int(np.frexp(largest)[1]))) if largest > 0 else 1.0


def _ks(levels: NDArray[Any]) -> float:
    """Kolmogorov–Smirnov statistic of sorted values mapped through the reference distribution."""
    n = len(levels)
    steps = np.arange(n + 1) / n
    gap = max(float((steps[1:] - levels).max()), float((levels - steps[:-1]).max()))
    return float(gap * n**0.5)
