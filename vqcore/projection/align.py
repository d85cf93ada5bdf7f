"""Aligns one layout with another, so that a new picture appears where the eye remembers the old one.

Rows have an identity: row i of both layouts is the same point. Numpy only.
"""

# N points, E dimensions of the picture (two)

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]


class Alignment(NamedTuple):
    """The similarity x ↦ scale · (x − centre) · rotation + target (Procrustes).

    Kept as a value so that rows without an identity can be moved along with those that have one.
    """

    rotation: Float64  # (E, E), orthogonal: a turn, or a turn and a mirror
    scale: float
    centre: Float64  # (E,)
    target: Float64  # (E,)

    def apply(self, layout: ArrayLike) -> NDArray[np.float32]:
        """`layout` (N, E), moved."""
        points = np.asarray(layout, dtype=np.float64)
        return (self.scale * (points - self.centre) @ self.rotation + self.target).astype(np.float32)


def find_alignment(layout: ArrayLike, onto: ArrayLike, *, scale: bool = False) -> Alignment:
    """The rotation, reflection, shift and, if asked for, scale that bring `layout` (N, E) closest to `onto` (N, E).

    Closest in the sum of squared distances between matching rows. A scale would also hide that a layout has
    really grown, hence only on request.

    Raises:
        ValueError: the two differ in shape, hold no row or are not finite.
    """
    moving, fixed = np.asarray(layout, dtype=np.float64), np.asarray(onto, dtype=np.float64)
    if moving.shape != fixed.shape or moving.ndim != 2 or len(moving) == 0:
        raise ValueError(
            f"`layout` and `onto` must be matrices of the same shape with at least one row, but have shapes "
            f"{moving.shape} and {fixed.shape}. Pass the rows that both have."
        )
    if not (np.isfinite(moving).all() and np.isfinite(fixed).all()):
        raise ValueError("`layout` and `onto` must be finite, but contain NaN or infinity. Leave those rows out.")
    centre, target = moving.mean(axis=0), fixed.mean(axis=0)
    left, singular, right = np.linalg.svd((moving - centre).T @ (fixed - target))
    spread = np.square(moving - centre).sum()
    factor = float(singular.sum() / spread) if scale and spread > 0 else 1.0
    return Alignment(left @ right, factor, centre, target)


def align_layout(layout: ArrayLike, onto: ArrayLike, *, scale: bool = False) -> NDArray[np.float32]:
    """`layout` (N, E) moved as close to `onto` (N, E) as `find_alignment` allows.

    >>> align_layout([[0, 0], [0, 2]], [[5, 1], [7, 1]]).round(6).tolist()
    [[5.0, 1.0], [7.0, 1.0]]
    """
    return find_alignment(layout, onto, scale=scale).apply(layout)
