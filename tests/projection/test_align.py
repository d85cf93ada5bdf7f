"""Laws of the alignment, against motions that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import procrustes

from vqcore.projection.align import align_layout, find_alignment


@settings(deadline=None, max_examples=40)
@given(
    angle=st.floats(0, 6.28),
    mirror=st.booleans(),
    scale=st.floats(0.2, 5),
    shift=st.floats(-50, 50),
    seed=st.integers(0, 99),
)
def test_a_turned_mirrored_scaled_and_shifted_layout_comes_back(angle, mirror, scale, shift, seed):
    onto = np.random.default_rng(seed).normal(size=(30, 2))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag(
        [1, -1 if mirror else 1]
    )
    np.testing.assert_allclose(align_layout(scale * onto @ turn + shift, onto, scale=True), onto, atol=1e-4)


def test_the_residual_is_that_of_scipy():
    layout, onto = np.random.default_rng(0).normal(size=(2, 40, 2))
    centred = onto - onto.mean(0)
    ours = np.square(align_layout(layout, onto, scale=True) - onto).sum() / np.square(centred).sum()
    assert ours == pytest.approx(procrustes(onto, layout)[2], rel=1e-5)


def test_without_scale_all_distances_stay():
    layout, onto = np.random.default_rng(0).normal(size=(2, 20, 2))
    moved = align_layout(layout, 9 * onto)
    np.testing.assert_allclose(
        np.linalg.norm(moved[:, None] - moved, axis=2),
        np.linalg.norm(layout[:, None] - layout, axis=2),
        atol=1e-5,
    )


def test_rows_without_an_identity_follow_the_others():
    rng = np.random.default_rng(0)
    onto, turn = rng.normal(size=(20, 2)), np.array([[0.0, 1.0], [-1.0, 0.0]])
    alignment = find_alignment(onto[:12] @ turn + 3, onto[:12])
    np.testing.assert_allclose(alignment.apply(onto[12:] @ turn + 3), onto[12:], atol=1e-5)


@pytest.mark.parametrize("scale", [False, True])
def test_a_layout_that_is_one_point_moves_to_the_middle(scale):
    moved = align_layout(np.full((4, 2), 7.0), [[0, 0], [0, 2], [2, 0], [2, 2]], scale=scale)
    np.testing.assert_allclose(moved, np.ones((4, 2)))


@pytest.mark.parametrize("onto", [np.zeros((3, 2)), np.zeros(4), np.full((4, 2), np.nan)])
def test_layouts_that_do_not_pair_up_are_refused(onto):
    with pytest.raises(ValueError, match="`layout` and `onto` must be"):
        align_layout(np.zeros((4, 2)), onto)


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="at least one row"):
        align_layout(np.zeros((0, 2)), np.zeros((0, 2)))
