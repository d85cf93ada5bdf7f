"""Files of vector-quantize-pytorch, from its own modules, against the codebooks of the live modules."""

import numpy as np
import pytest
import torch
import vector_quantize_pytorch as vqp
from safetensors.torch import save_model
from saving import WAYS, save_module

from vqcore.checkpoints.effective import effective
from vqcore.checkpoints.reader import open_checkpoint

K, D = 16, 8

TABLES = {
    "euclidean": (lambda: vqp.VectorQuantize(dim=D, codebook_size=K), lambda m: [m.codebook]),
    "cosine": (lambda: vqp.VectorQuantize(dim=D, codebook_size=K, use_cosine_sim=True), lambda m: [m.codebook]),
    "heads": (
        lambda: vqp.VectorQuantize(dim=D, codebook_size=K, codebook_dim=4, heads=2, separate_codebook_per_head=True),
        lambda m: list(m.codebook),
    ),
    "residual": (
        lambda: vqp.ResidualVQ(dim=D, codebook_size=K, num_quantizers=3),
        lambda m: [layer.codebook for layer in m.layers],
    ),
    "sizes differ": (
        lambda: vqp.ResidualVQ(dim=D, codebook_size=(K, 2 * K), num_quantizers=2),
        lambda m: [layer.codebook for layer in m.layers],
    ),
    "grouped residual": (
        lambda: vqp.GroupedResidualVQ(dim=D, groups=2, codebook_size=K, num_quantizers=2),
        lambda m: [layer.codebook for rvq in m.rvqs for layer in rvq.layers],
    ),
    "simvq": (lambda: vqp.SimVQ(dim=D, codebook_size=K), lambda m: [m.codebook]),
    "residual simvq": (
        lambda: vqp.ResidualSimVQ(dim=D, codebook_size=K, num_quantizers=2),
        lambda m: [layer.codebook for layer in m.layers],
    ),
    "learnable": (
        lambda: vqp.VectorQuantize(dim=D, codebook_size=K, learnable_codebook=True, ema_update=False),
        lambda m: [m.codebook],
    ),
}
NO_TABLES = {
    "FSQ": lambda: vqp.FSQ(levels=[8, 5, 5], dim=D),
    "LFQ": lambda: vqp.LFQ(codebook_size=K, dim=D),
    "residual FSQ": lambda: vqp.ResidualFSQ(levels=[8, 5, 5], dim=D, num_quantizers=2),
    "latent": lambda: vqp.LatentQuantize(levels=[8, 5, 5], dim=D),
}


def trained(make):
    torch.manual_seed(0)
    module = make()
    module.train()
    for _ in range(3):
        module(torch.randn(2, 30, D))
    return module


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", TABLES)
def test_each_codebook_is_found_with_the_live_vectors(kind, way, tmp_path):
    make, live = TABLES[kind]
    module = trained(make)
    found = open_checkpoint(save_module(module, tmp_path, way)).codebooks
    assert len(found) == len(live(module))
    for book, codebook in zip(found, live(module), strict=True):
        vectors = effective(book)
        assert (book.num_codes, book.dim) == codebook.shape
        assert vectors.status == "exact"
        np.testing.assert_allclose(vectors.vectors, codebook.detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", NO_TABLES)
def test_no_stored_vectors_is_an_answer(kind, way, tmp_path):
    checkpoint = open_checkpoint(save_module(NO_TABLES[kind](), tmp_path, way))
    assert checkpoint.codebooks == ()
    assert len(checkpoint.implicit) == 1
    assert checkpoint.candidates == ()


def test_an_lfq_tells_its_number_of_codes_and_each_residual_level(tmp_path):
    module = vqp.ResidualLFQ(codebook_size=K, dim=D, num_quantizers=2)
    found = open_checkpoint(save_module(module, tmp_path)).implicit
    assert [one.num_codes for one in found] == [K, K]


def test_the_affine_codebook_is_the_one_that_is_searched(tmp_path):
    module = trained(lambda: vqp.VectorQuantize(dim=D, codebook_size=K, affine_param=True)).eval()
    (book,) = open_checkpoint(save_module(module, tmp_path)).codebooks
    codebook = torch.from_numpy(effective(book).vectors)
    z_e = torch.randn(1, 200, D)
    _, codes, _ = module(z_e)
    assert torch.equal(torch.cdist(z_e[0], codebook).argmin(1), codes[0])


def test_an_affine_map_without_a_batch_is_left_out_and_said_so(tmp_path):
    module = vqp.VectorQuantize(dim=D, codebook_size=K, affine_param=True)
    (book,) = open_checkpoint(save_module(module, tmp_path)).codebooks
    assert effective(book).status == "assumed"


def test_cosine_is_told_by_the_lengths(tmp_path):
    found = [
        effective(open_checkpoint(save_module(trained(TABLES[kind][0]), tmp_path)).codebooks[0]).search
        for kind in ("euclidean", "cosine")
    ]
    assert found == ["euclidean", "cosine"]


def test_levels_and_groups_are_named(tmp_path):
    module = trained(TABLES["grouped residual"][0])
    found = open_checkpoint(save_module(module, tmp_path, "safetensors")).codebooks
    assert [(book.structure, book.group, book.level) for book in found] == [
        ("grouped residual", group, level) for group in (0, 1) for level in (0, 1)
    ]


def test_eleven_levels_come_in_their_order(tmp_path):
    module = vqp.ResidualVQ(dim=D, codebook_size=K, num_quantizers=11)
    found = open_checkpoint(save_module(module, tmp_path, "safetensors")).codebooks
    assert [book.level for book in found] == list(range(11))


@pytest.mark.parametrize("as_safetensors", [False, True])
def test_a_shared_codebook_is_one_with_its_levels_as_aliases(as_safetensors, tmp_path):
    module = trained(lambda: vqp.ResidualVQ(dim=D, codebook_size=K, num_quantizers=3, shared_codebook=True))
    path = tmp_path / "shared"
    save_model(module, str(path)) if as_safetensors else torch.save(module.state_dict(), path)
    (book,) = open_checkpoint(path).codebooks
    keys = {f"layers.{level}._codebook.embed" for level in range(3)}
    assert {book.key, *book.aliases} == keys


def test_codes_under_a_network_are_labelled_as_raw(tmp_path):
    transform = torch.nn.Sequential(torch.nn.Linear(D, 4), torch.nn.ReLU(), torch.nn.Linear(4, D))
    module = vqp.SimVQ(dim=D, codebook_size=K, codebook_transform=transform)
    (book,) = open_checkpoint(save_module(module, tmp_path)).codebooks
    assert effective(book).status == "raw"


def test_usage_is_a_moving_average_or_not_tracked(tmp_path):
    used = trained(TABLES["euclidean"][0])
    (book,) = open_checkpoint(save_module(used, tmp_path)).codebooks
    usage = book.usage[0].read()
    assert usage.tracked
    np.testing.assert_allclose(usage.hits, used._codebook.cluster_size[0].numpy())
    (fresh,) = open_checkpoint(save_module(TABLES["euclidean"][0](), tmp_path)).codebooks
    assert not fresh.usage[0].read().tracked
