import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from building import MAPS, STRUCTURES, build, contents, latents, stir_

from vqcore.quantizer.alternating import inner_step_
from vqcore.quantizer.ema import ema_update_
from vqcore.quantizer.grouped import GroupedQuantizer
from vqcore.quantizer.kmeans import kmeans_start_
from vqcore.quantizer.layer import VectorQuantizer
from vqcore.quantizer.options import Options
from vqcore.quantizer.replacement import replace_unused_
from vqcore.quantizer.residual import ResidualQuantizer

EVERY_STRUCTURE = pytest.mark.parametrize("structure", STRUCTURES)
OPTIONS = [
    *(Options(**affine) for affine in MAPS),
    *(Options(affine="running", input_norm=norm, codebook_norm=norm) for norm in ("unit", "capped")),
    Options(affine="learned", sync=0.5, estimator="rotation", codebook_update="ema"),
    Options(affine="learned", inner_steps=2, codebook_norm="unit"),
    Options(affine="running", bypass=True),
]


@EVERY_STRUCTURE
@pytest.mark.parametrize(
    ("z_e", "error", "says"),
    [
        (torch.zeros(2, 4, 8, 8), ValueError, r"`z_e` must end in 4 features.*\(2, 4, 8, 8\).*movedim"),
        (torch.zeros(3, 5), ValueError, r"`z_e` must end in 4 features.*\(3, 5\)"),
        (torch.zeros(()), ValueError, r"`z_e` must end in 4 features.*\(\)"),
        (torch.zeros(3, 4, dtype=torch.int64), TypeError, r"`z_e`.*floating-point.*torch.int64.*z_e.float\(\)"),
        (torch.zeros(3, 4, dtype=torch.bool), TypeError, r"`z_e`.*floating-point.*torch.bool.*z_e.float\(\)"),
        (torch.zeros(3, 4, dtype=torch.complex64), TypeError, r"`z_e`.*floating-point.*torch.complex64"),
    ],
)
def test_input_of_another_width_or_kind_is_refused_with_what_it_is_and_the_way_out(structure, z_e, error, says):
    quantizer = stir_(build(structure, Options(affine="running"))).train()
    before = contents(quantizer)
    with pytest.raises(error, match=says):
        quantizer(z_e)
    assert contents(quantizer) == before


@EVERY_STRUCTURE
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("bad", [float("nan"), -float("inf")])
@pytest.mark.parametrize("training", [True, False])
def test_nan_and_infinity_are_refused_with_their_number_and_leave_nothing_behind(structure, options, bad, training):
    for beta in (0.0, 0.9, 1.0):
        quantizer = stir_(build(structure, replace(options, beta=beta))).train(training)
        before = contents(quantizer)
        z_e = latents(6, 4)
        z_e[1, 2] = z_e[4, 0] = bad
        with pytest.raises(ValueError, match=r"`z_e` must be finite, but 2 of its 24 values.*learning rate"):
            quantizer(z_e)
        assert contents(quantizer) == before


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: VectorQuantizer(0, 4), "num_codes=0"),
        (lambda: VectorQuantizer(4, 0), "dim=0"),
        (lambda: VectorQuantizer(2.5, 4), "num_codes=2.5"),
        (lambda: VectorQuantizer(True, 4), "num_codes=True"),
        (lambda: GroupedQuantizer(0, 4, 2), "num_codes=0"),
        (lambda: GroupedQuantizer(4, 0, 2), "dim=0"),
        (lambda: ResidualQuantizer(0, 4, 2), "num_codes=0"),
        (lambda: GroupedQuantizer(8, 6, 4), r"`groups` must divide the 6 features, but got 4. Use one of 1, 2, 3, 6"),
        (lambda: GroupedQuantizer(8, 6, 0), r"`groups` must divide the 6 features, but got 0"),
        (lambda: GroupedQuantizer(8, 6, 1.5), r"`groups` must divide the 6 features, but got 1.5"),
        (lambda: ResidualQuantizer(8, 6, 0), r"`levels` must be a whole number of at least 1, but got 0"),
        (lambda: ResidualQuantizer(8, 6, 2.0), r"`levels` must be a whole number of at least 1, but got 2.0"),
        (lambda: VectorQuantizer(2, 4, Options(affine_groups=3)), r"`affine_groups` must be at most.*2, but got 3"),
        (lambda: Options(beta=1.5), r"`beta` must be a number from 0 to 1, but got 1.5"),
        (lambda: Options(beta=-0.1), r"`beta` must be a number from 0 to 1, but got -0.1"),
        (lambda: Options(beta=float("nan")), r"`beta` must be a number from 0 to 1, but got nan"),
        (
            lambda: Options(estimator="copy"),
            r"`estimator` must be one of straight-through, rotation, directional, but got 'copy'",
        ),
    ],
)
def test_a_size_or_option_that_cannot_be_is_refused_with_the_value_and_what_can(make, says):
    with pytest.raises(ValueError, match=says):
        make()


