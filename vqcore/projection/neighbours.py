"""The exact nearest neighbours of each point among the others, as UMAP wants them.

Scikit-learn's blocked search, which keeps no (N, N) matrix; knows nothing of UMAP.
"""

# N points, D features, k neighbours

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors


class Neighbours(NamedTuple):
    """Each point's neighbours, nearest first; the first is always the point itself, at distance zero."""

    indices: NDArray[np.int64]  # (N, k)
    distances: NDArray[np.float32]  # (N, k)


def nearest_neighbours(points: NDArray[np.floating], k: int) -> Neighbours:
    """The `k` nearest rows of `points` (N, D) to each row, itself first even among duplicates.

    Raises:
        ValueError: `k` is not between 1 and N.
    """
    count = len(points)
    if not 1 <= k <= count:
        raise ValueError(f"`k` must be between 1 and the {count} points, but is {k}. Ask for fewer neighbours.")
    itself = np.arange(count)[:, None]
    if k == 1:
        return Neighbours(itself, np.zeros((count, 1), np.float32))
    search = NearestNeighbors(n_neighbors=k - 1, algorithm="brute").fit(points)
    others = search.kneighbors(return_distance=False)  # without a query, no point is its own neighbour
    distances = _distances(points, others)
    order = np.argsort(distances, axis=1, kind="stable")
    return Neighbours(
        np.hstack([itself, np.take_along_axis(others, order, axis=1)]),
        np.hstack([np.zeros_like(itself, np.float32), np.take_along_axis(distances, order, axis=1)]),
    )


def _distances(points: NDArray[np.floating], others: NDArray[np.int64]) -> NDArray[np.float32]:
    """Taken anew from the differences: the search's |x|² + |y|² − 2xy is not zero between duplicates.

    UMAP's local scale starts at the smallest distance that is not zero, so such a remainder would matter.
    """
    columns = [np.linalg.norm(points - points[column], axis=1) for column in others.T]
    return np.stack(columns, axis=1).astype(np.float32)
