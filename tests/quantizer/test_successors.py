"""What came after the affine map, against the library in which each is written independently of ours."""

import pytest
import torch
from vector_quantize_pytorch import FSQ, SimVQ
from vector_quantize_pytorch.vector_quantize_pytorch import directional_reparam, rotate_to

from vqcore.quantizer.alternating import inner_step_
from vqcore.quantizer.grid import grid
from vqcore.quantizer.grouped import GroupedQuantizer
from vqcore.quantizer.layer import VectorQuantizer
from vqcore.quantizer.options import Options
from vqcore.quantizer.straight_through import straight_through
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer

K, D = 9, 5


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("estimator", ["straight-through", "rotation"])
def test_a_learned_matrix_gives_what_simvq_gives(estimator):
    with torch.random.fork_rng():
        theirs = SimVQ(dim=D, codebook_size=K, rotation_trick=estimator == "rotation")
    # Their loss is ‖sg[z_e] − z_q‖² + ¼‖z_e − sg[z_q]‖²: ours at β = 4/5, times 5/4.
    ours = VectorQuantizer(K, D, Options(affine="matrix", affine_lr_scale=3.0, beta=0.8, estimator=estimator))
    with torch.no_grad():
        ours.raw_codebook.copy_(theirs.frozen_codebook)
        ours.affine.matrix.copy_((theirs.code_transform.weight - torch.eye(D)) / 3)
    z_e, upstream = drawn(2, 6, D, seed=1), drawn(2, 6, D, seed=2)
    inputs = [z_e.clone().requires_grad_() for _ in range(2)]
    z_q, codes, loss = ours(inputs[0])
    their_z_q, their_codes, their_loss = theirs(inputs[1])
    assert torch.equal(codes, their_codes)
    torch.testing.assert_close(z_q, their_z_q)
    torch.testing.assert_close(1.25 * loss, their_loss)
    ((z_q * upstream).sum() + 1.25 * loss).backward()
    ((their_z_q * upstream).sum() + their_loss).backward()
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad)
    torch.testing.assert_close(ours.affine.matrix.grad, 3 * theirs.code_transform.weight.grad)
    assert ours.raw_codebook.grad is None


def test_a_matrix_that_is_switched_on_or_off_moves_no_code_and_others_may_move_them():
    layer = VectorQuantizer(K, D, Options(affine="matrix", affine_lr_scale=2.0)).train()
    with torch.no_grad():
        layer.affine.matrix.copy_(0.2 * drawn(D, D))
    shown = layer.codebook().detach().clone()
    layer.switch_(Options(affine="matrix", affine_lr_scale=5.0))
    torch.testing.assert_close(layer.codebook(), shown)
    layer.place_(shown[[0]].expand(K, D) + 1, torch.arange(K) == 3)
    torch.testing.assert_close(layer.codebook()[3], shown[0] + 1)
    torch.testing.assert_close(layer.codebook()[:3], shown[:3])
    vectors, before = drawn(40, D, seed=4), layer.codebook().detach().clone()
    plain = VectorQuantizer(K, D)
    with torch.no_grad():
        plain.raw_codebook.copy_(before)
    for each in (layer, plain):
        inner_step_(each, vectors, 30.0)
    torch.testing.assert_close(layer.codebook(), plain.codebook())
    shown = layer.codebook().detach().clone()
    layer.switch_(Options())
    torch.testing.assert_close(layer.codebook(), shown)
    layer.switch_(Options(affine="matrix"))
    torch.testing.assert_close(layer.codebook(), shown)


def test_a_state_dict_from_before_there_was_a_matrix_loads_as_the_identity():
    layer = VectorQuantizer(K, D, Options(affine="matrix"))
    old = {name: value for name, value in VectorQuantizer(K, D).state_dict().items() if name != "affine.matrix"}
    layer.load_state_dict(old)
    assert torch.equal(layer.codebook(), old["raw_codebook"])


def test_the_gradient_of_a_matrix_reaches_every_code():
    trainer = Trainer(default_recipe("plane", num_codes=8, affine="matrix"))
    raw = trainer.quantizer.parts[0].raw_codebook.detach().clone()
    for _ in range(3):
        trainer.step()
    moment = trainer.snapshot()
    assert moment.metrics.gradient_fraction == 1.0
    assert torch.equal(trainer.quantizer.parts[0].raw_codebook, raw)
    assert (abs(moment.codebook - raw.numpy()).max(1) > 0).all()


