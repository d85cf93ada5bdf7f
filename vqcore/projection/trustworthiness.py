"""How far a picture's neighbours can be trusted to be neighbours in the space. Numpy only."""

# N points, D features, S sampled points, k neighbours

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

NEIGHBOURS = 15
SAMPLE = 200
"""Most points whose neighbours are judged: a few milliseconds at 2,000 points."""

BLOCK_ENTRIES = 1 << 20
"""Distances in memory at once."""


class Trust(NamedTuple):
    """A trustworthiness and how it was measured."""

    value: float
    """0…1; 1 if every neighbour in the picture is one in the space."""

    k: int
    sample: int
    """S, the points whose neighbours were judged."""

    of: int
    """N."""


def trustworthiness(
    points: ArrayLike, picture: ArrayLike, *, k: int = NEIGHBOURS, sample: int = SAMPLE, seed: int = 0
) -> Trust | None:
    """How trustworthy `picture` (N, 2) is for `points` (N, D), as scikit-learn defines it (Venna and Kaski, 2001).

    1 − 2 / (S·k·(2N − 3k − 1)) · Σ over the S points and their k nearest in the picture of max(0, r − k), where r
    is the neighbour's rank by distance in the space. With S = N that is the definition; a random S estimates it.
    Equal distances share the lowest rank. `k` is cut to less than half of N.

    Returns:
        None for fewer than three points, which have no meaningful neighbours.

    >>> trustworthiness([[0], [1], [2], [3], [4]], [[0, 0], [1, 0], [2, 0], [3, 0], [4, 0]], k=2)
    Trust(value=1.0, k=2, sample=5, of=5)
    """
    space, plane = np.asarray(points, np.float64), np.asarray(picture, np.float64)
    count = len(space)
    if count < 3:
        return None
    k = min(k, (count - 1) // 2)
    chosen = np.arange(count)
    if sample < count:
        chosen = np.sort(np.random.default_rng(seed).choice(count, sample, replace=False))
    blocks = np.array_split(chosen, -(-len(chosen) * count // BLOCK_ENTRIES))
    prepared = _centred(space), _centred(plane)
    excess = sum(_excess(*prepared, block, k) for block in blocks)
    return Trust(1 - 2 * excess / (len(chosen) * k * (2 * count - 3 * k - 1)), k, len(chosen), count)


class _Centred(NamedTuple):
    points: NDArray[np.float64]
    squares: NDArray[np.float64]  # (N,) of their lengths


def _centred(points: NDArray[np.float64]) -> _Centred:
    centred = points - points.mean(axis=0)
    return _Centred(centred, np.square(centred).sum(axis=1))


def _excess(space: _Centred, plane: _Centred, rows: NDArray[np.int64], k: int) -> int:
    """Σ max(0, r − k) over the `k` nearest in the plane of each of `rows`."""
    nearest = np.argpartition(_scores(plane, rows), k - 1, axis=1)[:, :k]  # (S, k)
    scores = _scores(space, rows)
    of_nearest = np.take_along_axis(scores, nearest, axis=1)
    scores.sort(axis=1)
    ranks = [np.searchsorted(row, values) + 1 for row, values in zip(scores, of_nearest, strict=True)]
    return int(np.maximum(np.stack(ranks) - k, 0).sum())


def _scores(cloud: _Centred, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """‖y‖² − 2x·y, which orders all y as their distance from x does, (S, N); infinite where y is x itself."""
    scores = -2 * cloud.points[rows] @ cloud.points.T
    scores += cloud.squares
    scores[np.arange(len(rows)), rows] = np.inf
    return np.asarray(scores)
