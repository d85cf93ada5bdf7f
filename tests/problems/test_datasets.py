import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_sample_images

from vqcore.problems import datasets
from vqcore.problems.catalogue import PROBLEMS, find_problem


@pytest.fixture(params=PROBLEMS.values(), ids=PROBLEMS)
def problem(request):
    return request.param


def test_the_same_seed_gives_the_same_data(problem):
    one, two = problem.load(3), problem.load(3)
    pairs = [pair for x, y in zip(one, two, strict=True) for pair in zip(x, y, strict=True)]
    assert all(a is b is None or torch.equal(a, b) for a, b in pairs)


def test_every_held_out_input_has_a_class_with_a_name(problem):
    held_out = problem.load(0).held_out
    assert held_out.labels.shape == (len(held_out.inputs),)
    assert set(held_out.labels.tolist()) == set(range(len(problem.classes)))
    part = held_out.batch(torch.tensor([5, 2]))
    assert part.labels.tolist() == held_out.labels[[5, 2]].tolist()


def test_labels_are_those_of_the_inputs():
    digits, known = datasets.digits_images(0).held_out, load_digits()
    np.testing.assert_array_equal(digits.labels, known.target[-datasets.HELD_OUT_DIGITS :])
    points = datasets.clusters(0).held_out
    x, y = points.inputs.numpy().T
    angle = np.degrees(np.arctan2(y, x))
    nearest = np.round(angle / 45).astype(int) % 8
    assert (nearest == points.labels.numpy()).mean() > 0.98  # a few points lie beyond the border of their cluster
    photographs = datasets.patches(0).held_out
    first, second = (photographs.inputs[photographs.labels == photo] for photo in (0, 1))
    assert len(first) == len(second)
    strip = datasets._photographs()[1][:, datasets.HELD_OUT_COLUMNS.start : datasets.HELD_OUT_COLUMNS.stop]
    assert second.mean() == pytest.approx(strip.mean() / 127.5 - 1, abs=0.05)
    assert abs(first.mean() - second.mean()) > 0.2


def test_no_held_out_input_is_a_training_input(problem):
    data = problem.load(0)
    training = {row.numpy().tobytes() for row in data.train.inputs}
    assert not any(row.numpy().tobytes() in training for row in data.held_out.inputs)


@pytest.mark.parametrize("name", ["patches", "digits", "digits-classifier"])
def test_pictures_lie_in_plus_minus_one(name):
    inputs = PROBLEMS[name].load(0).train.inputs
    assert inputs.min() >= -1
    assert inputs.max() <= 1
    assert inputs.std() > 0.2


def test_no_training_patch_touches_the_held_out_strip(monkeypatch):
    """Paint the strip a colour of its own: no training patch may show a pixel of it."""
    painted = [photo.copy() for photo in load_sample_images().images]
    for photo in painted:
        photo[photo == 7] = 8
        photo[:, datasets.HELD_OUT_COLUMNS.start : datasets.HELD_OUT_COLUMNS.stop] = 7
    monkeypatch.setattr(datasets, "_photographs", lambda: painted)
    data = datasets.patches(0)
    seven = np.float32(7 / 127.5 - 1)
    assert not torch.isclose(data.train.inputs, torch.tensor(seven), atol=1e-6).any()
    assert torch.isclose(data.held_out.inputs, torch.tensor(seven), atol=1e-6).all()


def test_the_files_read_are_what_scikit_learns_loaders_give():
    for ours, theirs in zip(datasets._photographs(), load_sample_images().images, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    digits = load_digits()
    images, labels = datasets._digits()
    np.testing.assert_array_equal((images[:, 0].numpy() + 1) * 8, digits.images)
    np.testing.assert_array_equal(labels.numpy(), digits.target)


def test_an_unknown_problem_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"`problem` must be one of patches, digits, .* but got 'celeba'"):
        find_problem("celeba")


def test_models_encode_to_their_dim_and_decode_to_what_the_loss_takes(problem):
    data = problem.load(0)
    model = problem.build()
    z_e = model.encode(data.train.inputs[:4])
    assert z_e.shape[0] == 4
    assert z_e.shape[-1] == problem.dim
    assert problem.loss(model.decode(z_e), data.train.targets[:4]).shape == ()
