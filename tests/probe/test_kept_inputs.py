"""Inputs that are given to the probe are kept with the vectors that came from them."""

import numpy as np
import pytest
import torch
from torch import nn
from vector_quantize_pytorch import VectorQuantize

import vqcore
from vqcore.nn import VectorQuant
from vqcore.runs.kept_inputs import MOST_INPUTS
from vqcore.runs.reading import load_run

B, D, K = 40, 4, 16


class Convolved(nn.Module):
    """Vectors on a grid, features last."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.quantize = nn.Conv2d(3, D, 4, stride=4), VectorQuantize(dim=D, codebook_size=K)

    def forward(self, x: torch.Tensor) -> object:
        return self.quantize(self.encoder(x).permute(0, 2, 3, 1).flatten(1, 2))


class Flat(nn.Module):
    """A vector for each input, without an axis of positions."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.quantize = nn.Linear(12, D), VectorQuant(D, K)

    def forward(self, x: torch.Tensor) -> object:
        return self.quantize(self.encoder(x))


@pytest.mark.parametrize(
    ("make", "shape", "kept"), [(Convolved, (3, 100, 12), (14, 3, 50, 12)), (Flat, (12,), (14, 12))]
)
def test_each_vector_is_the_encoders_of_the_input_that_it_is_said_to_be_from(tmp_path, make, shape, kept):
    torch.manual_seed(0)
    model, batch = make(), torch.randn(B, *shape)
    with vqcore.watch(model, every=10, sample=64, out=tmp_path / "run") as probe:
        model(batch)
        probe.step(0, inputs=(batch, "labels"))
    run = load_run(tmp_path / "run")
    (book,) = run.snapshot(0).values()
    inputs, every = run.inputs(0), -(-B // MOST_INPUTS)
    assert inputs.shape == kept
    np.testing.assert_array_equal(inputs, batch[::every, :, :: shape[1] // 50] if len(shape) > 1 else batch[::every])
    with torch.no_grad():
        encoded = model.encoder(batch).reshape(B, D, -1).movedim(1, -1).numpy()  # (B, P, D)
    apart = np.abs(encoded - book.z_e[:, None, None]).max(-1).min(-1)  # (M, B)
    of_batch = apart.argmin(1)
    assert apart.min(1).max() < 1e-5
    np.testing.assert_array_equal(book.input, np.where(of_batch % every == 0, of_batch // every, -1))
    assert {-1, *range(len(inputs))} >= set(book.input.tolist()) > {-1}


def test_inputs_that_do_not_fit_the_vectors_are_not_kept(tmp_path):
    model = Flat()
    with vqcore.watch(model, every=1, out=tmp_path / "run") as probe:
        for step, inputs in enumerate([torch.zeros(7, 12), None, "text", torch.zeros(()), torch.zeros(0, 12)]):
            model(torch.randn(B, 12))
            probe.step(step, inputs=inputs)
            probe.flush()
    run = load_run(tmp_path / "run")
    assert run.snapshots == (0, 1, 2, 3, 4)
    assert [run.inputs(step) for step in run.snapshots] == [None] * 5
    assert all(book.input is None for book in run.snapshot(0).values())


def test_giving_inputs_changes_no_bit_of_the_training(tmp_path):
    def trained(*, probed: bool) -> torch.Tensor:
        torch.manual_seed(0)
        model = Convolved()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        probe = vqcore.watch(model, every=2, out=tmp_path / "run") if probed else None
        for _ in range(6):
            batch = torch.randn(B, 3, 16, 16)
            z, _, commit = model(batch)
            (z.square().mean() + commit.sum()).backward()
            optimizer.step()
            optimizer.zero_grad()
            if probe is not None:
                probe.step(inputs=batch)
                batch.zero_()  # it is the training's own again
                probe.flush()
        if probe is not None:
            probe.close()
        return torch.cat([one.flatten() for one in model.state_dict().values()])

    assert torch.equal(trained(probed=True), trained(probed=False))
    assert all(load_run(tmp_path / "run").inputs(step).any() for step in (0, 2, 4))
