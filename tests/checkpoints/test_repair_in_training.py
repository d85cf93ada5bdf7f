"""Repair of codebooks that training collapsed: what was foretold comes true, and training on keeps it."""

import copy
from functools import cache

import numpy as np
import pytest
import torch
import vector_quantize_pytorch as vqp
from torch import Tensor, nn

from vqcore.checkpoints.reader import open_checkpoint
from vqcore.remedies.repair import Repaired, repair
from vqcore.training.evaluation import evaluating
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer

K = 64
STEPS_TO_COLLAPSE, STEPS_AFTER = 100, 200
AGREES = 0.05


def measured(z_e: Tensor, z_q: Tensor, codes: Tensor) -> np.ndarray:
    """Active codes, perplexity and mean square error, from scratch."""
    shares = torch.bincount(codes.flatten(), minlength=K).double() / codes.numel()
    perplexity = torch.special.entr(shares).sum().exp()
    error = (z_e.flatten(0, -2) - z_q.flatten(0, -2)).double().square().sum(1).mean()
    return np.array([(shares > 0).sum().item(), perplexity.item(), error.item()])


def foretold(result: Repaired) -> tuple[np.ndarray, np.ndarray]:
    return tuple(
        np.array([outcome.codebooks[0].active, outcome.codebooks[0].perplexity, outcome.error])
        for outcome in (result.before, result.after)
    )


def assert_came_true(result: Repaired, before: np.ndarray, after: np.ndarray) -> None:
    """Perplexity and error change as foretold to 5%, active codes to 5% of all: rare ones come and go by chance."""
    expected_before, expected_after = foretold(result)
    real, expected = after - before, expected_after - expected_before
    np.testing.assert_allclose(real[1:], expected[1:], rtol=AGREES)
    assert abs(real[0] - expected[0]) <= AGREES * K


@cache
def collapsed_digits() -> dict[str, Tensor]:
    trainer = Trainer(default_recipe("digits", num_codes=K, device="cpu"))
    for _ in range(STEPS_TO_COLLAPSE):
        trainer.step()
    return {
        **trainer.model.state_dict(prefix="model."),
        **trainer.quantizer.state_dict(prefix="quantizer."),
    }


def digits_from(state: dict[str, Tensor], **options) -> Trainer:
    """A new run that goes on from `state`, loaded strictly."""
    trainer = Trainer(default_recipe("digits", num_codes=K, device="cpu", seed=1, **options))
    for name, module in (("model.", trainer.model), ("quantizer.", trainer.quantizer)):
        own = {key.removeprefix(name): value for key, value in state.items() if key.startswith(name)}
        module.load_state_dict(own, strict=True)
    return trainer


def digits_latents(trainer: Trainer, inputs: Tensor) -> Tensor:
    with evaluating(trainer.model):
        return trainer.model.encode(inputs).flatten(0, -2)


def digits_measured(trainer: Trainer) -> np.ndarray:
    z_e = digits_latents(trainer, trainer.held_out.inputs)
    with evaluating(trainer.quantizer):
        found = trainer.quantizer(z_e)
    return measured(z_e, found.z_q, found.codes)


@pytest.mark.parametrize(
    ("remedy", "options"),
    [("restart", {"replace_every": 20}), ("restart", {"codebook_update": "ema"}), ("replace", {"replace_every": 20})],
)
def test_our_collapsed_digits_come_back_and_stay(remedy, options, tmp_path):
    state = collapsed_digits()
    state["quantizer.inner_velocity"] = torch.ones_like(state["quantizer.inner_velocity"])
    torch.save(state, tmp_path / "collapsed.pt")
    before = digits_from(state)
    unseen = len(before.held_out.inputs)
    # As many vectors to foretell on as there are unseen ones: how many codes N vectors touch depends on N.
    z_e = digits_latents(before, before.train_data.inputs[: 2 * unseen]).numpy()
    result = repair(open_checkpoint(tmp_path / "collapsed.pt"), tmp_path / "repaired.pt", z_e, remedy=remedy)
    assert result.before.codebooks[0].active < K / 2

    repaired = torch.load(result.path, weights_only=True)
    changed = {key for key in state if not torch.equal(state[key], repaired[key])}
    of_codes = ("raw_codebook", "steps_unused", "ema_counts", "inner_velocity")
    assert changed <= {f"quantizer.{name}" for name in of_codes}
    velocity, moved = repaired["quantizer.inner_velocity"], torch.from_numpy(result.after.moved[0])
    assert not velocity[moved].any()  # they start from rest
    assert velocity[~moved].all()
    going_on = digits_from(repaired, **options)
    assert_came_true(result, digits_measured(before), digits_measured(going_on))

    for _ in range(STEPS_AFTER):
        going_on.step()
    revived = result.after.moved[0]
    kept = going_on.snapshot().counts[revived] > 0
    assert kept.mean() >= 0.9
    moved_again = going_on.snapshot().placed_at[revived] >= 0
    assert moved_again.mean() <= 0.1


