"""The exact nearest neighbours of each point among the others, as UMAP wants them.

A block of rows against all points at a time, so no (N, N) matrix is kept; knows nothing of UMAP. On the CPU of
the worker, not on the device that trains: there a search would hold up training, and the worker's is the smaller
half of a refresh (`python -m vqcore bench projection` tells).
"""

# N points, D features, k neighbours, B rows of a block

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

BLOCK = 256
"""Rows searched at once: their scores against 10,000 points are 10 MB."""

SPARE = 8
"""Neighbours searched beyond k. The search ranks by rounded scores; the exact distances then choose among these."""


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
    others = _search(points, min(k - 1 + SPARE, count - 1))
    distances = _distances(points, others)
    order = np.argsort(distances, axis=1, kind="stable")[:, : k - 1]
    return Neighbours(
        np.hstack([itself, np.take_along_axis(others, order, axis=1)]),
        np.hstack([np.zeros_like(itself, np.float32), np.take_along_axis(distances, order, axis=1)]),
    )


def _search(points: NDArray[np.floating], k: int) -> NDArray[np.int64]:
    """The `k` others with the least ½‖y‖² − x·y, which orders them as their distance from x does; (N, k)."""
    centred = np.asarray(points - points.mean(axis=0, dtype=np.float64), np.float32)  # far from zero, digits are lost
    half = 0.5 * np.square(centred).sum(axis=1)
    negated = np.ascontiguousarray(-centred.T)
    found = np.zeros((len(points), k), np.int64)
    scores = np.empty((BLOCK, len(points)), np.float32)
    for first in range(0, len(points), BLOCK):
        rows = centred[first : first + BLOCK]
        block = np.matmul(rows, negated, out=scores[: len(rows)])
        block += half
        _keep_least(block, first, found)
    return found


@numba.njit(nogil=True)
def _keep_least(block: NDArray[np.float32], first: int, found: NDArray[np.int64]) -> None:
    """Per row of `block` (B, N), the places of its least entries, not its own, into `found` from row `first` on."""
    k = found.shape[1]
    least = np.empty(k, np.float32)
    for row in range(len(block)):
        itself, held = first + row, 0
        for column in range(block.shape[1]):
            score = block[row, column]
            if column == itself or (held == k and score >= least[k - 1]):
                continue
            place = held if held < k else k - 1
            held = min(held + 1, k)
            while place > 0 and least[place - 1] > score:
                least[place], found[itself, place] = least[place - 1], found[itself, place - 1]
                place -= 1
            least[place], found[itself, place] = score, column


def _distances(points: NDArray[np.floating], others: NDArray[np.int64]) -> NDArray[np.float32]:
    """Taken anew from the differences: the search's scores are not zero between duplicates.

    UMAP's local scale starts at the smallest distance that is not zero, so such a remainder would matter.
    """
    columns = [np.linalg.norm(points - points[column], axis=1) for column in others.T]
    return np.stack(columns, axis=1).astype(np.float32)
