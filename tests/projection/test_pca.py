"""Laws of the frozen plane, against the singular value decomposition and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from vqcore.projection.pca import FrozenBasis


def stretched(count: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, width)) * np.linspace(3, 1, width) + rng.normal(size=width) * 5


@pytest.mark.parametrize(("count", "width"), [(50, 2), (200, 32), (10, 64), (2, 3)])
def test_distances_in_the_plane_are_those_of_the_singular_vectors(count, width):
    points = stretched(count, width)
    centred = points - points.mean(0)
    expected = centred @ np.linalg.svd(centred)[2][:2].T
    plane = FrozenBasis.fit(points).project(points)
    np.testing.assert_allclose(np.abs(plane), np.abs(expected), atol=1e-4)
    assert plane.dtype == np.float32


def test_the_explained_share_is_that_of_scikit_learn():
    points = stretched(300, 16)
    np.testing.assert_allclose(
        FrozenBasis.fit(points).explained_share, PCA(2).fit(points).explained_variance_ratio_, rtol=1e-9
    )


def test_the_same_points_in_another_order_give_the_same_picture():
    points = stretched(200, 8)
    shuffled = points[np.random.default_rng(1).permutation(200)]
    np.testing.assert_allclose(
        FrozenBasis.fit(points).project(points), FrozenBasis.fit(shuffled).project(points), atol=1e-5
    )


@settings(deadline=None, max_examples=40)
@given(count=st.integers(1, 12), width=st.integers(1, 12), rank=st.integers(0, 3), seed=st.integers(0, 99))
def test_any_rank_gives_a_finite_picture_no_wider_than_the_points(count, width, rank, seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(count, rank)) @ rng.normal(size=(rank, width)) + 7.3
    basis = FrozenBasis.fit(points)
    plane = basis.project(points)
    assert plane.shape == (count, 2)
    assert np.square(plane).sum() <= np.square(points - points.mean(0)).sum() * 1.0001 + 1e-6
    assert 0 <= basis.explained_share.sum() <= 1 + 1e-9
    assert basis.captured_share(points) == pytest.approx(1.0)


def test_one_feature_is_drawn_on_a_line():
    points = np.array([[1.0], [2.0], [6.0]])
    np.testing.assert_allclose(FrozenBasis.fit(points).project(points), [[-2, 0], [-1, 0], [3, 0]], atol=1e-6)


def test_points_that_coincide_explain_nothing_and_ask_for_no_refit():
    points = np.full((100, 5), 0.1)
    basis = FrozenBasis.fit(points)
    assert basis.explained_share.tolist() == [0, 0]
    assert np.abs(basis.project(points)).max() < 1e-6
    assert FrozenBasis.fit(stretched(9, 5)).captured_share(points) == 1


def test_the_captured_share_falls_when_the_points_turn_out_of_the_plane():
    basis = FrozenBasis.fit(np.eye(6)[:3] * [5, 4, 0, 0, 0, 0])
    rng = np.random.default_rng(0)
    inside, outside = np.zeros((2, 500, 6))
    inside[:, :2], outside[:, 3:5] = rng.normal(size=(2, 500, 2))
    assert basis.captured_share(inside + 100) == pytest.approx(1)
    assert basis.captured_share(outside) == pytest.approx(0)
    assert basis.captured_share(inside + 2 * outside) == pytest.approx(1 / 4, abs=0.05)


def test_a_basis_cannot_be_changed():
    basis = FrozenBasis.fit(stretched(9, 4))
    with pytest.raises(ValueError, match="read-only"):
        basis.axes[0, 0] = 1


@pytest.mark.parametrize("points", [np.zeros(3), np.zeros((0, 3)), np.zeros((3, 0)), [[np.nan, 1.0]]])
def test_what_is_no_finite_matrix_is_refused(points):
    with pytest.raises(ValueError, match="`points` must be"):
        FrozenBasis.fit(points)


def test_points_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"shape \(N, 4\)"):
        FrozenBasis.fit(stretched(9, 4)).project(np.zeros((2, 3)))