class Autoencoder(nn.Module):
    """Vectors of twelve clusters through a quantizer of vector-quantize-pytorch, whose codes start far from them."""

    def __init__(self, **options) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(12, 8), nn.Linear(8, 12)
        self.quantizer = vqp.VectorQuantize(dim=8, codebook_size=K, **options)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        z_q, _, loss = self.quantizer(self.encoder(inputs)[None])
        return self.decoder(z_q[0]), loss


def clusters(number: int) -> Tensor:
    generator = torch.Generator().manual_seed(number)
    centres = 4 * torch.randn(12, 12, generator=torch.Generator().manual_seed(0)) + 6
    return centres[torch.randint(12, (number,), generator=generator)] + torch.randn(number, 12, generator=generator)


def train(model: Autoencoder, steps: int) -> Tensor:
    """Hits of each code in each step, (steps, K)."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    generator, data, hits = torch.Generator().manual_seed(1), clusters(20_000), []
    for _ in range(steps):
        batch = data[torch.randint(len(data), (512,), generator=generator)]
        output, loss = model(batch)
        optimizer.zero_grad()
        (nn.functional.mse_loss(output, batch) + loss.sum()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            model.eval()
            codes = model.quantizer(model.encoder(batch)[None])[1]
            model.train()
        hits.append(torch.bincount(codes.flatten(), minlength=K))
    return torch.stack(hits)


@torch.no_grad()
def autoencoder_measured(model: Autoencoder) -> np.ndarray:
    model.eval()
    z_e = model.encoder(clusters(8001))[None]
    z_q, codes, _ = model.quantizer(z_e)
    model.train()
    return measured(z_e, z_q, codes)


@pytest.mark.parametrize("remedy", ["restart", "replace"])
def test_a_collapsed_model_of_vector_quantize_pytorch_comes_back_and_stays(remedy, tmp_path):
    torch.manual_seed(0)
    model = Autoencoder()
    train(model, STEPS_TO_COLLAPSE)
    torch.save({"state_dict": model.state_dict(), "epoch": 3}, tmp_path / "collapsed.ckpt")
    before = copy.deepcopy(model.state_dict())
    with torch.no_grad():
        z_e = model.encoder(clusters(16_002)).numpy()
    result = repair(open_checkpoint(tmp_path / "collapsed.ckpt"), tmp_path / "repaired.ckpt", z_e, remedy=remedy)
    assert result.before.codebooks[0].active < K / 4

    as_it_was = autoencoder_measured(model)
    going_on = Autoencoder(threshold_ema_dead_code=2)
    going_on.load_state_dict(torch.load(result.path, weights_only=True)["state_dict"], strict=True)
    own = {f"quantizer._codebook.{name}" for name in ("embed", "embed_avg", "cluster_size")}
    assert all(torch.equal(before[key], value) for key, value in going_on.state_dict().items() if key not in own)
    assert_came_true(result, as_it_was, autoencoder_measured(going_on))

    window = train(going_on, STEPS_AFTER)[-20:].sum(0)
    revived = torch.from_numpy(result.after.moved[0])
    assert (window[revived] > 0).float().mean() >= 0.9
