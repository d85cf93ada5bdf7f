"""Repaired files: the codes that were meant, every other tensor bit for bit, nothing written where it must not."""

import hashlib
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import vector_quantize_pytorch as vqp
from safetensors import safe_open
from safetensors.torch import save_file, save_model
from saving import WAYS, save
from torch import Tensor

from vqcore.checkpoints.effective import effective
from vqcore.checkpoints.reader import open_checkpoint
from vqcore.files.containers import state_dicts
from vqcore.files.errors import CheckpointError
from vqcore.files.opening import open_contents
from vqcore.remedies import repair as repair_module
from vqcore.remedies.repair import repair

K, D = 24, 4
State = dict[str, Tensor]


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def latents(dim: int = D, number: int = 1200) -> np.ndarray:
    return (draw(number, dim) * 2 + 5).numpy()


def rest() -> State:
    return {
        "encoder.weight": draw(D, 3, 3),
        "counter": torch.tensor(7),
        "half": draw(5).half(),
        "empty": torch.zeros(0),
        "nan": torch.tensor([float("nan"), 1.0]),
    }


def ema(table: str, sizes: str, sums: str, transposed: bool = False) -> State:
    """A codebook of which one code is used."""
    counts = torch.zeros(K)
    counts[0] = 90.0
    vectors = draw(K, D)
    smoothed = (counts + 1e-5) / (counts.sum() + K * 1e-5) * counts.sum()
    both = {table: vectors, sums: vectors * smoothed[:, None]}
    return {sizes: counts} | {key: value.T.contiguous() if transposed else value for key, value in both.items()}


def heads() -> State:
    state = {"_codebook.embed": draw(2, K, D), "_codebook.cluster_size": torch.ones(2, K)}
    return state | {"_codebook.embed_avg": draw(2, K, D), "_codebook.initted": torch.tensor(True)}


LAYOUTS = {
    "taming": ({"quantize.embedding.weight": draw(K, D)}, {"quantize.embedding.weight"}),
    "taming in half precision": ({"quantize.embedding.weight": draw(K, D).half()}, {"quantize.embedding.weight"}),
    "taming in bfloat16": ({"quantize.embedding.weight": draw(K, D).bfloat16()}, {"quantize.embedding.weight"}),
    "encodec": (
        ema("vq.layers.0._codebook.embed", "vq.layers.0._codebook.cluster_size", "vq.layers.0._codebook.embed_avg"),
        {f"vq.layers.0._codebook.{name}" for name in ("embed", "cluster_size", "embed_avg")},
    ),
    "rosinality": (
        ema("quantize_t.embed", "quantize_t.cluster_size", "quantize_t.embed_avg", transposed=True),
        {f"quantize_t.{name}" for name in ("embed", "cluster_size", "embed_avg")},
    ),
    "zalando": (
        ema("_vq_vae._embedding.weight", "_vq_vae._ema_cluster_size", "_vq_vae._ema_w"),
        {f"_vq_vae.{name}" for name in ("_embedding.weight", "_ema_cluster_size", "_ema_w")},
    ),
    "VideoGPT": (
        ema("codebook.embeddings", "codebook.N", "codebook.z_avg"),
        {f"codebook.{name}" for name in ("embeddings", "N", "z_avg")},
    ),
    "Mimi": (
        {
            "quantizer.layers.0.codebook.embed_sum": draw(K, D),
            "quantizer.layers.0.codebook.cluster_usage": torch.ones(K),
        },
        {"quantizer.layers.0.codebook.embed_sum"},
    ),
    "padded": (
        {
            "quantizer.codebooks.0.weight": draw(K + 1, D),
            "quantizer.codebooks.0.cluster_size_ema": torch.arange(K).float(),
            "quantizer.codebooks.0.embed_ema": draw(K, D),
        },
        {f"quantizer.codebooks.0.{name}" for name in ("weight", "cluster_size_ema", "embed_ema")},
    ),
    "VQTorch": (
        {"vq.codebook.weight": draw(K, D), "vq._counts": torch.arange(K).float() + 1},
        {"vq.codebook.weight", "vq._counts"},
    ),
    "VQTorch with moments": (
        {"vq.codebook.weight": draw(K, D)}
        | {f"vq.affine_transform.running_{name}": draw(1, D).abs() + 0.5 for name in ("ze_mean", "ze_var")}
        | {f"vq.affine_transform.running_{name}": draw(1, D).abs() + 0.1 for name in ("c_mean", "c_var")},
        {"vq.codebook.weight"},
    ),
    "DAC": (
        {"quantizer.quantizers.0.codebook.weight": draw(K, D), "quantizer.quantizers.0.in_proj.bias": draw(D)},
        {"quantizer.quantizers.0.codebook.weight"},
    ),
}


