"""The exact nearest neighbours of each point among the others, as UMAP needs them.

One tile of all pairs at a time, so that no (N, N) matrix is kept, and each pair only once, since nearness is
symmetric. It runs on the worker's CPU, not on the device that trains, where a search would hold up training; it is
the smaller half of a refresh (see `python -m vqcore bench projection`).
"""

# N points, D features, k neighbours, B rows and columns of a tile

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

TILE = 256
"""Points per side of a tile: its scores, 256 kB, stay in a core's cache between product and scan."""

CHUNK = 64
"""Scores scanned at once: few chunks contain one that matters, and a chunk is skipped in a few cycles."""

SPARE = 8
"""Neighbours searched beyond k. The search ranks by rounded scores; the exact distances then choose among these."""

Float32 = NDArray[np.float32]


class Neighbours(NamedTuple):
    """Each point's neighbours, nearest first; the first is always the point itself, at distance zero."""

    indices: NDArray[np.int64]  # (N, k)
    distances: Float32  # (N, k)


def nearest_neighbours(points: NDArray[np.floating], k: int) -> Neighbours:
    """The `k` nearest rows of `points` (N, D) to each row, itself first even among duplicates; in single precision.

    Raises:
        ValueError: `k` is not between 1 and N.
    """
    count = len(points)
    if not 1 <= k <= count:
        raise ValueError(f"`k` must be between 1 and the {count} points, but is {k}. Ask for fewer neighbours.")
    nearest = Neighbours(np.arange(count).repeat(k).reshape(count, k), np.zeros((count, k), np.float32))
    if k > 1:
        single = np.ascontiguousarray(points, np.float32)
        _rank(single, _search(single, min(k - 1 + SPARE, count - 1)), nearest.indices, nearest.distances)
    return nearest


def _search(points: Float32, k: int) -> NDArray[np.int64]:
    """The `k` others with the least ½‖x − y‖² by the product (x, ½‖x‖², 1) · (−y, 1, ½‖y‖²); (N, k)."""
    count = len(points)
    centred = np.asarray(points - points.mean(axis=0, dtype=np.float64), np.float32)  # far from zero, digits are lost
    half, ones = 0.5 * np.square(centred).sum(axis=1), np.ones(count, np.float32)
    left = np.column_stack([centred, half, ones])
    right = np.ascontiguousarray(np.column_stack([-centred, ones, half]).T)
    found = np.zeros((count, k), np.int64)
    least = np.full((count, k), np.inf, np.float32)
    bounds = np.full(count, np.inf, np.float32)
    scores = np.empty(TILE * TILE, np.float32)
    # Along the diagonals of tiles, so that every point has met some others early and has a bound
    starts = range(0, count, TILE)
    for row, column in ((first, first + apart) for apart in starts for first in starts if first + apart < count):
        rows, columns = left[row : row + TILE], right[:, column : column + TILE]
        shape = len(rows), columns.shape[1]
        tile = np.matmul(rows, columns, out=scores[: math.prod(shape)].reshape(shape))
        _keep_least(tile, row, column, bounds, least, found)
    return found


@numba.njit(nogil=True)
def _keep_least(
    tile: Float32, first_row: int, first_column: int, bounds: Float32, least: Float32, found: NDArray[np.int64]
) -> None:
    """Enter the pairs of `tile` (B, B) that are among the least of either point; `bounds` (N,) are their last."""
    column_bounds = bounds[first_column : first_column + tile.shape[1]]
    for row in range(len(tile)):
        point = first_row + row
        begin = row + 1 if first_row == first_column else 0
        for chunk in range(begin, tile.shape[1], CHUNK):
            scores = tile[row, chunk : chunk + CHUNK]
            theirs = column_bounds[chunk : chunk + CHUNK]
            own = bounds[point]
            matters = False
            for place in range(len(scores)):  # without a branch, so that the compiler takes many at once
                matters |= (scores[place] < own) | (scores[place] < theirs[place])
            if not matters:
                continue
            for place in range(len(scores)):
                other = first_column + chunk + place
                if scores[place] < bounds[point]:
                    _enter(scores[place], other, point, bounds, least, found)
                if scores[place] < bounds[other]:
                    _enter(scores[place], point, other, bounds, least, found)


@numba.njit(inline="always")
def _enter(
    score: np.float32, other: int, point: int, bounds: Float32, least: Float32, found: NDArray[np.int64]
) -> None:
    last = least.shape[1] - 1
    place = last
    while place > 0 and least[point, place - 1] > score:
        least[point, place], found[point, place] = least[point, place - 1], found[point, place - 1]
        place -= 1
    least[point, place], found[point, place] = score, other
    bounds[point] = least[point, last]


@numba.njit(nogil=True, fastmath={"reassoc", "contract"})
def _rank(points: Float32, others: NDArray[np.int64], indices: NDArray[np.int64], distances: Float32) -> None:
    """The nearest of `others` (N, ≥ k − 1) into all but the first column of `indices` and `distances` (N, k).

    Their distances are recomputed from the differences: the search's scores are not zero between duplicates. UMAP's
    local scale starts at the smallest distance that is not zero, so such a remainder would matter.
    """
    k = indices.shape[1]
    for point in range(len(points)):
        held = 1
        for other in others[point]:
            total = np.float32(0)
            for feature in range(points.shape[1]):
                difference = points[point, feature] - points[other, feature]
                total += difference * difference
            distance = np.sqrt(total)
            if held == k and distance >= distances[point, k - 1]:
                continue
            place = held if held < k else k - 1
            held = min(held + 1, k)
            while place > 1 and distances[point, place - 1] > distance:
                distances[point, place], indices[point, place] = (
                    distances[point, place - 1],
                    indices[point, place - 1],
                )
                place -= 1
            distances[point, place], indices[point, place] = distance, other
