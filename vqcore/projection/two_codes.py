"""The plane through two code vectors, and a third point that gives it its second direction. Numpy only."""

# D features

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from vqcore.projection.pca import FrozenBasis

_FLAT = 1e-6
"""A third point counts as on the line if it is closer to it than this share of the line's length."""


def two_code_basis(
    first: ArrayLike, second: ArrayLike, thirds: Sequence[ArrayLike]
) -> tuple[FrozenBasis, int | None]:
    """The plane with `first` (D,) at its origin and `second` (D,) at (‖second − first‖, 0), projected orthogonally.

    Lengths between points of the plane are true; of all other points it shows where they lie along it.

    Returns:
        The plane, and which of `thirds` lies in it, above the line: the first that does not lie on the line. None
        if all lie on it; every point then has y = 0.

    Raises:
        ValueError: the two coincide, or one is not finite. Of `thirds`, those that are not are left out.

    >>> basis, third = two_code_basis([1, 1, 0], [4, 1, 0], [[9, 1, 0], [2, 3, 0]])
    >>> third, basis.project([[4, 1, 0], [2, 3, 0], [2, 3, 7]]).tolist()
    (1, [[3.0, 0.0], [1.0, 2.0], [1.0, 2.0]])
    """
    origin, end = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if not np.isfinite([origin, end]).all():
        raise ValueError("One of the two codes is not finite, so no line passes through them. Choose another code.")
    length = float(np.linalg.norm(end - origin))
    if length == 0:
        raise ValueError("The two codes lie in one place, so no line passes through them. Choose another code.")
    along = (end - origin) / length
    for index, third in enumerate(thirds):
        if not np.isfinite(third).all():
            continue
        away = np.asarray(third, np.float64) - origin
        away -= (away @ along) * along
        height = float(np.linalg.norm(away))
        if height > _FLAT * length:
            return FrozenBasis(origin, np.stack([along, away / height]), np.zeros(2)), index
    return FrozenBasis(origin, np.stack([along, np.zeros_like(along)]), np.zeros(2)), None