def tensors_of(path: Path) -> dict[tuple[str, ...], np.ndarray]:
    return {
        (*source.container, key): array.read()
        for source in state_dicts(open_contents(path).root)
        for key, array in source.arrays.items()
    }


def repaired(path: Path, z_e: np.ndarray | None = None, **asked):
    return repair(
        open_checkpoint(path), path.with_name(f"repaired{path.suffix}"), latents() if z_e is None else z_e, **asked
    )


def assert_repaired(path: Path, result, changed: set[str]) -> None:
    before, after = tensors_of(path), tensors_of(result.path)
    assert list(before) == list(after)
    different = {key[-1] for key in before if before[key].tobytes() != after[key].tobytes()}
    assert {_bare(key) for key in different} == changed
    assert {place.key for place in result.changed} == different
    read = {book.key: effective(book).vectors for book in open_checkpoint(result.path).codebooks}
    for vectors, table, moved in zip(read.values(), result.after.tables, result.after.moved, strict=True):
        np.testing.assert_allclose(vectors[moved], table[moved], rtol=0, atol=0.02 * np.abs(table).max())


def _bare(key: str) -> str:
    return key.removeprefix("module.").removeprefix("_orig_mod.")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_only_the_codebook_and_its_averages_change(layout, way, tmp_path):
    state, changed = LAYOUTS[layout]
    path = save(way, rest() | state, tmp_path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    result = repaired(path)
    assert result.after.codebooks[0].active > result.before.codebooks[0].active
    assert_repaired(path, result, changed)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted([path.name, result.path.name])


def test_a_torch_file_keeps_every_record_but_those_of_the_codebook(tmp_path):
    path = save("lightning", rest() | LAYOUTS["encodec"][0], tmp_path)
    result = repaired(path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(result.path) as new:
        assert new.testzip() is None
        assert old.namelist() == new.namelist()
        different = [name for name in old.namelist() if old.read(name) != new.read(name)]
    assert len(different) == len(LAYOUTS["encodec"][1])
    assert torch.load(result.path, weights_only=True)["global_step"] == 12
    assert any("moments" in sentence for sentence in result.left)


def test_a_safetensors_file_keeps_its_metadata_and_order(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(rest() | LAYOUTS["taming"][0], path, {"format": "pt", "note": "keep me"})
    result = repaired(path)
    with safe_open(path, "pt") as old, safe_open(result.path, "pt") as new:
        assert new.metadata() == old.metadata()
        assert list(new.keys()) == list(old.keys())
    assert path.stat().st_size == result.path.stat().st_size
    assert_repaired(path, result, LAYOUTS["taming"][1])


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_npz_is_repaired(write, order, tmp_path):
    path = tmp_path / "model.npz"
    table = np.asarray(draw(K, D).double().numpy(), order=order)
    write(path, **{"quantize.embedding.weight": table, "other": np.arange(5), "third": np.ones((2, 2), np.float16)})
    result = repaired(path)
    assert_repaired(path, result, {"quantize.embedding.weight"})
    with np.load(path) as old, np.load(result.path) as new:
        assert old.files == new.files
        assert new["quantize.embedding.weight"].dtype == np.float64


def test_views_and_tied_tensors_stay_what_they_are(tmp_path):
    flat = draw(3 * K * D)
    table = flat[K * D : 2 * K * D].view(D, K).T  # columns as codes, in the middle of a larger storage
    state = {"before": flat[: K * D], "quantize.embedding.weight": table, "tied": table, "after": flat[2 * K * D :]}
    path = save("bare", state, tmp_path)
    result = repaired(path)
    loaded = torch.load(result.path, weights_only=True)
    assert loaded["quantize.embedding.weight"].stride() == table.stride()
    assert len({tensor.untyped_storage().data_ptr() for tensor in loaded.values()}) == 1
    assert torch.equal(loaded["tied"], loaded["quantize.embedding.weight"])
    assert torch.equal(loaded["before"], state["before"])
    assert torch.equal(loaded["after"], state["after"])
    assert {place.key for place in result.changed} == {"quantize.embedding.weight", "tied"}


@pytest.mark.parametrize("as_safetensors", [False, True])
def test_a_shared_codebook_stays_shared(as_safetensors, tmp_path):
    module = vqp.ResidualVQ(dim=D, codebook_size=K, num_quantizers=3, shared_codebook=True)
    path = tmp_path / ("shared.safetensors" if as_safetensors else "shared.pt")
    save_model(module, str(path)) if as_safetensors else torch.save(module.state_dict(), path)
    result = repaired(path)
    (book,) = open_checkpoint(result.path).codebooks
    assert len({book.key, *book.aliases}) == 3
    assert result.after.error < result.before.error


def test_heads_in_one_tensor_are_each_repaired(tmp_path):
    path = save("bare", heads(), tmp_path)
    result = repaired(path, latents(2 * D))
    assert len(result.moved_codes) == 2
    assert min(result.moved_codes) > 0
    for book, table in zip(open_checkpoint(result.path).codebooks, result.after.tables, strict=True):
        np.testing.assert_allclose(effective(book).vectors, table, atol=1e-5)


def test_rows_that_hold_several_codebooks_are_each_repaired(tmp_path):
    path = save("bare", {"vq.codebook.weight": draw(2 * K, D), "other": draw(3)}, tmp_path)
    result = repair(open_checkpoint(path, rows=K), tmp_path / "out.pt", latents(2 * D))
    read = torch.load(result.path, weights_only=True)["vq.codebook.weight"].numpy()
    np.testing.assert_array_equal(read, np.concatenate(result.after.tables))


def test_a_level_without_dead_codes_stays_as_it_is(tmp_path):
    good = torch.from_numpy(latents()[:: 1200 // K][:K])
    state = {
        f"quantizer.layers.{level}.codebook.weight": table for level, table in enumerate((good, draw(K, D) + 50))
    }
    path = save("bare", state, tmp_path)
    result = repaired(path)
    assert result.moved_codes[0] == 0 < result.moved_codes[1]
    assert_repaired(path, result, {"quantizer.layers.1.codebook.weight"})


@pytest.mark.parametrize("remedy", ["restart", "replace", "align"])
@pytest.mark.parametrize("kind", [{}, {"affine_param": True}, {"use_cosine_sim": True}])
def test_the_next_average_does_not_undo_it(kind, remedy, tmp_path):
    torch.manual_seed(0)
    module = vqp.VectorQuantize(dim=D, codebook_size=K, decay=0.9, **kind)
    z_e = torch.from_numpy(latents())[None]
    for _ in range(4):
        module(z_e[:, :400])
    if kind == {"affine_param": True}:  # which has no dead codes by itself
        module._codebook.embed[:, K // 2 :] += 50
    path = save("bare", module.state_dict(), tmp_path)
    if kind == {"use_cosine_sim": True} and remedy == "align":
        with pytest.raises(CheckpointError, match="unit length"):
            repaired(path, remedy=remedy)
        return
    result = repaired(path, remedy=remedy, force=True)  # align does harm to the affine map
    module.load_state_dict(torch.load(result.path, weights_only=True))
    codebook = module._codebook
    kept = codebook.embed.clone()
    codebook.cluster_size.mul_(0.9)
    codebook.embed_avg.mul_(0.9)  # a step in which nothing is assigned
    codebook.update_ema()
    moved = torch.from_numpy(result.after.moved[0])
    torch.testing.assert_close(codebook.embed[0][moved], kept[0][moved], rtol=2e-3, atol=1e-3)


def test_an_average_of_the_weights_gets_the_same_codes(tmp_path):
    state = {"quantize.embedding.weight": draw(K, D), "other": draw(3)}
    path = tmp_path / "both.pt"
    best = {key: value + 2 for key, value in state.items()}
    ema_state = {key: value + 1e-3 for key, value in state.items()}
    torch.save({"model": state, "model_ema": ema_state, "best_state": best}, path)
    result = repaired(path)
    loaded = torch.load(result.path, weights_only=True)
    moved = torch.from_numpy(result.after.moved[0])
    table = "quantize.embedding.weight"
    assert torch.equal(loaded["model"][table][moved], loaded["model_ema"][table][moved])
    assert torch.equal(loaded["model_ema"][table][~moved], ema_state[table][~moved])
    assert torch.equal(loaded["best_state"][table], best[table])
    assert any("best_state" in sentence for sentence in result.left)


def test_a_codes_disuse_is_counted_anew(tmp_path):
    path = save("bare", LAYOUTS["VQTorch"][0], tmp_path)
    result = repaired(path)
    counts = torch.load(result.path, weights_only=True)["vq._counts"]
    moved = torch.from_numpy(result.after.moved[0])
    assert (counts[moved] == K).all()
    assert torch.equal(counts[~moved], (torch.arange(K) + 1.0)[~moved])


def refusal(path: Path, z_e: np.ndarray | None = None, out: Path | None = None, **asked) -> str:
    out = path.with_name("out.pt") if out is None else out
    there = sorted(path.parent.iterdir())
    with pytest.raises(CheckpointError) as caught:
        repair(open_checkpoint(path), out, latents() if z_e is None else z_e, **asked)
    assert sorted(path.parent.iterdir()) == there
    return str(caught.value)


CANNOT = {
    "is the image of a frozen table": lambda: vqp.SimVQ(dim=D, codebook_size=K).state_dict(),
    "is the image of its table under a learned matrix": lambda: {
        "quantize.embedding.weight": draw(K, D),
        "quantize.embedding_proj.weight": draw(D, D),
    },
    "has no codebook to repair. Finite scalar": lambda: vqp.FSQ(levels=[8, 5, 5], dim=16).state_dict(),
    "has no codebook to repair. None": rest,
    "is not initialized yet": lambda: (
        vqp.VectorQuantize(dim=D, codebook_size=K, kmeans_init=True).state_dict() | {"_codebook.embed": draw(1, K, D)}
    ),
    "has 2 quantizers": lambda: {
        f"quantizer.quantizers.{level}.{leaf}": draw(K, D) if leaf == "codebook.weight" else draw(D)
        for level in range(2)
        for leaf in ("codebook.weight", "in_proj.bias")
    },
    "is stored as fewer values": lambda: {"quantize.embedding.weight": draw(K * D)[:D].expand(K, D)},
    "but the file holds 4 values": lambda: {"quantize.embedding.weight": draw(1, D).expand(K, D)},
    "has no dead code": lambda: {"quantize.embedding.weight": torch.from_numpy(latents()[:K])},
}


@pytest.mark.parametrize("words", CANNOT)
def test_what_cannot_be_written_back_gets_a_sentence(words, tmp_path):
    assert words in refusal(save("bare", CANNOT[words](), tmp_path))


def test_too_few_latents_get_a_sentence(tmp_path):
    assert "are too few to tell which codes are dead" in refusal(
        save("bare", LAYOUTS["taming"][0], tmp_path), latents()[:80]
    )


def test_a_place_that_must_not_be_written_to_is_refused(tmp_path):
    path = save("bare", LAYOUTS["taming"][0], tmp_path)
    linked = tmp_path / "linked.pt"
    os.link(path, linked)
    pointing = tmp_path / "pointing.pt"
    pointing.symlink_to(path)
    for same in (path, linked, pointing):
        assert "the checkpoint itself" in refusal(path, out=same, force=True)
    other = tmp_path / "other.pt"
    other.write_text("mine")
    assert "exists" in refusal(path, out=other)
    assert other.read_text() == "mine"
    assert "is a folder" in refusal(path, out=tmp_path, force=True)
    assert "a folder that exists" in refusal(path, out=tmp_path / "nowhere" / "out.pt")
    assert "must end in .pt or" in refusal(path, out=tmp_path / "out.safetensors")
    assert repair(open_checkpoint(path), other, latents(), force=True).path == other
    assert len(open_checkpoint(other).codebooks) == 1


def test_a_shard_is_refused(tmp_path):
    path = save("bare", LAYOUTS["taming"][0], tmp_path)
    shard = path.rename(tmp_path / "pytorch_model-00001-of-00002.bin")
    assert "is one shard" in refusal(shard)


def test_what_goes_wrong_leaves_no_file_and_the_old_one_as_it_was(tmp_path, monkeypatch):
    path = save("bare", LAYOUTS["taming"][0], tmp_path)
    out = tmp_path / "out.pt"
    out.write_text("mine")
    monkeypatch.setattr(repair_module, "TOLERANCE", {"float32": -1.0})
    assert "cannot hold the repaired vectors" in refusal(path, out=out, force=True)
    monkeypatch.undo()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    assert "No space left" in refusal(path, out=out, force=True)
    assert out.read_text() == "mine"


@pytest.mark.parametrize("way", ["bare", "lightning", "safetensors"])
def test_two_repairs_of_one_file_are_the_same_bytes(way, tmp_path):
    path = save(way, {"quantize.embedding.weight": draw(K, D), **rest()}, tmp_path)
    first = repaired(path).path.read_bytes()
    clutter = [draw(size) for size in (10, 1_000, 100_000)]  # other addresses
    assert repaired(path, force=True).path.read_bytes() == first
    assert len(clutter) == 3
