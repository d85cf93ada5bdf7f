"""Distances, spread and rank of point sets, in bounded memory."""

# N queries, M points, D features

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, ndtr

Floats = NDArray[np.floating[Any]]

SCORES_AT_ONCE = 1 << 22


def nearest_distances(queries: Floats, points: Floats, *, among_itself: bool = False) -> NDArray[np.float64]:
    """From each of (N, D) to the nearest of (M, D), (N,); with `among_itself` row i is not compared with point i.

    The nearest is found in float32 and its distance taken from the difference, so equal points are at exactly 0.
    """
    centre = points.mean(0, dtype=np.float64)
    targets = np.asarray(points - centre, dtype=np.float32)
    half_norms = 0.5 * np.square(targets).sum(1)
    block = max(1, SCORES_AT_ONCE // len(points))
    nearest = np.empty(len(queries), dtype=np.int64)
    for start in range(0, len(queries), block):
        some = np.asarray(queries[start : start + block] - centre, dtype=np.float32)
        scores = half_norms - some @ targets.T
        if among_itself:
            rows = np.arange(len(some))
            scores[rows, start + rows] = np.inf
        nearest[start : start + block] = scores.argmin(1)
    differences = np.asarray(queries, dtype=np.float64) - points[nearest]
    distances: NDArray[np.float64] = np.sqrt(np.square(differences).sum(1))
    return distances


def effective_rank(vectors: Floats) -> float:
    """Exp of the entropy (nats) of the covariance's normalized eigenvalues, 1…D (Roy & Vetterli, 2007).

    >>> round(effective_rank(np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])), 6)
    2.0
    """
    centred = np.asarray(vectors - vectors.mean(0, dtype=np.float64), dtype=np.float64)
    eigenvalues = np.linalg.eigvalsh(centred.T @ centred).clip(0)
    total = eigenvalues.sum()
    if total == 0:
        return 1.0
    shares = eigenvalues[eigenvalues > 0] / total
    return float(np.exp(-(shares * np.log(shares)).sum()))


def total_spread(vectors: Floats) -> float:
    """Root of the variance summed over features."""
    return float(np.sqrt(vectors.var(0, dtype=np.float64).sum()))


def ks_of_normal(vectors: Floats) -> float:
    """√n times the largest gap between the values' and N(0, 1)'s distribution; near 1 for true draws.

    The larger of two: of the single values, and of the rows' squared lengths, which know of correlations.
    """
    lengths = np.square(vectors.astype(np.float64)).sum(1)
    return max(_ks(ndtr(np.sort(vectors, axis=None))), _ks(gammainc(vectors.shape[1] / 2, np.sort(lengths) / 2)))


def ks_of_uniform(vectors: Floats) -> float:
    """The same for values even between the ends ±b, b the largest magnitude among them."""
    bound = float(np.abs(vectors).max())
    if bound == 0:
        return float("inf")
    return _ks((np.sort(vectors, axis=None).astype(np.float64) / bound + 1) / 2)


def correlation_score(vectors: Floats) -> float:
    """How far the features' correlations exceed those of independent draws, in standard deviations.

    N·r² of each pair of features is near a χ² of one degree, so that their sum has a known mean and spread.
    """
    n, dim = vectors.shape
    pairs = dim * (dim - 1) / 2
    if pairs == 0 or n < 3:
        return 0.0
    squares = np.square(np.corrcoef(vectors, rowvar=False)).sum() - dim
    return float((n * squares / 2 - pairs) / (2 * pairs) ** 0.5)


def _ks(levels: NDArray[Any]) -> float:
    """Of sorted values mapped through the distribution they are held against."""
    n = len(levels)
    steps = np.arange(n + 1) / n
    gap = max(float((steps[1:] - levels).max()), float((levels - steps[:-1]).max()))
    return float(gap * n**0.5)
