import numpy as np
import pytest
import torch

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
