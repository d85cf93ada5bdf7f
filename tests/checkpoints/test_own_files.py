"""Files of our own layers and runs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from saving import WAYS, save_module

from vqcore import cli
from vqcore.checkpoints.effective import Known, effective
from vqcore.checkpoints.reader import open_checkpoint
from vqcore.nn import GroupVectorQuant, ResidualVectorQuant, VectorQuant
from vqcore.quantizer.grouped import GroupedQuantizer
from vqcore.quantizer.layer import VectorQuantizer
from vqcore.quantizer.options import Options
from vqcore.quantizer.residual import ResidualQuantizer

K, D = 20, 6
MAKERS = {
    "one": lambda options: VectorQuantizer(K, D, options),
    "groups": lambda options: GroupedQuantizer(K, D, 2, options),
    "levels": lambda options: ResidualQuantizer(K, D, 3, options),
    "shared": lambda options: ResidualQuantizer(K, D, 3, options, share=True),
}
OPTIONS = {
    "off": Options(),
    "running": Options(affine="running"),
    "running in groups": Options(affine="running", affine_groups=3),
}


def trained(quantizer):
    quantizer.train()
    for _ in range(3):
        quantizer(torch.randn(50, D) * 3 + 1)
    return quantizer


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("options", OPTIONS)
def test_our_codebooks_are_read_with_their_vectors(kind, options, way, tmp_path):
    quantizer = trained(MAKERS[kind](OPTIONS[options]))
    found = open_checkpoint(save_module(quantizer, tmp_path, way)).codebooks
    assert [book.layout for book in found] == ["VQ Scope"] * len(quantizer.parts)
    for book, part in zip(found, quantizer.parts, strict=True):
        np.testing.assert_allclose(effective(book).vectors, part.codebook().detach().numpy(), atol=1e-5)
        assert effective(book).status == "assumed"


@pytest.mark.parametrize(("affine", "tensor"), [("learned", "scale"), ("matrix", "matrix")])
def test_a_learned_map_needs_the_options(affine, tensor, tmp_path):
    options = Options(affine=affine, affine_lr_scale=3.0, codebook_norm="unit")
    layer = VectorQuantizer(K, D, options)
    torch.nn.init.normal_(getattr(layer.affine, tensor))
    (book,) = open_checkpoint(save_module(layer, tmp_path)).codebooks
    assert effective(book).status == "raw"
    known = effective(book, Known(options=options))
    assert known.status == "exact"
    np.testing.assert_allclose(known.vectors, layer.codebook().detach().numpy(), atol=1e-5)


def test_options_that_do_not_fit_get_a_sentence(tmp_path):
    (book,) = open_checkpoint(save_module(VectorQuantizer(3, D), tmp_path)).codebooks
    with pytest.raises(ValueError, match="does not fit the tensors beside it"):
        effective(book, Known(options=replace(Options(), affine_groups=8)))


@pytest.mark.parametrize("make", [VectorQuant, GroupVectorQuant, ResidualVectorQuant])
def test_the_drop_in_layers_are_read(make, tmp_path):
    layer = make(D, K, **({} if make is VectorQuant else {"groups": 2, "share": False}))
    found = open_checkpoint(save_module(layer, tmp_path)).codebooks
    np.testing.assert_allclose(np.concatenate([book.raw() for book in found]), layer.get_codebook().detach().numpy())


def test_a_run_of_ours_brings_its_options(tmp_path):
    arguments = [
        "train",
        "plane",
        "--steps",
        "3",
        "--set",
        "affine=learned",
        "affine_lr_scale=2",
        "--out",
        str(tmp_path),
    ]
    assert cli.main([*arguments, "--json"]) == 0
    checkpoint = open_checkpoint(tmp_path / "weights.pt")
    (book,) = checkpoint.codebooks
    assert checkpoint.known.options.affine_lr_scale == 2
    assert effective(book, checkpoint.known).status == "exact"


def test_ages_are_steps_unused(tmp_path):
    layer = VectorQuantizer(K, D)
    layer.count_unused_(torch.arange(K) % 2)
    (book,) = open_checkpoint(save_module(layer, tmp_path)).codebooks
    ages, hits = (statistic.read() for statistic in book.usage)
    assert ages.idle.tolist() == [1 - code % 2 for code in range(K)]
    assert not hits.tracked