def test_the_directional_estimator_gives_the_gradients_of_diveq_without_noise():
    upstream, gradients = drawn(7, D, seed=3), []
    for function in (
        lambda z_e, z_q: straight_through(z_e, z_q, estimator="directional"),
        lambda z_e, z_q: directional_reparam(z_e, z_q, noise_variance=0.0),
    ):
        z_e, z_q = (drawn(7, D, seed=seed).requires_grad_() for seed in (1, 2))
        out = function(z_e, z_q)
        torch.testing.assert_close(out, z_q)
        gradients.append(torch.autograd.grad(out, (z_e, z_q), upstream))
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(sum(gradients[0]), upstream)


def test_where_z_e_lies_on_its_code_the_directional_estimator_hands_all_to_z_e():
    z_e, z_q, upstream = drawn(3, D).requires_grad_(), drawn(3, D).requires_grad_(), drawn(3, D, seed=5)
    out = straight_through(1e6 * z_e, 1e6 * z_q, estimator="directional")
    assert torch.equal(out, 1e6 * z_q)
    to_z_e, to_z_q = torch.autograd.grad(out, (z_e, z_q), upstream)
    torch.testing.assert_close(to_z_e, 1e6 * upstream)
    assert not to_z_q.any()


def test_the_rotation_gives_the_gradients_of_the_librarys():
    upstream, gradients = drawn(7, D, seed=3), []
    for function in (lambda z_e, z_q: straight_through(z_e, z_q, estimator="rotation"), rotate_to):
        z_e, z_q = drawn(7, D, seed=1).requires_grad_(), drawn(7, D, seed=2)
        gradients += torch.autograd.grad(function(z_e, z_q), z_e, upstream)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("values", [2, 4, 5])
def test_groups_of_one_feature_on_a_grid_are_fsq(values):
    options = Options(input_norm="tanh", alpha=0.0)
    ours, theirs = GroupedQuantizer(values, D, D, options, share=True), FSQ([values] * D, preserve_symmetry=True)
    ours.parts[0].place_(grid(values, 1))
    inputs = [(2 * drawn(50, D, seed=1)).requires_grad_() for _ in range(2)]
    z_q, codes, _ = ours(inputs[0])
    their_z_q, their_codes = theirs(inputs[1][None])
    torch.testing.assert_close(z_q, their_z_q[0])
    assert torch.equal((codes * values ** torch.arange(D)).sum(1), their_codes[0].long())
    upstream = drawn(50, D, seed=2)
    gradients = [
        torch.autograd.grad(out, given, upstream)[0] for out, given in zip((z_q, their_z_q[0]), inputs, strict=True)
    ]
    torch.testing.assert_close(*gradients)


def test_a_grid_of_several_features_is_the_product_of_one_and_rounding_finds_it():
    layer = VectorQuantizer(16, 2, Options(input_norm="tanh"))
    layer.place_(grid(16, 2))
    assert len(set(map(tuple, grid(16, 2).tolist()))) == 16
    z_e = 2 * drawn(60, 2)
    rounded = ((z_e.tanh() + 1) * 1.5).round() / 1.5 - 1
    torch.testing.assert_close(layer(z_e).z_q, rounded)


def test_finite_scalar_quantization_is_a_recipe_and_its_grid_stays():
    fsq = {"structure": "grouped", "levels": 16, "share": True, "code_init": "grid", "num_codes": 4}
    trainer = Trainer(default_recipe("digits", input_norm="tanh", alpha=0.0, **fsq))
    for _ in range(3):
        trainer.step()
    torch.testing.assert_close(trainer.quantizer.parts[0].codebook()[:, 0], torch.tensor([-1, -1 / 3, 1 / 3, 1]))


def test_a_grid_that_cannot_be_is_refused_with_sizes_that_can():
    with pytest.raises(ValueError, match=r"`num_codes` must be L\^2 .* for example 4, 9, 16, but got 32"):
        default_recipe("plane", code_init="grid", num_codes=32)
