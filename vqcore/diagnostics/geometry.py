"""Where P and C lie and how far apart they are. numpy only."""

# N points, D features

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]


class Moments(NamedTuple):
    """Mean and spread of a distribution of points."""

    mean: NDArray[np.float64]
    """(D,)."""

    std: NDArray[np.float64]
    """(D,) standard deviation of each feature."""

    @property
    def spread(self) -> float:
        """Root mean square of the standard deviations: one number for the width, in the unit of z_e."""
        return float(np.sqrt(np.square(self.std).mean()))


def moments(points: Points) -> Moments:
    """Mean and standard deviation (not bias-corrected) of each feature of `points` (N, D)."""
    points = points.astype(np.float64)
    return Moments(points.mean(0), points.std(0))


def moment_distance(p: Moments, c: Moments) -> float:
    """√(‖μ_P − μ_C‖² + ‖σ_P − σ_C‖²): the 2-Wasserstein distance of two Gaussians with independent features.

    >>> one = Moments(np.array([0.0]), np.array([1.0]))
    >>> moment_distance(one, Moments(np.array([3.0]), np.array([5.0])))
    5.0
    """
    return float(np.sqrt(np.square(p.mean - c.mean).sum() + np.square(p.std - c.std).sum()))


def quantization_error(z_e: Points, z_q: Points) -> float:
    """‖z_e − z_q‖², summed over features, mean over vectors. Both (N, D)."""
    return float(np.square(z_e.astype(np.float64) - z_q).sum(1).mean())


def relative_error(z_e: Points, z_q: Points) -> float:
    """The quantization error as a share of the variance of z_e; 1 is no better than the mean alone.

    Not a number where z_e has no variance.
    """
    variance = float(z_e.astype(np.float64).var(0).sum())
    return quantization_error(z_e, z_q) / variance if variance > 0 else float("nan")