@EVERY_STRUCTURE
@pytest.mark.parametrize(("num_codes", "dim"), [(8, 4), (7, 8)])
def test_a_state_dict_of_another_shape_is_refused_and_nothing_is_half_loaded(structure, num_codes, dim):
    quantizer = build(structure, Options())
    before = contents(quantizer)
    other = stir_(build(structure, Options(), num_codes=num_codes, dim=dim)).state_dict()
    first = next(iter(other))  # what is wrong may come after what fits
    other[first] = quantizer.state_dict()[first] + 1
    with pytest.raises(
        ValueError, match=rf"`state_dict` must fit.*7 codes.*has shape .*{num_codes if dim == 4 else ''}"
    ):
        quantizer.load_state_dict(other)
    assert contents(quantizer) == before


@EVERY_STRUCTURE
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("shape", [(0, 4), (3, 0, 4), (0, 5, 4)])
def test_an_empty_batch_passes_through_and_changes_nothing(structure, options, shape):
    for training in (True, False):
        quantizer = stir_(build(structure, options)).train(training)
        before = contents(quantizer)
        z_e = torch.zeros(shape, requires_grad=True)
        z_q, codes, loss = quantizer(z_e)
        assert z_q.shape == shape
        assert codes.shape == (*shape[:-1], *([2] if structure != "vector" else []))
        assert loss.item() == 0
        (z_q.sum() + loss).backward()
        assert z_e.grad.shape == shape
        for parameter in quantizer.parameters():
            assert parameter.grad is None or (parameter.grad == 0).all()
        assert contents(quantizer) == before


@EVERY_STRUCTURE
@pytest.mark.parametrize("onto", ["random", "far", "busy"])
def test_nothing_moves_onto_an_empty_batch(structure, onto):
    quantizer = stir_(build(structure, Options(replace_onto=onto, ema_decay=1.0)))
    before = contents(quantizer)
    for part, vectors in quantizer.each_level(torch.zeros(0, 4)):
        inner_step_(part, vectors, 50.0)
        ema_update_(part, vectors, torch.zeros(0, dtype=torch.int64))
        assert not replace_unused_(part, vectors, 0, generator=torch.Generator().manual_seed(0)).any()
    with pytest.raises(ValueError, match="as many distinct vectors as codes, but got 0"):
        kmeans_start_(quantizer, torch.zeros(0, 4), seed=0)
    assert contents(quantizer) == before


@EVERY_STRUCTURE
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_float_dtypes_come_back_as_they_came_and_count_in_float32(structure, options, dtype):
    narrow = latents(30, 4).to(dtype)
    plain, other = (stir_(build(structure, options)).train() for _ in range(2))
    want = plain(narrow.float())
    z_e = narrow.clone().requires_grad_()
    z_q, codes, loss = other(z_e)
    assert torch.equal(codes, want.codes)
    assert z_q.dtype == dtype
    torch.testing.assert_close(z_q, want.z_q.to(dtype))
    assert loss.dtype == torch.promote_types(dtype, torch.float32)
    torch.testing.assert_close(loss.float(), want.commitment_loss)
    (z_q.sum() + loss).backward()
    assert z_e.grad.dtype == dtype
    assert all(value.dtype in (torch.float32, torch.int64, torch.bool) for value in other.state_dict().values())
    for name, value in other.state_dict().items():
        torch.testing.assert_close(value, plain.state_dict()[name])


@EVERY_STRUCTURE
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", [torch.bfloat16])
def test_autocast_changes_no_number(structure, options, dtype):
    plain, cast = (stir_(build(structure, options, num_codes=40)).train() for _ in range(2))
    z_e = latents(300, 4)
    want = plain(z_e)
    with torch.autocast("cpu", dtype=dtype):
        got = cast(z_e)
    assert torch.equal(got.codes, want.codes)
    assert got.z_q.dtype == torch.float32
    torch.testing.assert_close(got.z_q, want.z_q)
    torch.testing.assert_close(got.commitment_loss, want.commitment_loss)
    assert contents(cast) == contents(plain)


def test_a_layer_in_float64_keeps_its_moments_in_float64():
    layer = build("vector", Options(affine="running")).double().train()
    z_e = latents(50, 4).double()
    layer(z_e)
    assert layer.affine.p_mean.dtype == torch.float64
    np.testing.assert_allclose(layer.affine.p_mean, z_e.mean(0), rtol=1e-12)
    raw = layer.raw_codebook.detach()
    np.testing.assert_allclose(layer.affine.c_var[0], raw.var(0, correction=0), rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_layer_in_half_precision_runs_under_every_map(dtype):
    for affine in ("off", "learned", "running"):
        layer = build("vector", Options(affine=affine)).to(dtype).train()
        z_e = latents(50, 4).to(dtype).requires_grad_()
        z_q, _, loss = layer(z_e)
        (z_q.sum() + loss).backward()
        assert z_q.dtype == dtype
        assert z_q.isfinite().all()
        assert z_e.grad.isfinite().all()


def test_the_message_of_a_wrong_state_dict_names_tensor_and_both_shapes():
    other = build("grouped", Options(), num_codes=9).state_dict()
    with pytest.raises(ValueError, match=re.escape("'codebooks.0.raw_codebook' has shape (9, 2)")) as caught:
        build("grouped", Options()).load_state_dict(other)
    assert "(7, 2)" in str(caught.value)
    assert "Build the layer with the sizes that were saved" in str(caught.value)
