"""Photographs of every kind, made ready for a convolutional model or refused in a sentence."""

import numpy as np
import pytest
import torch

from vqcore.problems.whole_images import MOST_SIDE, whole_image


def photograph(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_one_that_fits_goes_through_as_it_is():
    given = photograph(8, 12, 3)
    image, said = whole_image(given, channels=3, stride=4)
    assert said == ""
    assert torch.equal(((image + 1) * 127.5).round().byte().movedim(0, -1), torch.from_numpy(given))


def test_a_grey_one_has_the_same_in_all_channels():
    given = photograph(8, 8)
    image, _ = whole_image(given, channels=3, stride=4)
    assert all(torch.equal(image[0], other) for other in image)
    assert np.array_equal(((image[0] + 1) * 127.5).round().numpy(), given)


def test_colours_turn_grey_for_a_model_that_has_none():
    image, said = whole_image(photograph(8, 8, 3), channels=1, stride=4)
    assert (image.shape, said) == ((1, 8, 8), "turned grey")


def test_what_can_be_seen_through_lies_on_white():
    given = photograph(4, 8, 4)
    given[:, :4, 3], given[:, 4:, 3] = 0, 255
    image, said = whole_image(given, channels=3, stride=4)
    assert (image[..., :4] == 1).all()
    assert np.array_equal(((image[..., 4:] + 1) * 127.5).round().numpy().transpose(1, 2, 0), given[:, 4:, :3])
    assert said == "laid on white"


@pytest.mark.parametrize("shape", [(300, 10_000, 3), (10_000, 300), (4000, 4000, 4)])
def test_a_large_one_is_scaled_to_the_bound_and_it_says_so(shape):
    image, said = whole_image(np.zeros(shape, np.uint8), channels=3, stride=4)
    assert image.shape[0] == 3
    assert max(image.shape[1:]) == MOST_SIDE
    assert all(side % 4 == 0 for side in image.shape[1:])
    assert f"scaled from {shape[1]:,} × {shape[0]:,} to" in said


def test_sides_that_do_not_fit_are_cropped_in_the_middle():
    given = photograph(10, 7, 3)
    image, said = whole_image(given, channels=3, stride=4)
    assert said == "cropped to 4 × 8"
    assert np.array_equal(((image + 1) * 127.5).round().numpy().transpose(1, 2, 0), given[1:9, 1:5])


@pytest.mark.parametrize("shape", [(64, 1, 3), (1, 64, 3), (3, 3, 3), (10, 10_000, 3)])
def test_one_smaller_than_a_stride_is_refused_in_a_sentence(shape):
    with pytest.raises(ValueError, match=r"but the model makes one code of 4 × 4\. Take one with at least 4 on each"):
        whole_image(np.zeros(shape, np.uint8), channels=3, stride=4)


@pytest.mark.parametrize("given", [np.zeros((8, 8, 3)), np.zeros((0, 8, 3), np.uint8), np.zeros((8, 8, 5), np.uint8)])
def test_what_is_no_photograph_is_refused_in_a_sentence(given):
    with pytest.raises(ValueError, match="A photograph"):
        whole_image(given, channels=3, stride=4)
