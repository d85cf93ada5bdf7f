"""One file of latents for a file of several codebooks: each gets what its quantizer gives it, or nothing."""

import json

import numpy as np
import pytest
import torch
from doctor_files import D, K, codebook, kept, latents, saved
from test_doctor_command import refused, said
from vector_quantize_pytorch import GroupedResidualVQ, VectorQuantize

import vqcore.doctor.examination
from vqcore.cli import main


def test_each_group_gets_its_features_and_each_of_its_levels_what_is_left_over(capsys, tmp_path):
    layer = GroupedResidualVQ(dim=2 * D, groups=2, codebook_size=K, num_quantizers=2, kmeans_init=True).train()
    z_e = np.concatenate([latents(codebook(), 1, 2_000), latents(codebook(3), 2, 2_000)], axis=1)
    for _ in range(4):
        layer(torch.from_numpy(z_e)[None])
    torch.save(layer.state_dict(), tmp_path / "grouped.pt")
    report = said(capsys, tmp_path / "grouped.pt", "--latents", kept(tmp_path, z_e))
    found = {(one["group"], one["level"]): one for one in report["codebooks"]}
    assert set(found) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    for group, part in enumerate(np.split(z_e, 2, axis=1)):
        residual = torch.from_numpy(np.ascontiguousarray(part))
        for level in range(2):
            vectors = layer.rvqs[group].codebooks[level]
            codes = torch.cdist(residual, vectors).argmin(1)
            before, residual = residual, residual - vectors[codes]
            one = found[group, level]
            assert one["usage"]["used"] == len(codes.unique())
            expected = residual.square().sum(1).mean() / before.var(0, correction=0).sum()
            assert one["relative_error"] == pytest.approx(float(expected), rel=1e-3)


def two_quantizers(folder, first, second):
    path = folder / "two.pt"
    tables = {"quantize_t.embedding.weight": first, "quantize_b.embedding.weight": second}
    torch.save({key: torch.from_numpy(table) for key, table in tables.items()}, path)
    return path


def test_of_separate_quantizers_the_latents_are_taken_for_the_nearest_and_the_report_says_how_to_choose(
    capsys, tmp_path
):
    near = codebook()
    path, z_e = two_quantizers(tmp_path, near + 50, near), kept(tmp_path, latents(near))
    top, bottom = said(capsys, path, "--latents", z_e)["codebooks"]
    assert (top["usage"], bottom["usage"]["num_vectors"]) == (None, 4_000)
    (said_so,) = [sentence for sentence in bottom["read"] if "are taken for" in sentence]
    assert "quantize_b.embedding.weight" in said_so
    assert "--codebook: quantize_t.embedding.weight" in said_so
    words = ["doctor", str(path), "--latents", str(z_e), "--codebook", "quantize_t.embedding.weight"]
    assert main(words) == 1
    assert "far from the embeddings" in capsys.readouterr().out


def test_of_separate_quantizers_the_width_decides_where_it_can(capsys, tmp_path):
    wide = np.random.default_rng(0).standard_normal((K, 2 * D)).astype(np.float32)
    path = two_quantizers(tmp_path, wide, codebook() + 50)
    report = said(capsys, path, "--latents", kept(tmp_path, latents(codebook())), code=1)
    assert [one["usage"] is not None for one in report["codebooks"]] == [False, True]
    narrow = kept(tmp_path, np.zeros((100, 3), np.float32), "narrow.npy")
    sentence = refused(capsys, path, "--latents", narrow)
    assert "quantize_t.embedding.weight (16), quantize_b.embedding.weight (8)" in sentence


def test_latents_are_for_the_weights_themselves_and_not_for_their_average(capsys, tmp_path):
    state = VectorQuantize(dim=D, codebook_size=K).state_dict()
    average = {key: value + 0.01 if value.is_floating_point() else value for key, value in state.items()}
    torch.save({"model": state, "ema_model": average}, tmp_path / "both.pt")
    z_e = kept(tmp_path, latents(codebook()))
    assert main(["doctor", str(tmp_path / "both.pt"), "--latents", str(z_e), "--json"]) != 2  # by the draw, 0 or 1
    books = json.loads(capsys.readouterr().out)["codebooks"]
    assert {one["copy"]: one["relative_error"] is not None for one in books} == {"main": True, "ema": False}


def test_a_report_on_a_part_of_the_latents_says_so_and_all_counts_every_one(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(vqcore.doctor.measuring, "SEARCH_WORK", 2 * K * D * 2_500)
    path, z_e = saved(tmp_path, codebook()), kept(tmp_path, latents(codebook()))
    (one,) = said(capsys, path, "--latents", z_e)["codebooks"]
    assert one["usage"]["num_vectors"] == 2_500
    assert one["usage"]["window"] == "at least once by 2,500 of the 4,000 given latents (random, seed 0)"
    assert any("--all" in sentence for sentence in one["read"])
    (one,) = said(capsys, path, "--latents", z_e, "--all")["codebooks"]
    assert one["usage"]["num_vectors"] == 4_000
    assert not any("--all" in sentence for sentence in one["read"])


def test_two_stacks_of_levels_are_searched_in_no_order_until_one_is_told(capsys, tmp_path):
    """Each begins with a first level: one that hid the other was examined, and the other had no latent."""
    path = tmp_path / "stacks.pt"
    stacks = {f"rvq.layers.{at}._codebook.embed": np.stack([codebook(at), codebook(at + 2)]) for at in (0, 1)}
    torch.save({key: torch.from_numpy(stack) for key, stack in stacks.items()}, path)
    z_e = kept(tmp_path, latents(codebook()))
    assert "do not show in which order they are searched. Say --structure" in refused(capsys, path, "--latents", z_e)
    main(["doctor", str(path), "--latents", str(z_e), "--structure", "residual", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert [one["relative_error"] is not None for one in report["codebooks"]] == [True] * 4
