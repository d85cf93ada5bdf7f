"""Laws of the parts that make the layout loop fast: they change no number that UMAP would compute."""

import math

import numba
import numpy as np
import pytest

from vqcore.projection.layout_loop import _at, _forces, _remainder


@numba.njit
def looked_up(squared, table):
    return np.array([_at(value, table) for value in squared])


@numba.njit
def remainders(numbers, count, reciprocal, shift):
    return np.array([_remainder(number, count, reciprocal, shift) for number in numbers])


@pytest.mark.parametrize(("a", "b"), [(1.58, 0.9), (1.93, 0.79), (0.12, 1.93)])  # min_dist 0.1, 0 and 1
def test_the_tables_give_umaps_forces_to_single_precision(a, b):
    squared = np.geomspace(2.0**-29, 2.0**23, 5000).astype(np.float32)
    exact = squared.astype(float)
    pulls, pushes = _forces(a, b)
    pull = -2 * a * b * exact ** (b - 1) / (a * exact**b + 1)
    push = 2 * b / ((0.001 + exact) * (a * exact**b + 1))
    np.testing.assert_allclose(looked_up(squared, pulls), pull, rtol=2e-6)
    np.testing.assert_allclose(looked_up(squared, pushes), push, rtol=2e-6)


def test_beyond_the_tables_a_force_stays_finite():
    for table in _forces(1.58, 0.9):
        assert np.isfinite(looked_up(np.array([1e-38, 1e38, np.inf], np.float32), table)).all()


@pytest.mark.parametrize("count", [3, 64, 2000, 10_007])
def test_the_remainder_is_the_exact_one(count):
    limits = np.iinfo(np.int32)
    edges = [limits.min, limits.max, -1, 0, 1, -count, count, count - 1, -count - 1]
    drawn = np.random.default_rng(0).integers(limits.min, limits.max, 1000)
    numbers = np.array([*edges, *drawn], np.int32)
    shift = 31 + math.ceil(math.log2(count))
    found = remainders(numbers, count, (1 << shift) // count + 1, shift)
    assert np.array_equal(found, numbers.astype(np.int64) % count)
