"""What a user says overrules what the file seems to say: search, structure, tables, the array of latents."""

import numpy as np
import pytest
import torch
from doctor_files import D, K, codebook, kept, latents, saved
from test_doctor_command import refused, said


def tables(count: int = 2) -> np.ndarray:
    """(L, K, D), each a tenth as large as the one before."""
    return np.stack([codebook(seed) * 0.1**seed for seed in range(count)]).astype(np.float32)


def sums_of(stack: np.ndarray) -> np.ndarray:
    """(N, D) with a code of every table, so that levels leave little over."""
    generator = np.random.default_rng(0)
    codes = generator.integers(K, size=(len(stack), 5_000))
    exact = np.add.reduce([table[code] for table, code in zip(stack, codes, strict=True)])
    return (exact + 0.01 * generator.standard_normal(exact.shape)).astype(np.float32)


def errors(report: dict) -> list[float | None]:
    return [one["relative_error"] for one in report["codebooks"]]


def test_a_lookup_by_cosine_is_asked_about_and_taken_as_told(capsys, tmp_path):
    generator = np.random.default_rng(0)
    table = generator.standard_normal((K, D)) * np.geomspace(1, 300, K)[:, None]
    path = tmp_path / "x.pt"
    torch.save({"quantize.embedding.weight": torch.from_numpy(table).float()}, path)
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    z_e = unit[generator.integers(K, size=5_000)] + 0.02 * generator.standard_normal((5_000, D))
    z_e = kept(tmp_path, z_e.astype(np.float32))
    (one,) = said(capsys, path, "--latents", z_e, code=1)["codebooks"]
    assert any(f"by cosine {K} of {K} codes are used" in sentence for sentence in one["read"])
    (one,) = said(capsys, path, "--latents", z_e, "--search", "cosine")["codebooks"]
    assert (one["vectors"]["search"], one["usage"]["used"]) == ("cosine", K)
    assert one["relative_error"] < 0.05
    assert not any("by cosine" in sentence for sentence in one["read"] if "told" not in sentence)


def test_a_stack_is_levels_or_groups_or_separate_tables_as_told(capsys, tmp_path):
    stack, path = tables(), tmp_path / "x.pt"
    torch.save({"vq.codebook": torch.from_numpy(stack)}, path)
    narrow = kept(tmp_path, sums_of(stack))
    wide = kept(tmp_path, np.concatenate([sums_of(table[None]) for table in stack], 1), "wide.npy")
    assert errors(said(capsys, path, "--latents", narrow, "--structure", "residual"))[1] == pytest.approx(0, abs=0.01)
    assert errors(said(capsys, path, "--latents", wide, "--structure", "groups")) == pytest.approx([0, 0], abs=0.01)
    report = said(capsys, path, "--latents", kept(tmp_path, latents(stack[1]), "one.npy"), "--structure", "separate")
    assert [error is None for error in errors(report)] == [True, False]


def test_several_named_tables_are_one_quantizer_as_told(capsys, tmp_path):
    stack, path = tables(), tmp_path / "x.pt"
    torch.save({"first.thing": torch.from_numpy(stack[0]), "second.one": torch.from_numpy(stack[1])}, path)
    words = ("--codebook", "first.thing", "--codebook", "second.one", "--structure", "residual")
    report = said(capsys, path, *words, "--latents", kept(tmp_path, sums_of(stack)))
    assert [one["level"] for one in report["codebooks"]] == [0, 1]
    assert errors(report)[1] == pytest.approx(0, abs=0.01)


def test_the_array_and_the_axis_of_latents_are_taken_as_told(capsys, tmp_path):
    path = tmp_path / "x.pt"
    torch.save({"quantize.embedding.weight": torch.from_numpy(codebook())}, path)
    z_e = latents(codebook(), count=8 * D * D).reshape(-1, D, D)
    np.savez(tmp_path / "z.npz", before=z_e.swapaxes(1, 2), other=z_e)
    assert "--latents-key" in refused(capsys, path, "--latents", tmp_path / "z.npz")
    words = (path, "--latents", tmp_path / "z.npz", "--latents-key", "before")
    assert "--latents-axis" in refused(capsys, *words)
    report = said(capsys, *words, "--latents-axis", 1)
    assert report["codebooks"][0]["relative_error"] < 0.05


def test_the_same_checkpoint_of_another_process_must_have_the_same_codes(capsys, tmp_path):
    paths = []
    for rank, scale in enumerate((1.0, 1.0, 1.01)):
        vectors = codebook()
        vectors[:5] *= scale
        paths.append(saved(tmp_path, vectors).rename(tmp_path / f"rank{rank}.pt"))
    given = ("--latents", kept(tmp_path, latents(codebook())))
    assert said(capsys, paths[0], *given, "--rank", paths[1])["codebooks"][0]["severity"] == "healthy"
    (one,) = said(capsys, paths[0], *given, "--rank", paths[1], "--rank", paths[2], code=1)["codebooks"]
    assert one["findings"][0]["title"] == "Ranks disagree in 5 of 64 rows of the codebook."
