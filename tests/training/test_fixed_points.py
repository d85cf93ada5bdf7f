"""The paper's toy of the affine map, against gradient descent written here in numpy."""

import numpy as np
import pytest
import torch

from vqcore.trajectories.fixed_points import CODES, POINTS, RATE, UPDATES, share_moved


def points_and_codes(seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = torch.Generator().manual_seed(seed)
    points, codes = (torch.randn(count, 2, generator=draw).numpy() for count in (POINTS, CODES))
    return (0.5**0.5 * points).astype(np.float64), (0.3**0.5 * codes - 1).astype(np.float64)


@pytest.mark.parametrize("seed", range(3))
def test_without_the_map_the_codes_that_are_nearest_to_nothing_never_move(seed: int) -> None:
    points, codes = points_and_codes(seed)
    ever = np.zeros(CODES, dtype=bool)
    for _ in range(UPDATES):
        nearest = np.square(points[:, None] - codes).sum(-1).argmin(1)
        counts = np.bincount(nearest, minlength=CODES)
        sums = np.stack([np.bincount(nearest, points[:, axis], CODES) for axis in (0, 1)], 1)
        codes = codes - RATE * 2 / (2 * POINTS) * (counts[:, None] * codes - sums)
        ever |= counts > 0
    assert share_moved(seed, affine=False) == pytest.approx(ever.mean(), abs=1.5 / CODES)
    assert share_moved(seed, affine=False) < 0.5


@pytest.mark.parametrize("seed", range(3))
def test_with_the_map_every_code_moves(seed: int) -> None:
    assert share_moved(seed, affine=True) == 1.0
