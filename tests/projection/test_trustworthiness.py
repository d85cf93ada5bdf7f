"""Laws of trustworthiness, against scikit-learn's."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness as reference

from vqcore.projection.trustworthiness import trustworthiness


def cloud(count, width, seed=0):
    return np.random.default_rng(seed).normal(size=(count, width))


@pytest.mark.parametrize(("count", "k"), [(40, 5), (300, 15), (31, 15), (1500, 20)])
def test_of_all_points_it_is_scikit_learns(count, k):
    points = cloud(count, 6)
    for picture in (points[:, :2], cloud(count, 2, seed=1)):
        found = trustworthiness(points, picture, k=k, sample=count)
        assert found.value == pytest.approx(reference(points, picture, n_neighbors=k), abs=1e-12)
        assert found[1:] == (k, count, count)


def test_a_sample_estimates_it():
    points = cloud(2000, 8)
    picture = points[:, :2]
    of_all = reference(points, picture, n_neighbors=15)
    estimates = [trustworthiness(points, picture, seed=seed).value for seed in range(20)]
    assert np.mean(estimates) == pytest.approx(of_all, abs=0.005)
    assert np.std(estimates) < 0.02
    assert len(set(estimates)) == 20


def test_it_knows_no_scale_and_no_place():
    points, picture = cloud(100, 5), cloud(100, 2, seed=1)
    here = trustworthiness(points, picture).value
    assert trustworthiness(1e4 * points + 1e6, 1e-3 * picture - 7).value == pytest.approx(here, abs=1e-3)


@pytest.mark.parametrize("count", [3, 4, 20, 30])
def test_few_points_are_judged_by_fewer_neighbours(count):
    points = cloud(count, 4)
    found = trustworthiness(points, points[:, :2])
    assert found.k == (count - 1) // 2
    assert found.value == pytest.approx(reference(points, points[:, :2], n_neighbors=found.k))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_points_have_none(count):
    assert trustworthiness(cloud(count, 4), cloud(count, 2)) is None


def test_points_that_coincide_lie_about_nothing():
    assert trustworthiness(np.ones((50, 4)), np.zeros((50, 2))).value == 1
