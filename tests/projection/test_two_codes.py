"""Laws of the plane through two codes."""

import numpy as np
import pytest

from vqcore.projection.two_codes import two_code_basis


def test_its_axes_are_at_right_angles_and_of_unit_length():
    first, second, third = np.random.default_rng(0).normal(size=(3, 7))
    basis, chosen = two_code_basis(first, second, [third])
    assert chosen == 0
    assert np.allclose(basis.axes @ basis.axes.T, np.eye(2))


def test_in_one_dimension_everything_lies_on_the_line():
    basis, chosen = two_code_basis([1.0], [3.0], [[7.0]])
    assert chosen is None
    assert basis.project([[1.0], [3.0], [7.0]]).tolist() == [[0, 0], [2, 0], [6, 0]]


def test_a_third_point_on_the_line_gives_way_to_the_next():
    assert two_code_basis([0, 0, 0], [1, 1, 1], [[2, 2, 2], [0, 1, 0]])[1] == 1


def test_codes_in_one_place_are_refused():
    with pytest.raises(ValueError, match="in one place"):
        two_code_basis([1, 2], [1, 2], [[0, 0]])
