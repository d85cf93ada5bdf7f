"""Values and gradients of every quantizer under every option, against the equations in float64.

Tolerances: float32 rounds each term to 6e-8 of its own size, and a result is a sum of at most a few dozen terms. So a
result may be wrong by `TOLERANCE` of the size of its terms (not of the result, which may be what is left after they
cancel), times by how much a norm or a rotation multiplies a relative error of what goes in.
"""

import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from building import MAPS, OWNERS, STRUCTURES, books_of, build, latents, named, stir_
from equations import Book, expected
from hypothesis import given, settings
from hypothesis import strategies as st

from vqcore.quantizer.layer import Quantizer
from vqcore.quantizer.options import Options

TOLERANCE = 64 * np.finfo(np.float32).eps  # 8e-6
LOSS_WEIGHT = 3.0


def assert_near(got: torch.Tensor | None, value: np.ndarray, size: np.ndarray, condition: object, what: str) -> None:
    found = np.zeros_like(value) if got is None else got.detach().double().numpy().reshape(value.shape)
    allowed = TOLERANCE * size * condition + np.finfo(np.float32).tiny
    wrong = ~(np.abs(found - value) <= allowed)
    assert not wrong.any(), (
        f"{what}: {wrong.sum()} of {wrong.size} differ; first {found[wrong][0]!r} for {value[wrong][0]!r}, "
        f"allowed {np.broadcast_to(allowed, value.shape)[wrong][0]!r}"
    )


def check(quantizer: Quantizer, structure: str, z_e: torch.Tensor, *, training: bool, loss_weight: float) -> None:
    """Run forward and backward and compare everything that comes out."""
    options, books = quantizer.options, books_of(quantizer)
    quantizer.train(training).zero_grad(set_to_none=True)
    z_e = z_e.clone().requires_grad_()
    upstream = torch.randn(z_e.shape, generator=torch.Generator().manual_seed(11))
    z_q, codes, loss = quantizer(z_e)
    ((z_q * upstream).sum() + loss_weight * loss).backward()

    flat_codes = codes.reshape(-1, len(quantizer.part_of_level)).numpy()
    flat = z_e.detach().double().numpy().reshape(-1, quantizer.dim)
    want = expected(
        structure.split()[0],
        books,
        quantizer.part_of_level,
        options,
        flat,
        flat_codes,
        upstream.double().numpy().reshape(flat.shape),
        loss_weight,
        training=training,
    )
    assert z_q.shape == z_e.shape
    assert z_q.dtype == z_e.dtype
    for gap, size in zip(want.gaps, want.gap_sizes, strict=True):
        assert (gap <= TOLERANCE * size).all(), f"a nearer code exists, by {gap.max():g} in squared distance"
    usable = np.isfinite(want.condition)  # an almost opposite pair has no one rotation; test_laws looks at those
    condition = np.where(usable, want.condition, 1)
    worst = condition.max(initial=1)
    if options.bypass:
        assert torch.equal(z_q, z_e)
        assert loss.item() == 0
    else:
        assert_near(z_q, want.z_q, want.z_q_size, worst, "z_q")
        assert_near(loss, np.array(want.loss), np.array(want.loss_size), worst, "commitment loss")
    grad = z_e.grad.double().numpy().reshape(flat.shape)[usable]
    value, size = want.z_e_grad.value[usable], want.z_e_grad.size[usable]
    assert_near(torch.from_numpy(grad), value, size, condition[usable, None], "gradient of z_e")
    for part, book in zip(quantizer.parts, want.books, strict=True):
        assert_near(part.raw_codebook.grad, book.raw.value, book.raw.size, worst, "gradient of raw codebook")
        assert_near(part.affine.scale.grad, book.scale.value, book.scale.size, worst, "gradient of affine scale")
        assert_near(part.affine.bias.grad, book.bias.value, book.bias.size, worst, "gradient of affine bias")
    compare_moments(quantizer, books, flat)


def compare_moments(quantizer: Quantizer, books: list[Book], inputs: np.ndarray) -> None:
    """`books` were moved along by `expected`."""
    for part, book in zip(quantizer.parts, books, strict=True):
        p_size = max(np.abs(inputs).max(initial=0), np.abs(book.raw).max(), np.abs(book.p_mean).max(), 1)
        c_size = max(np.abs(book.raw).max(), np.abs(book.c_mean).max())
        for name, size in (("p_mean", p_size), ("c_mean", c_size), ("p_var", p_size**2), ("c_var", c_size**2 + 1)):
            assert_near(getattr(part.affine, name), getattr(book, name), np.array(size), 4, f"running {name}")
        assert bool(part.affine.has_moments) == book.has_moments


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("affine", MAPS, ids=lambda changes: f"{changes['affine']}-{changes['affine_groups']}")
def test_values_and_gradients_follow_the_equations_under_every_combination_of_options(structure, affine):
    z_e = latents(2, 6, 4, scale=6.0)  # some longer than the cap of 10 and some not
    quantizer = build(structure, Options(**affine))
    raw_scale = 6.0
    norms = ("none", "unit", "capped")
    for n, (sync, estimator, owner, input_norm, codebook_norm) in enumerate(
        itertools.product((0.0, 0.6), ("straight-through", "rotation"), OWNERS, norms, norms)
    ):
        if structure.endswith("shared") and n % 4 != MAPS.index(affine) % 4:
            continue  # sharing changes which codebook is searched and no equation: every fourth will do
        draw = random.Random(n)
        options = Options(
            **affine,
            **owner,
            sync=sync,
            estimator=estimator,
            input_norm=input_norm,
            codebook_norm=codebook_norm,
            beta=draw.choice((0.0, 0.3, 1.0)),
        )
        quantizer.switch_(options)
        stir_(quantizer, seed=n, raw_scale=raw_scale)
        for bypass in (False, True) if draw.random() < 0.2 else (False,):
            quantizer.switch_(replace(options, bypass=bypass))
            try:
                check(quantizer, structure, z_e, training=draw.random() < 0.5, loss_weight=LOSS_WEIGHT)
            except AssertionError as error:
                raise AssertionError(f"with {named(quantizer.options)}: {error}") from error


