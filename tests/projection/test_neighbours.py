"""Laws of the neighbour search, against loops over all pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqcore.projection.neighbours import nearest_neighbours


@settings(deadline=None, max_examples=40)
@given(
    count=st.integers(1, 25),
    copies=st.integers(1, 4),
    width=st.integers(1, 5),
    offset=st.sampled_from([0, 300]),
    seed=st.integers(0, 99),
)
def test_each_point_comes_first_and_then_the_nearest_others(count, copies, width, offset, seed):
    rng = np.random.default_rng(seed)
    points = rng.permutation(np.repeat(rng.normal(size=(count, width)), copies, axis=0)).astype(np.float32) + offset
    k = int(rng.integers(1, len(points) + 1))
    near = nearest_neighbours(points, k)
    assert near.indices.dtype == np.int64
    assert near.distances.dtype == np.float32
    for i, (row, distances) in enumerate(zip(near.indices, near.distances, strict=True)):
        every = [float(np.linalg.norm(points[i].astype(float) - other.astype(float))) for other in points]
        assert row[0] == i
        assert len(set(row)) == k
        np.testing.assert_allclose(distances, sorted(every)[:k], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(distances, np.array(every)[row], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("count", [256, 257, 700])
def test_of_many_points_they_are_those_that_a_sort_of_all_distances_gives(count):
    points = np.random.default_rng(count).normal(size=(count, 6)).astype(np.float32)
    distances = np.sqrt(np.square(points[:, None].astype(float) - points).sum(-1))
    near = nearest_neighbours(points, 15)
    assert np.array_equal(near.indices, np.argsort(distances, axis=1)[:, :15])
    np.testing.assert_allclose(near.distances, np.sort(distances, axis=1)[:, :15], rtol=1e-5)


def test_duplicates_are_at_distance_zero_exactly():
    points = np.repeat(np.random.default_rng(0).normal(size=(40, 8)) + 1000, 3, axis=0).astype(np.float32)
    assert not nearest_neighbours(points, 3).distances.any()


@pytest.mark.parametrize("k", [0, 6])
def test_more_neighbours_than_points_are_refused(k):
    with pytest.raises(ValueError, match="between 1 and the 5 points"):
        nearest_neighbours(np.zeros((5, 2), np.float32), k)
