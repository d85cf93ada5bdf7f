"""The layer against the equations of DESIGN section 2, written out again here in float64."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from vqcore.quantizer.layer import VectorQuantizer
from vqcore.quantizer.options import Options

K, D, N = 12, 4, 60
EVERY_MAP = list(itertools.product(("off", "learned", "running"), (1, 3)))


def make(options: Options | None = None, *, num_codes: int = K) -> VectorQuantizer:
    return VectorQuantizer(num_codes, D, options, generator=torch.Generator().manual_seed(1))


def latents(seed: int = 2, shape: tuple[int, ...] = (N, D)) -> torch.Tensor:
    return 2 + 0.5 * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def stirred(options: Options) -> VectorQuantizer:
    """A layer whose affine map is not the identity."""
    layer = make(options)
    with torch.no_grad():
        layer.affine.scale.uniform_(-0.4, 0.4, generator=torch.Generator().manual_seed(5))
        layer.affine.bias.uniform_(-1, 1, generator=torch.Generator().manual_seed(6))
    layer.train()
    for seed in range(3):
        layer(latents(seed))
    return layer


def reference_map(layer: VectorQuantizer, batches: list[torch.Tensor]) -> np.ndarray:
    """The effective codebook in float64, from the definition of the map and the batches seen."""
    options, raw = layer.options, layer.raw_codebook.detach().double().numpy()
    out = np.empty_like(raw)
    for code in range(len(raw)):
        group = code * options.affine_groups // len(raw)
        members = [other for other in range(len(raw)) if other * options.affine_groups // len(raw) == group]
        if options.affine == "off":
            scale, bias = 1.0, 0.0
        elif options.affine == "learned":
            scale = 1 + options.affine_lr_scale * layer.affine.scale[group].detach().double().numpy()
            bias = options.affine_lr_scale * layer.affine.bias[group].detach().double().numpy()
        else:
            mean = variance = None
            for batch in batches:
                values = batch.double().numpy().reshape(-1, D)
                if mean is None:
                    mean, variance = values.mean(0), values.var(0)
                else:
                    mean, variance = 0.9 * mean + 0.1 * values.mean(0), 0.9 * variance + 0.1 * values.var(0)
            scale = np.sqrt(variance / raw[members].var(0))
            bias = mean - scale * raw[members].mean(0)
        out[code] = scale * raw[code] + bias
    return out


@pytest.mark.parametrize(("affine", "groups"), EVERY_MAP)
def test_the_codebook_is_the_affine_map_of_the_raw_one(affine, groups):
    layer = stirred(Options(affine=affine, affine_groups=groups, affine_lr_scale=0.7))
    expected = reference_map(layer, [latents(seed) for seed in range(3)])
    np.testing.assert_allclose(layer.codebook().detach().numpy(), expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(("affine", "groups"), EVERY_MAP)
@pytest.mark.parametrize("sync", [0.0, 0.6])
@pytest.mark.parametrize("inner_steps", [0, 2])
def test_values_and_gradients_follow_the_equations(affine, groups, sync, inner_steps):
    options = Options(affine=affine, affine_groups=groups, sync=sync, inner_steps=inner_steps, beta=0.8, alpha=3.0)
    layer = stirred(options)
    z_e = latents(9).requires_grad_()
    upstream = torch.randn(N, D, generator=torch.Generator().manual_seed(10))
    layer.eval()
    z_q, codes, commitment = layer(z_e)
    ((z_q * upstream).sum() + options.alpha * commitment).backward()

    codebook = layer.codebook().detach().double().numpy()
    z, u = z_e.detach().double().numpy(), upstream.double().numpy()
    nearest = np.square(z[:, None] - codebook[None]).sum(-1).argmin(1)
    np.testing.assert_array_equal(codes.numpy(), nearest)
    chosen = codebook[nearest]
    np.testing.assert_allclose(z_q.detach().numpy(), chosen, rtol=1e-6)
    np.testing.assert_allclose(commitment.item(), np.square(z - chosen).mean(), rtol=1e-5)

    to_encoder = u + options.alpha * (1 - options.beta) * 2 * (z - chosen) / z.size
    np.testing.assert_allclose(z_e.grad.numpy(), to_encoder, rtol=1e-4, atol=1e-6)

    # What reaches the chosen code vectors: ν times the task gradient, and the codebook's side of the commitment loss,
    # which under inner steps passes by the raw codebook and reaches the map alone.
    task = np.zeros_like(codebook)
    np.add.at(task, nearest, sync * u)
    commit = np.zeros_like(codebook)
    np.add.at(commit, nearest, options.alpha * options.beta * 2 * (chosen - z) / z.size)
    scale = layer.affine.coefficients(options)[0].detach().double().numpy() * np.ones((K, 1))
    to_raw = scale * (task + (commit if inner_steps == 0 else 0))
    raw_grad = layer.raw_codebook.grad
    got = np.zeros_like(codebook) if raw_grad is None else raw_grad.numpy()
    np.testing.assert_allclose(got, to_raw, rtol=1e-4, atol=1e-6)
    if affine == "learned":
        rows = np.arange(K) * groups // K
        to_bias, to_scale = np.zeros((16, D)), np.zeros((16, D))
        np.add.at(to_bias, rows, task + commit)
        np.add.at(to_scale, rows, (task + commit) * layer.raw_codebook.detach().double().numpy())
        np.testing.assert_allclose(layer.affine.bias.grad.numpy(), to_bias, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(layer.affine.scale.grad.numpy(), to_scale, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("affine", "groups"), EVERY_MAP)
def test_an_evaluation_forward_changes_nothing_in_the_layer(affine, groups):
    layer = stirred(Options(affine=affine, affine_groups=groups)).eval()
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    layer(latents(11))
    assert all(torch.equal(before[name], value) for name, value in layer.state_dict().items())


@pytest.mark.parametrize(("affine", "groups"), EVERY_MAP)
def test_a_training_forward_moves_no_raw_code(affine, groups):
    layer = stirred(Options(affine=affine, affine_groups=groups)).train()
    before = layer.raw_codebook.detach().clone()
    layer(latents(11))
    assert torch.equal(before, layer.raw_codebook)


@pytest.mark.parametrize(("affine", "groups"), EVERY_MAP)
def test_switching_the_map_off_leaves_the_effective_codebook_where_it_was(affine, groups):
    layer = stirred(Options(affine=affine, affine_groups=groups))
    before = layer.codebook().detach().clone()
    layer.switch_(replace(layer.options, affine="off"))
    after = layer.codebook().detach()
    assert torch.linalg.norm(after - before) <= 1e-6 * torch.linalg.norm(before)
    assert torch.equal(after, layer.raw_codebook)


def test_a_learned_map_starts_at_the_identity_and_a_new_rate_does_not_move_it():
    layer = stirred(Options(affine="running"))
    before = layer.codebook().detach().clone()
    layer.switch_(replace(layer.options, affine="learned"))
    torch.testing.assert_close(layer.codebook().detach(), before)
    with torch.no_grad():
        layer.affine.scale.fill_(0.1)
        layer.affine.bias.fill_(-0.3)
    before = layer.codebook().detach().clone()
    assert layer.switch_(replace(layer.options, affine_lr_scale=25.0))
    torch.testing.assert_close(layer.codebook().detach(), before)


def test_a_running_map_gives_the_codes_the_moments_of_the_first_batch_after_the_switch():
    layer = make()
    layer.switch_(Options(affine="running"))
    z_e = latents(4)
    layer.train()(z_e)
    codebook = layer.codebook().detach()
    torch.testing.assert_close(codebook.mean(0), z_e.mean(0), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(codebook.std(0, correction=0), z_e.std(0, correction=0), rtol=1e-4, atol=1e-4)


def test_every_option_has_the_same_state_dict_and_each_loads_into_the_other():
    layers = [
        stirred(Options(affine=affine, affine_groups=groups, sync=0.5, inner_steps=2, replace_every=9))
        for affine, groups in EVERY_MAP
    ]
    for one, other in itertools.permutations(layers, 2):
        assert {n: v.shape for n, v in one.state_dict().items()} == {
            n: v.shape for n, v in other.state_dict().items()
        }
        one.load_state_dict(other.state_dict())


def test_a_switch_that_leaves_the_map_alone_rewrites_nothing():
    layer = stirred(Options(affine="running"))
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    assert not layer.switch_(replace(layer.options, sync=1.0, inner_steps=3, beta=0.1))
    assert all(torch.equal(before[name], value) for name, value in layer.state_dict().items())


@pytest.mark.parametrize(("affine", "groups"), EVERY_MAP)
def test_placed_codes_are_where_they_were_put(affine, groups):
    layer = stirred(Options(affine=affine, affine_groups=groups))
    before = layer.codebook().detach().clone()
    target, where = latents(12, (K, D)), torch.arange(K) % 3 == 0
    layer.place_(target, where)
    torch.testing.assert_close(layer.codebook()[where], target[where], rtol=1e-5, atol=1e-5)
    assert torch.equal(layer.codebook()[~where], before[~where])


def test_one_code_and_any_leading_shape_work():
    layer = make(Options(affine="running"), num_codes=1)
    out = layer.train()(latents(3, (2, 3, 5, D)))
    assert out.codes.shape == (2, 3, 5)
    assert (out.codes == 0).all()
    assert out.z_q.isfinite().all()
    out.commitment_loss.backward()
    assert layer.raw_codebook.grad.isfinite().all()


def test_a_wrong_width_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"must end in 4 features.*movedim"):
        make()(torch.zeros(2, 4, 8, 8))


def test_more_groups_than_codes_are_refused_and_nothing_changes():
    layer = make()
    with pytest.raises(ValueError, match="at most the number of codes, 12"):
        layer.switch_(Options(affine_groups=13))
    assert layer.options == Options()
