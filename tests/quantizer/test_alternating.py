from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from vqcore.nn import VectorQuant
from vqcore.quantizer.alternating import inner_step_
from vqcore.quantizer.layer import VectorQuantizer
from vqcore.quantizer.options import Options

K, D, N = 9, 3, 80


def setting(affine: str = "off") -> tuple[VectorQuantizer, torch.Tensor]:
    layer = VectorQuantizer(K, D, Options(affine=affine), generator=torch.Generator().manual_seed(1)).train()
    z_e = 1 + torch.randn(N, D, generator=torch.Generator().manual_seed(2))
    layer(z_e)  # gives a running map its moments
    return layer, z_e


def commitment(layer: VectorQuantizer, z_e: torch.Tensor) -> float:
    return torch.cdist(z_e, layer.codebook().detach()).square().min(1).values.mean().item()


@pytest.mark.parametrize("affine", ["off", "running"])
def test_a_small_step_is_gradient_descent_on_the_commitment_loss(affine):
    layer, z_e = setting(affine)
    raw = layer.raw_codebook.detach().clone().requires_grad_()
    codebook = layer.affine(raw, layer.options)
    codes = torch.cdist(z_e, codebook.detach()).argmin(1)
    (expected,) = torch.autograd.grad((z_e - codebook[codes]).square().mean(), raw)
    before = layer.raw_codebook.detach().clone()
    gradient = inner_step_(layer, z_e, 0.01)
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(layer.raw_codebook.detach(), before - 0.01 * expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("affine", ["off", "running"])
@pytest.mark.parametrize("rate", [0.1, 50.0, 1e6])
def test_the_commitment_loss_never_rises_whatever_the_rate(affine, rate):
    layer, z_e = setting(affine)
    losses = [commitment(layer, z_e)]
    for _ in range(8):
        inner_step_(layer, z_e, rate)
        losses.append(commitment(layer, z_e))
    assert losses[-1] < losses[0]
    assert np.all(np.diff(losses) <= 1e-6)


def test_a_huge_rate_puts_each_used_code_on_the_mean_of_its_vectors():
    layer, z_e = setting()
    codes = torch.cdist(z_e, layer.codebook().detach()).argmin(1)
    before = layer.codebook().detach().clone()
    inner_step_(layer, z_e, 1e9)
    for code in range(K):
        mine = z_e[codes == code]
        expected = mine.mean(0) if len(mine) else before[code]
        torch.testing.assert_close(layer.codebook()[code].detach(), expected)


def test_with_one_code_it_settles_on_the_mean_of_all():
    layer = VectorQuantizer(1, D)
    z_e = torch.randn(N, D, generator=torch.Generator().manual_seed(2))
    for _ in range(400):
        inner_step_(layer, z_e, 0.1)
    torch.testing.assert_close(layer.codebook()[0].detach(), z_e.mean(0), rtol=1e-4, atol=1e-4)


def test_the_affine_map_is_left_alone():
    layer, z_e = setting("running")
    before = {name: value.clone() for name, value in layer.affine.state_dict().items()}
    inner_step_(layer, z_e, 50.0)
    assert all(torch.equal(before[name], value) for name, value in layer.affine.state_dict().items())


LATER = [torch.randn(N, D, generator=torch.Generator().manual_seed(seed)) + seed / 50 for seed in range(100)]
"""The latents of a hundred steps, which drift."""

CARRIED = Options(inner_steps=1, inner_momentum=0.9)


def nearest(vectors: torch.Tensor, codebook: torch.Tensor) -> torch.Tensor:
    return (vectors[:, None] - codebook).square().sum(2).argmin(1)


@pytest.mark.parametrize("affine", ["off", "learned"])
@pytest.mark.parametrize("inner_steps", [1, 3])
def test_momentum_is_that_of_an_independent_loop_over_a_hundred_steps(affine, inner_steps):
    layer, _ = setting(affine)
    layer.switch_(replace(CARRIED, affine=affine))
    torch.nn.init.constant_(layer.affine.scale[:1], 0.3)
    layer = layer.double()
    s, b = (1.3, 0.0) if affine == "learned" else (1.0, 0.0)
    raw, velocity = layer.raw_codebook.detach().clone(), torch.zeros(K, D, dtype=torch.float64)
    for z_e in (each.double() for each in LATER):
        for _ in range(inner_steps):
            inner_step_(layer, z_e, 2.0)
            codes = nearest(z_e, s * raw + b)
            gradient = torch.zeros_like(raw)
            for code in codes.unique():
                gradient[code] = 2 * s * (s * raw[code] + b - z_e[codes == code]).sum(0) / z_e.numel()
            velocity = 0.9 * velocity + gradient
            raw = raw - 2.0 * velocity
    torch.testing.assert_close(layer.raw_codebook.detach(), raw, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(layer.inner_velocity, velocity, rtol=1e-6, atol=1e-6)


def test_it_is_the_in_place_optimizer_of_the_drop_in_with_the_same_momentum():
    layer, _ = setting()
    layer.switch_(CARRIED)
    made = partial(torch.optim.SGD, lr=2.0, momentum=0.9)
    dropin = VectorQuant(D, K, beta=1.0, inplace_optimizer=made, dim=-1).train()
    with torch.no_grad():
        dropin.quantizer.raw_codebook.copy_(layer.raw_codebook)
    for z_e in LATER:
        inner_step_(layer, z_e, 2.0)
        dropin(z_e)
    torch.testing.assert_close(layer.raw_codebook, dropin.quantizer.raw_codebook, rtol=1e-6, atol=1e-6)


def test_a_code_that_lost_its_vectors_goes_on_and_slows_down():
    layer = VectorQuantizer(2, 1, CARRIED)
    with torch.no_grad():
        layer.raw_codebook.copy_(torch.tensor([[0.0], [9.0]]))
    inner_step_(layer, torch.full((4, 1), 4.0), 0.1)
    moved = [layer.raw_codebook[0].item()]
    for _ in range(2):
        inner_step_(layer, torch.full((4, 1), 9.0), 0.1)
        moved.append(layer.raw_codebook[0].item())
    np.testing.assert_allclose(np.diff([0.0, *moved]), [0.8, 0.72, 0.648], rtol=1e-5)


def test_velocity_is_forgotten_where_a_code_is_placed_or_the_raw_codebook_rewritten():
    where = torch.arange(K) < 3

    def after(act) -> torch.Tensor:
        layer, z_e = setting("running")
        layer.switch_(replace(CARRIED, affine="running"))
        inner_step_(layer, z_e, 2.0)
        assert layer.inner_velocity.any(1).sum() > 3
        act(layer)
        return layer.inner_velocity

    placed = after(lambda layer: layer.place_(torch.zeros(K, D), where))
    assert not placed[where].any()
    assert placed[~where].any()
    for changes in ({"affine": "off"}, {"inner_steps": 0}, {"inner_momentum": 0.0}):
        assert not after(lambda layer, changes=changes: layer.switch_(replace(layer.options, **changes))).any()
    assert after(lambda layer: layer.switch_(replace(layer.options, sync=1.0, inner_momentum=0.5))).any()


def test_a_saved_layer_goes_on_as_if_it_had_never_been_saved():
    layer, z_e = setting()
    layer.switch_(CARRIED)
    inner_step_(layer, z_e, 2.0)
    saved = {name: value.clone() for name, value in layer.state_dict().items()}
    loaded = VectorQuantizer(K, D, CARRIED)
    loaded.load_state_dict(saved)
    for later in LATER[:10]:
        inner_step_(layer, later, 2.0)
        inner_step_(loaded, later, 2.0)
    assert torch.equal(loaded.raw_codebook, layer.raw_codebook)
    del saved["inner_velocity"]  # as files from before there was momentum
    loaded.load_state_dict(saved)
    assert not loaded.inner_velocity.any()