OPTIONS = st.builds(
    Options,
    affine=st.sampled_from(["off", "learned", "running"]),
    affine_groups=st.integers(1, 3),
    affine_lr_scale=st.sampled_from([0.5, 4.0]),
    sync=st.sampled_from([0.0, 0.5, 3.0]),
    estimator=st.sampled_from(["straight-through", "rotation"]),
    codebook_update=st.sampled_from(["gradient", "ema"]),
    input_norm=st.sampled_from(["none", "unit", "capped"]),
    codebook_norm=st.sampled_from(["none", "unit", "capped"]),
    bypass=st.sampled_from([False, False, False, True]),
    inner_steps=st.sampled_from([0, 1]),
    beta=st.sampled_from([0.0, 0.25, 0.9, 1.0]),
)
SCALES = st.sampled_from([1e-15, 1e-5, 1.0, 1e15])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    options=OPTIONS,
    structure=st.sampled_from(STRUCTURES),
    leading=st.sampled_from([(), (1,), (2,), (9,), (2, 3, 2), (0,), (3, 0)]),
    num_codes=st.integers(1, 12),
    width=st.integers(1, 4),
    levels=st.integers(1, 3),
    input_scale=SCALES,
    raw_scale=SCALES,
    duplicates=st.booleans(),
    fresh=st.booleans(),
    training=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_any_shape_and_scale_follows_the_equations(
    options,
    structure,
    leading,
    num_codes,
    width,
    levels,
    input_scale,
    raw_scale,
    duplicates,
    fresh,
    training,
    seed,
):
    """One code, fewer vectors than codes, one feature, equal codes, vectors on a code, nothing at all."""
    options = replace(options, affine_groups=min(options.affine_groups, num_codes))
    dim = width * levels if structure.startswith("grouped") else width
    quantizer = build(structure, options, num_codes=num_codes, dim=dim, levels=levels)
    stir_(quantizer, seed=seed, raw_scale=raw_scale)
    z_e = latents(*leading, dim, seed=seed + 1, scale=input_scale)
    with torch.no_grad():
        for part in quantizer.parts:
            if fresh:
                part.affine.reset_()
            if duplicates and num_codes > 1:
                part.raw_codebook[num_codes // 2 :] = part.raw_codebook[0]
        if duplicates and z_e.ndim > 1 and len(z_e) > 1 and z_e.numel():
            z_e[-1] = z_e[0]
    check(quantizer, structure, z_e, training=training, loss_weight=1.0)


def test_two_codes_equally_near_give_one_of_them_at_that_distance():
    quantizer = build("vector", Options(), num_codes=3, dim=2)
    with torch.no_grad():
        quantizer.raw_codebook.copy_(torch.tensor([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]]))
    out = quantizer.eval()(torch.tensor([[0.0, 3.0], [2.0, 0.0]]))
    assert out.codes.tolist() in ([0, 0], [1, 0])
    assert (out.z_q - torch.tensor([[0.0, 3.0], [2.0, 0.0]])).norm(dim=1).tolist() == pytest.approx([10**0.5, 1])


def test_the_layer_agrees_with_finite_differences_of_the_surrogate():
    """In float64: the loss with each stop-gradient frozen at this point, differenced along the inputs."""
    options = Options(affine="learned", sync=0.6, beta=0.3, input_norm="unit", codebook_norm="capped")
    quantizer = stir_(build("vector", options).double()).train()
    z_e, upstream = latents(6, 4).double(), latents(6, 4, seed=8).double()
    frozen_q, codes, _ = (out.detach() for out in quantizer(z_e))
    frozen_x = z_e / z_e.norm(dim=1, keepdim=True)

    def surrogate(z: np.ndarray, raw: np.ndarray, scale: np.ndarray, bias: np.ndarray) -> float:
        x = z / np.linalg.norm(z, axis=1, keepdims=True)
        c = raw * (1 + scale[:1]) + bias[:1]
        c = c * np.minimum(1, 10 / np.linalg.norm(c, axis=1, keepdims=True))
        q, sg_q, sg_x = c[codes.numpy()], frozen_q.numpy(), frozen_x.numpy()
        out = x + (sg_q - sg_x) + 0.6 * (q - sg_q)
        commitment = 0.7 * np.square(x - sg_q).mean() + 0.3 * np.square(sg_x - q).mean()
        return float((out * upstream.numpy()).sum() + LOSS_WEIGHT * commitment)

    z_e.requires_grad_()
    z_q, _, loss = quantizer(z_e)
    ((z_q * upstream).sum() + LOSS_WEIGHT * loss).backward()
    points = [z_e, quantizer.raw_codebook, quantizer.affine.scale, quantizer.affine.bias]
    values = [point.detach().numpy() for point in points]
    for which, point in enumerate(points):
        for index in np.ndindex(point.shape):
            step = np.zeros(point.shape)
            step[index] = 1e-6
            ahead, behind = ([v + sign * step if n == which else v for n, v in enumerate(values)] for sign in (1, -1))
            slope = (surrogate(*ahead) - surrogate(*behind)) / 2e-6
            # Differences of a sum of size 10 over 2e-6 keep about 9 digits of it
            assert point.grad[index].item() == pytest.approx(slope, rel=1e-6, abs=1e-7)
