"""State dicts with the keys and shapes of other libraries, built here.

Of these, test_real_libraries.py and test_vector_quantize_pytorch.py run on real objects: diffusers VQModel,
transformers Encodec, DAC, Mimi, Wav2Vec2, Chameleon, Janus, Emu3 and Flava, the encodec package, and
vector-quantize-pytorch. moshi 0.2.13 and snac 1.2.1 were run once, with the same result. All others here are from
reading their source: their rules have not met a real object.
"""

import numpy as np
import pytest
import torch
from saving import WAYS, save
from torch import Tensor
from torch.nn import functional as F

from vqcore.checkpoints.effective import Known, effective
from vqcore.checkpoints.reader import open_checkpoint
from vqcore.files.errors import CheckpointError
from vqcore.files.restricted_pickle import MOST_ENTRIES
from vqcore.remedies.repair import repair

K, D = 24, 6
State = dict[str, Tensor]


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def some_model() -> State:
    return {"encoder.0.weight": draw(D, 3, 3, 3), "encoder.0.bias": draw(D), "decoder.weight": draw(3, D)}


def ema(prefix: str, table: str, sizes: str, sums: str, transposed: bool = False) -> State:
    """A table that is its sums over its smoothed counts."""
    counts = torch.rand(K, generator=torch.Generator().manual_seed(1)) * 9
    vectors = draw(K, D)
    smoothed = (counts + 1e-5) / (counts.sum() + K * 1e-5) * counts.sum()
    both = {table: vectors, sums: vectors * smoothed[:, None]}
    both = {key: value.T.contiguous() if transposed else value for key, value in both.items()}
    return {f"{prefix}{key}": value for key, value in (both | {sizes: counts}).items()}


def summed(prefix: str, table: str) -> State:
    return {f"{prefix}{table}": draw(K, D), f"{prefix}cluster_usage": torch.rand(K) + 0.5}


def levels(prefix: str, make) -> State:
    return {f"{prefix}{level}.{key}": value for level in range(3) for key, value in make().items()}


def dac() -> State:
    state = {"codebook.weight": draw(K, D), "in_proj.bias": draw(D), "out_proj.bias": draw(9)}
    return state | {"out_proj.weight_g": draw(9, 1, 1), "out_proj.weight_v": draw(9, D, 1)}


