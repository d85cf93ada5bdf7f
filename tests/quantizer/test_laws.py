"""What the gradients and the moves of codes obey, whatever the numbers."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from building import MAPS, STRUCTURES, build, latents, stir_
from torch import Tensor

from vqcore.quantizer.alternating import inner_step_
from vqcore.quantizer.layer import Quantizer
from vqcore.quantizer.options import Options
from vqcore.quantizer.straight_through import straight_through

NORMS = ("none", "unit", "capped")
EPS = torch.finfo(torch.float32).eps


def task_gradients(quantizer: Quantizer, z_e: Tensor, upstream: Tensor) -> tuple[Tensor, list[Tensor | None]]:
    quantizer.zero_grad(set_to_none=True)
    z_e = z_e.clone().requires_grad_()
    quantizer(z_e).z_q.backward(upstream)
    return z_e.grad, [part.raw_codebook.grad for part in quantizer.parts]


@pytest.mark.parametrize("structure", STRUCTURES)
def test_without_sync_the_task_gradient_is_copied_onto_the_input_and_reaches_no_code(structure):
    quantizer = stir_(build(structure, Options(affine="learned"))).train()
    upstream = latents(9, 4, seed=3)
    to_input, to_codes = task_gradients(quantizer, latents(9, 4), upstream)
    assert torch.equal(to_input, upstream)
    assert to_codes == [None] * len(quantizer.parts)
    assert quantizer.parts[0].affine.bias.grad is None


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("estimator", ["straight-through", "rotation"])
@pytest.mark.parametrize("sync", [0.25, 2.0])  # powers of two: nothing is rounded that the sum does not round too
def test_a_code_receives_exactly_sync_times_the_task_gradient_of_its_vectors(structure, estimator, sync):
    quantizer = stir_(build(structure, Options(sync=sync, estimator=estimator))).train()
    z_e, upstream = latents(40, 4), latents(40, 4, seed=3)
    codes = quantizer(z_e).codes.reshape(40, -1)
    _, to_codes = task_gradients(quantizer, z_e, upstream)
    width = quantizer.parts[0].dim
    wanted = [torch.zeros_like(part.raw_codebook) for part in quantizer.parts]
    for level, part in enumerate(quantizer.part_of_level):
        first = level * width if structure.startswith("grouped") else 0
        wanted[part].index_add_(0, codes[:, level], sync * upstream[:, first : first + width])
    for got, want in zip(to_codes, wanted, strict=True):
        torch.testing.assert_close(got, want, rtol=0, atol=40 * EPS * sync * upstream.abs().max().item())


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("codebook_norm", NORMS)
@pytest.mark.parametrize("owner", [{}, {"inner_steps": 1}, {"codebook_update": "ema"}])
def test_with_a_learned_map_a_code_without_vectors_moves_with_the_others(structure, groups, codebook_norm, owner):
    options = Options(affine="learned", affine_groups=groups, codebook_norm=codebook_norm, **owner)
    quantizer = stir_(build(structure, options)).train()
    # With several groups, only the codes of a group that has vectors share its map
    z_e = latents(40, 4)
    optimizer = torch.optim.SGD(quantizer.parameters(), lr=0.1)
    out = quantizer(z_e)
    codes = out.codes.reshape(40, -1)
    before = [part.codebook().detach().clone() for part in quantizer.parts]
    out.commitment_loss.backward()
    optimizer.step()
    for index, part in enumerate(quantizer.parts):
        mine = [level for level, own in enumerate(quantizer.part_of_level) if own == index]
        used = torch.bincount(codes[:, mine].flatten(), minlength=part.num_codes) > 0
        group = torch.arange(part.num_codes) * groups // part.num_codes
        reached = torch.isin(group, group[used]) & ~used
        moved = (part.codebook() - before[index]).detach().abs().amax(1) > 0
        assert (moved | ~reached).all()


def commitment(quantizer: Quantizer, z_e: Tensor) -> float:
    training = quantizer.training
    with torch.no_grad():
        loss = quantizer.eval()(z_e).commitment_loss.double().item()
    quantizer.train(training)
    return loss


def losses_of_inner_steps(quantizer: Quantizer, z_e: torch.Tensor, rate: float) -> list[float]:
    """The commitment loss before and after each of six rounds of inner steps."""
    losses = [commitment(quantizer, z_e)]
    for _ in range(6):
        for part, vectors in quantizer.each_level(z_e):
            inner_step_(part, vectors, rate)
        losses.append(commitment(quantizer, z_e))
    return losses


@pytest.mark.parametrize("affine", MAPS, ids=lambda changes: f"{changes['affine']}-{changes['affine_groups']}")
@pytest.mark.parametrize(("input_norm", "codebook_norm"), list(itertools.product(NORMS, NORMS)))
@pytest.mark.parametrize("rate", [0.3, 50.0, 1e9])
def test_an_inner_step_never_raises_the_commitment_loss_of_the_batch(affine, input_norm, codebook_norm, rate):
    options = Options(**affine, input_norm=input_norm, codebook_norm=codebook_norm, inner_steps=1)
    quantizer = stir_(build("vector", options), raw_scale=6.0)
    z_e = latents(60, 4, scale=6.0)
    losses = losses_of_inner_steps(quantizer, z_e, rate)
    # A code moved onto its minimum and rounded there is off by EPS of its size, which the loss sees squared or less
    assert (np.diff(losses) <= 8 * EPS * losses[0]).all(), losses
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("structure", ["grouped", "grouped shared"])
@pytest.mark.parametrize("rate", [0.3, 50.0, 1e9])
def test_inner_steps_never_raise_the_commitment_loss_of_all_groups_together(structure, rate):
    for seed in range(12):
        quantizer = stir_(build(structure, Options(inner_steps=1), num_codes=2 + seed % 6), seed=seed)
        z_e = latents(60, 4, seed=100 + seed) * torch.tensor([1.0, 1.0, 2.0, 2.0]) + torch.tensor([0.0, 0, 1, 1])
        losses = losses_of_inner_steps(quantizer, z_e, rate)
        assert (np.diff(losses) <= 8 * EPS * losses[0]).all(), losses


@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_rotation_has_the_value_of_the_codes_bit_for_bit(structure):
    quantizer = stir_(build(structure, Options())).train()
    z_e = latents(3, 5, 4, scale=30.0)
    plain = quantizer(z_e)
    quantizer.switch_(replace(quantizer.options, estimator="rotation"))
    turned = quantizer(z_e)
    assert torch.equal(turned.codes, plain.codes)
    assert torch.equal(turned.z_q, plain.z_q)
    assert torch.equal(turned.z_q, quantizer.decode(turned.codes))


def rotation_between(e: Tensor, q: Tensor) -> Tensor:
    """The Jacobian of the estimator at one vector, without its scale."""
    jacobian = torch.autograd.functional.jacobian(lambda z: straight_through(z, q, estimator="rotation"), e)
    return (jacobian * e.norm() / q.norm()).double()


PAIRS = {
    "any": None,
    "equal": lambda e: 2 * e,
    "opposite": lambda e: -0.5 * e,
    "1e-3 from opposite": lambda e: -e + 1e-3 * e.norm() * e.roll(1),
    "1e-5 from opposite": lambda e: -e + 1e-5 * e.norm() * e.roll(1),
    "1e-6 from opposite": lambda e: -e + 1e-6 * e.norm() * e.roll(1),
    "1e-7 from opposite": lambda e: -e + 1e-7 * e.norm() * e.roll(1),
    "huge": lambda e: 1e15 * e.roll(1),
    "small": lambda e: 1e-9 * e.roll(1),
}


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("dim", [2, 3, 8])
def test_the_jacobian_of_the_rotation_turns_the_input_onto_its_code_and_keeps_angles(pair, dim):
    for seed in range(5):
        e = latents(dim, seed=seed)
        q = latents(dim, seed=seed + 50) if PAIRS[pair] is None else PAIRS[pair](e)
        rotation = rotation_between(e, q)
        tolerance = 40 * EPS  # a dozen float32 operations on numbers of size one
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(dim), atol=tolerance)
        assert torch.linalg.det(rotation).item() == pytest.approx(1, abs=tolerance)
        reached, wanted = rotation @ (e / e.norm()).double(), (q / q.norm()).double()
        np.testing.assert_allclose(reached, wanted, atol=tolerance)


def test_in_one_dimension_the_rotation_is_the_ratio_of_code_to_input():
    for e, q in itertools.product((0.5, -2.0), (3.0, -0.25)):
        out = torch.autograd.functional.jacobian(
            lambda z, q=q: straight_through(z, torch.tensor([q]), estimator="rotation"), torch.tensor([e])
        )
        assert out.item() == pytest.approx(q / e)


@pytest.mark.parametrize("dim", [1, 3])
def test_where_a_vector_has_no_length_the_gradient_is_copied(dim):
    for e, q in [(torch.zeros(dim), torch.ones(dim)), (torch.ones(dim), torch.zeros(dim))]:
        jacobian = torch.autograd.functional.jacobian(lambda z, q=q: straight_through(z, q, estimator="rotation"), e)
        assert torch.equal(jacobian, torch.eye(dim))


@pytest.mark.parametrize("structure", ["vector", "grouped", "grouped shared"])
@pytest.mark.parametrize("dim", [2, 6])
def test_cosine_codes_are_those_at_the_smallest_angle(structure, dim):
    options = Options(input_norm="unit", codebook_norm="unit")
    quantizer = stir_(build(structure, options, num_codes=30, dim=dim), raw_scale=4.0).eval()
    z_e = latents(200, dim, scale=9.0)
    codes = quantizer(z_e).codes.reshape(200, -1)
    width = quantizer.parts[0].dim
    for level, part in enumerate(quantizer.part_of_level):
        vectors = z_e[:, level * width : (level + 1) * width].double()
        raw = quantizer.parts[part].raw_codebook.detach().double()
        cosines = (vectors @ raw.T) / (vectors.norm(dim=1)[:, None] * raw.norm(dim=1))
        found = cosines.gather(1, codes[:, level, None])[:, 0]
        assert (found >= cosines.amax(1) - 8 * EPS).all()


@pytest.mark.parametrize("how", ["unit", "capped"])
def test_a_vector_of_zeros_keeps_its_gradient_finite_and_as_it_is(how):
    quantizer = build("vector", Options(input_norm=how, codebook_norm=how)).train()
    with torch.no_grad():
        quantizer.raw_codebook[0] = 0
    z_e = torch.zeros(2, 4, requires_grad=True)
    upstream = latents(2, 4, seed=3)
    out = quantizer(z_e)
    assert out.codes.tolist() == [0, 0]
    out.z_q.backward(upstream)
    assert torch.equal(z_e.grad, upstream)
