"""The plane that keeps most of the variance, frozen so that a live picture does not turn under the viewer.

Numpy only. The caller decides when to fit a new basis.
"""

# N points, D features

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class FrozenBasis:
    """A centre and two orthogonal directions, fitted once and used until the next fit.

    Attributes:
        centre: The mean of the fitted points, (D,).
        axes: Unit rows, strongest first, (2, D). A row is zero if the points span no second direction
            at all (D = 1, or a single point): every point then lies on the line y = 0.
        explained_share: Share of the fitted points' variance along each axis, (2,); zero
            for points that all coincide.
    """

    centre: Float64
    axes: Float64
    explained_share: Float64

    @classmethod
    def fit(cls, points: ArrayLike) -> "FrozenBasis":
        """The two principal axes of `points` (N, D); the largest entry of each axis is positive.

        Raises:
            ValueError: `points` is not a finite matrix with at least one row and one column.

        >>> FrozenBasis.fit([[0, 0], [3, 4]]).project([[3, 4], [0, 0]]).tolist()
        [[2.5, 0.0], [-2.5, 0.0]]
        """
        matrix = _finite_matrix(points)
        centre = matrix.mean(axis=0)
        centred = matrix - centre
        variances, axes = _principal_axes(centred)
        total = _total_variance(centred, matrix)
        share = variances[:2] / total if total > 0 else np.zeros(2)
        return cls(*(_read_only(part) for part in (centre, _fix_signs(axes[:2]), share)))

    def project(self, points: ArrayLike) -> NDArray[np.float32]:
        """The coordinates of `points` (N, D) in the frozen plane, (N, 2); non-finite for non-finite points."""
        with np.errstate(invalid="ignore", over="ignore"):
            return ((self._same_width(points) - self.centre) @ self.axes.T).astype(np.float32)

    def captured_share(self, points: ArrayLike) -> float:
        """How good the frozen plane still is for `points`: its variance over that of a fresh fit, 0 to 1.

        1 means that a refit would show nothing more; a page may offer one below 0.8 or so.
        """
        matrix = _finite_matrix(self._same_width(points))
        centred = matrix - matrix.mean(axis=0)
        if _total_variance(centred, matrix) == 0:
            return 1.0
        fresh = _principal_axes(centred)[0][:2].sum()
        kept = np.square(centred @ self.axes.T).sum() / len(matrix)
        return float(min(kept / fresh, 1.0))

    def _same_width(self, points: ArrayLike) -> Float64:
        matrix = np.asarray(points, dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[1] != len(self.centre):
            raise ValueError(
                f"`points` must have shape (N, {len(self.centre)}), like the points this basis was fitted to, "
                f"but has shape {matrix.shape}. Fit a new basis for them."
            )
        return matrix


def _finite_matrix(points: ArrayLike) -> Float64:
    matrix = np.asarray(points, dtype=np.float64)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ValueError(
            f"`points` must be a matrix (N, D) with at least one row and one column, but has shape "
            f"{matrix.shape}. Flatten leading dimensions first: points.reshape(-1, D)."
        )
    if not np.isfinite(matrix).all():
        raise ValueError("`points` must be finite, but contains NaN or infinity. Leave those rows out.")
    return matrix


def _principal_axes(centred: Float64) -> tuple[Float64, Float64]:
    """Variances, largest first, and unit rows; at least two of each, filled up with zeros."""
    rows, features = centred.shape
    if rows >= features:  # N ≫ D in a live view: the (D, D) problem is far cheaper than the SVD
        rising, columns = np.linalg.eigh(centred.T @ centred / rows)
        variances, axes = np.maximum(rising[::-1], 0.0), columns[:, ::-1].T
    else:
        _, singular, axes = np.linalg.svd(centred, full_matrices=False)
        variances = np.square(singular) / rows
    missing = max(0, 2 - len(variances))
    return np.pad(variances, (0, missing)), np.pad(axes, ((0, missing), (0, 0)))


def _total_variance(centred: Float64, matrix: Float64) -> float:
    """Summed over features; exactly zero for equal rows, despite the rounding of their mean."""
    return float(np.square(centred).sum() / len(matrix)) if np.ptp(matrix, axis=0).any() else 0.0


def _fix_signs(axes: Float64) -> Float64:
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1, keepdims=True), axis=1)
    return np.where(largest < 0, -axes, axes)


def _read_only(values: NDArray[Any]) -> NDArray[Any]:
    values = np.array(values)
    values.flags.writeable = False
    return values