QUANTIZE = {"quantize.embedding.weight": draw(K, D)}
LAYOUTS = {
    "taming / diffusers VQModel": (QUANTIZE | {"quant_conv.weight": draw(D, D, 1, 1)}, 1),
    "BEiT-2": (
        {"quantize.embedding.weight": F.normalize(draw(K, D)), "quantize.embedding.embed_avg": draw(K, D)}
        | {"quantize.embedding.cluster_size": torch.zeros(K), "quantize.cluster_size": torch.rand(K)},
        1,
    ),
    "VAR": (QUANTIZE | {"quantize.ema_vocab_hit_SV": torch.rand(5, K)}, 1),
    "LlamaGen": (QUANTIZE | {"quantize.codebook_used": torch.randint(K, (500,)).float()}, 1),
    "CVQ-VAE / TA-TiTok": (QUANTIZE | {"quantize.embed_prob": torch.rand(K)}, 1),
    "OptVQ": (QUANTIZE | {"quantize.proj.weight": draw(D, D), "quantize.proj.bias": draw(D)}, 1),
    "SimVQ": (QUANTIZE | {"quantize.embedding_proj.weight": draw(D, D), "quantize.embedding_proj.bias": draw(D)}, 1),
    "Gumbel (taming)": ({"quantize.embed.weight": draw(K, D), "quantize.proj.weight": draw(K, 9, 1, 1)}, 1),
    "karpathy dVQ": ({"quantizer.embed.weight": draw(K, D), "quantizer.proj.weight": draw(D, 9, 1, 1)}, 1),
    "transformers Encodec": (
        levels("quantizer.layers.", lambda: ema("codebook.", "embed", "cluster_size", "embed_avg")),
        3,
    ),
    "encodec / audiocraft": (
        levels("quantizer.vq.layers.", lambda: ema("_codebook.", "embed", "cluster_size", "embed_avg")),
        3,
    ),
    "rosinality / XTTS / AudioDec": (ema("quantize_t.", "embed", "cluster_size", "embed_avg", transposed=True), 1),
    "moshi / transformers Mimi": (
        levels("quantizer.rvq_rest.vq.layers.", lambda: summed("_codebook.", "embedding_sum"))
        | summed("quantizer.rvq_first.vq.layers.0._codebook.", "embedding_sum"),
        4,
    ),
    "DAC / SNAC": (levels("quantizer.quantizers.", dac), 3),
    "zalando VQ-VAE": (ema("_vq_vae.", "_embedding.weight", "_ema_cluster_size", "_ema_w"), 1),
    "VideoGPT": (ema("codebook.", "embeddings", "N", "z_avg"), 1),
    "jukebox": (levels("bottleneck.level_blocks.", lambda: {"k": draw(K, D)}), 3),
    "FunCodec": ({"quantizer.embed": draw(4, K, D), "quantizer.cluster_size": torch.rand(4, K)}, 4),
    "fairseq k-means": (
        {"vector_quantizer.embedding": draw(K, 2, D), "vector_quantizer.projection.0.weight": draw(2)},
        2,
    ),
    "GRID": (levels("quantization_layer_list.", lambda: {"centroids": draw(K, D)}), 3),
    "wav2vec2": ({"quantizer.codevectors": draw(1, K, D), "quantizer.weight_proj.weight": draw(K, 9)}, 1),
    "RQ-VAE-Recommender": (levels("layers.", lambda: {"embedding.weight": draw(K, D)}), 3),
    "rq-vae-transformer": (
        levels("quantizer.codebooks.", lambda: {"weight": draw(K + 1, D), "cluster_size_ema": torch.rand(K)}),
        3,
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_is_named_with_its_codebooks(layout, way, tmp_path):
    state, number = LAYOUTS[layout]
    found = open_checkpoint(save(way, some_model() | state, tmp_path)).codebooks
    assert [book.layout for book in found] == [layout] * number
    assert {(book.num_codes, book.dim) for book in found} == {(K, D)}
    assert all(book.evidence for book in found)
    for book in found:
        assert effective(book).vectors.shape == (K, D)
        for statistic in book.usage:
            usage = statistic.read()
            assert not usage.tracked or len(usage.hits) == K


def only(state: State, folder, **asked):
    (book,) = open_checkpoint(save("bare", state, folder), **asked).codebooks
    return book


def test_transposed_tables_are_turned(tmp_path):
    state = LAYOUTS["rosinality / XTTS / AudioDec"][0]
    book = only(state, tmp_path)
    np.testing.assert_array_equal(effective(book).vectors, state["quantize_t.embed"].T.numpy())


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_square_table_is_turned_by_its_sums(transposed, dtype, tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.D", K)
    state = ema("quantize.", "embed", "cluster_size", "embed_avg", transposed)
    book = only({key: value.to(dtype) for key, value in state.items()}, tmp_path)
    assert book.axis == ("D,K" if transposed else "K,D")
    assert book.axis_certain


def test_a_square_table_without_sums_is_ambiguous_and_can_be_told(tmp_path):
    state = {"quantize.embed": draw(K, K), "quantize.cluster_size": torch.ones(K)}
    assert not only(state, tmp_path).axis_certain
    told = only(state, tmp_path, axis="D,K")
    assert told.axis_certain
    np.testing.assert_array_equal(told.raw(), state["quantize.embed"].T.numpy())


def test_sums_are_divided_by_usage(tmp_path):
    state = summed("quantizer.layers.0.codebook.", "embed_sum")
    total, usage = state.values()
    np.testing.assert_allclose(effective(only(state, tmp_path)).vectors, (total / usage[:, None]).numpy(), rtol=1e-6)


def test_a_projection_is_applied(tmp_path):
    state = LAYOUTS["SimVQ"][0]
    table, weight, bias = state.values()
    expected = F.linear(table, weight, bias).numpy()
    np.testing.assert_allclose(effective(only(state, tmp_path)).vectors, expected, atol=1e-5)


def test_a_factorized_codebook_is_searched_at_unit_length(tmp_path):
    state = {f"quantizer.quantizers.0.{key}": value for key, value in dac().items()}
    np.testing.assert_allclose(effective(only(state, tmp_path)).vectors, F.normalize(draw(K, D)).numpy(), atol=1e-6)


def test_vqtorchs_learned_map_needs_the_rate_that_no_file_holds(tmp_path):
    state = {
        "vq.codebook.weight": draw(K, D),
        "vq.affine_transform.scale": draw(2, D),
        "vq.affine_transform.bias": draw(2, D),
    }
    book = only(state, tmp_path)
    assert effective(book).status == "raw"
    table, scale, bias = (value.numpy() for value in state.values())
    rows = np.arange(K) * 2 // K
    known = effective(book, Known(affine_lr=2.0))
    assert known.status == "exact"
    np.testing.assert_allclose(known.vectors, (1 + 2 * scale[rows]) * table + 2 * bias[rows], rtol=1e-5)


def test_vqtorchs_moments_are_applied(tmp_path):
    moments = {name: draw(1, D).abs() + 0.1 for name in ("ze_mean", "ze_var", "c_mean", "c_var")}
    state = {"vq.codebook.weight": draw(K, D)}
    state |= {f"vq.affine_transform.running_{name}": value for name, value in moments.items()}
    scale = (moments["ze_var"] / (moments["c_var"] + 1e-8)).sqrt()
    expected = scale * draw(K, D) - scale * moments["c_mean"] + moments["ze_mean"]
    np.testing.assert_allclose(effective(only(state, tmp_path)).vectors, expected.numpy(), atol=1e-5)


def test_vqtorchs_counts_are_a_countdown(tmp_path):
    state = {"vq.codebook.weight": draw(K, D), "vq._counts": torch.full((K,), 30.0)}
    state["vq._counts"][3] = 4
    usage = only(state, tmp_path).usage[0].read()
    assert usage.hits is None
    assert usage.idle.tolist() == [26 if code == 3 else 0 for code in range(K)]


def test_rows_cut_several_codebooks_apart(tmp_path):
    state = {"vq.codebook.weight": draw(K, D), "vq._counts": torch.arange(K).float()}
    found = open_checkpoint(save("bare", state, tmp_path), rows=K // 2).codebooks
    np.testing.assert_array_equal(np.concatenate([book.raw() for book in found]), draw(K, D).numpy())
    assert found[1].usage[0].read().idle.tolist() == list(range(K // 2))[::-1]
    assert [book.level for book in found] == [0, 1]


def test_rows_leave_out_padding_and_refuse_what_does_not_fit(tmp_path):
    state = {"vq.codebook.weight": draw(K, D)}
    assert only(state, tmp_path, rows=K - 1).num_codes == K - 1
    with pytest.raises(CheckpointError, match="`--rows` must divide the 24 rows"):
        only(state, tmp_path, rows=7)


def test_recent_codes_are_counted(tmp_path):
    state, _ = LAYOUTS["LlamaGen"]
    expected = np.bincount(state["quantize.codebook_used"].long(), minlength=K)
    np.testing.assert_array_equal(only(state, tmp_path).usage[0].read().hits, expected)


def test_usage_that_nothing_updated_is_not_even_use(tmp_path):
    state = QUANTIZE | {"quantize.ema_vocab_hit_SV": torch.zeros(5, K)}
    assert not only(state, tmp_path).usage[0].read().tracked


def test_averages_stand_beside_what_they_are_averages_of(tmp_path):
    path = tmp_path / "both.pt"
    torch.save({"state_dict": QUANTIZE, "state_dict_ema": {key: value + 1 for key, value in QUANTIZE.items()}}, path)
    present, average = open_checkpoint(path).codebooks
    assert (present.copy, average.copy, average.copy_of) == ("main", "ema", present.key)
    np.testing.assert_array_equal(average.raw(), present.raw() + 1)


def test_a_shadow_under_a_key_without_dots_is_an_average(tmp_path):
    state = QUANTIZE | {"model_ema.quantizeembeddingweight": draw(K, D) + 1, "model_ema.decay": torch.tensor(0.99)}
    present, average = open_checkpoint(save("bare", state, tmp_path)).codebooks
    assert (average.copy, average.copy_of) == ("ema", present.key)
    np.testing.assert_array_equal(average.raw(), present.raw() + 1)


def test_an_optimizers_moments_are_no_codebooks(tmp_path):
    path = tmp_path / "x.pt"
    torch.save({"model": QUANTIZE, "optimizer": QUANTIZE, "opt_state": QUANTIZE, "discriminator": QUANTIZE}, path)
    assert len(open_checkpoint(path).codebooks) == 1


def test_a_single_quantizer_in_layer_3_is_no_level(tmp_path):
    assert only({"blocks.layers.3.quantize.embedding.weight": draw(K, D)}, tmp_path).level is None


def test_an_unknown_name_is_likely_where_its_module_is_called_a_quantizer_and_is_taken_when_named(tmp_path):
    path = save("bare", some_model() | {"my_vq.atoms": draw(K, D)}, tmp_path)
    (guessed,) = open_checkpoint(path).codebooks
    assert (guessed.confidence, guessed.num_codes, guessed.dim, guessed.axis_certain) == ("likely", K, D, False)
    assert guessed.evidence
    assert guessed.against
    (book,) = open_checkpoint(path, key="my_vq.atoms").codebooks
    assert (book.confidence, book.num_codes, book.dim, book.axis_certain) == ("told", K, D, False)
    (turned,) = open_checkpoint(path, key="my_vq.atoms", axis="D,K").codebooks
    assert (turned.num_codes, turned.dim) == (D, K)


def test_a_missing_key_names_its_neighbours(tmp_path):
    with pytest.raises(CheckpointError, match=r"Similar names: quantize\.embedding\.weight"):
        open_checkpoint(save("bare", QUANTIZE, tmp_path), key="quantise.embedding.weight")


@pytest.mark.parametrize("asked", [{"axis": "D,K"}, {"rows": 4}])
def test_what_is_told_of_several_tensors_must_name_one(asked, tmp_path):
    path = save("bare", LAYOUTS["jukebox"][0], tmp_path)
    with pytest.raises(CheckpointError, match="Name one with --codebook"):
        open_checkpoint(path, **asked)


@pytest.mark.parametrize("kind", [list, tuple])
def test_tables_in_a_list_are_numbered_levels_and_can_be_repaired(kind, tmp_path):
    generator = np.random.default_rng(0)
    tables = [generator.standard_normal((16, 4)).astype(np.float32) for _ in range(2)]
    tables[0][8:] += 50  # dead
    moments = [torch.randn(16, 4)]
    path, out = tmp_path / "list.pt", tmp_path / "mended.pt"
    torch.save({"codebooks": kind(map(torch.from_numpy, tables)), "optimizer": moments, "step": 3}, path)
    books = open_checkpoint(path).codebooks
    assert [book.key for book in books] == ["codebooks.0", "codebooks.1"]
    for book, table in zip(books, tables, strict=True):
        np.testing.assert_array_equal(effective(book).vectors, table)
    z_e = tables[0][generator.integers(8, size=900)] + 0.3 * generator.standard_normal((900, 4)).astype(np.float32)
    with pytest.raises(CheckpointError, match="does not show how it is searched, so"):
        repair(open_checkpoint(path, key="codebooks.0"), out, z_e)
    repair(open_checkpoint(path, key="codebooks.0", search="euclidean"), out, z_e)
    before, after = torch.load(path), torch.load(out)
    assert (after["codebooks"][0][8:] < 40).all()
    assert torch.equal(after["codebooks"][1], before["codebooks"][1])
    assert torch.equal(after["optimizer"][0], before["optimizer"][0])


def test_a_list_of_too_many_tensors_is_refused(tmp_path):
    one = torch.zeros(1)
    torch.save({"a": [one] * (MOST_ENTRIES + 1), "vq.codebook": torch.randn(16, 4)}, tmp_path / "many.pt")
    with pytest.raises(CheckpointError, match=r"entries|names"):
        open_checkpoint(tmp_path / "many.pt")
