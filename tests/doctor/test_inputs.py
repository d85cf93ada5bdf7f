"""Codes by input, and latents that come again and again."""

import numpy as np
import pytest
import torch
from doctor_files import D, K, codebook, kept, latents, saved
from test_doctor_command import said

L = 3


def levels(folder):
    path = folder / "levels.pt"
    torch.save({f"quantizer.layers.{at}.embedding.weight": torch.from_numpy(codebook(at)) for at in range(L)}, path)
    return path


def test_the_same_codes_for_every_input_are_named_however_many_are_in_use(capsys, tmp_path):
    generator = np.random.default_rng(0)
    same = np.broadcast_to(generator.permutation(K)[:32], (500, 32))
    (one,) = said(capsys, saved(tmp_path, codebook()), "--codes", kept(tmp_path, same), code=1)["codebooks"]
    assert one["findings"][0]["title"].startswith("All 500 inputs have the same 32 codes")
    different = generator.integers(K, size=(500, 32))
    (one,) = said(capsys, saved(tmp_path, codebook()), "--codes", kept(tmp_path, different))["codebooks"]
    assert one["severity"] == "healthy"


@pytest.mark.parametrize("turned", [False, True])
def test_tuples_that_collide_are_counted_by_prefix(turned, capsys, tmp_path):
    generator = np.random.default_rng(0)
    items = generator.integers(K, size=(2_000, L))
    items[1_000:] = items[:1_000]
    items[:7] = items[0]
    distinct = [len({tuple(row[: level + 1]) for row in items.tolist()}) for level in range(L)]
    given = kept(tmp_path, items.T if turned else items)
    report = said(capsys, levels(tmp_path), "--codes", given, "--level-axis", 0 if turned else 1)
    (sentence,) = [one for one in report["codebooks"][0]["read"] if "different tuples" in one]
    assert f"{distinct[-1]:,} different tuples for 2,000 inputs, at most 8 of which share one" in sentence
    assert all(f"{1 - count / 2_000:.1%}".rstrip("0%").rstrip(".") in sentence for count in distinct)


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_a_vector_that_is_much_of_the_latents_is_told_with_the_perplexity_without_it(share, capsys, tmp_path):
    z_e = latents(codebook())
    padding = int(share * len(z_e))
    z_e[:padding] = codebook()[0]
    (one,) = said(capsys, saved(tmp_path, codebook()), "--latents", kept(tmp_path, z_e))["codebooks"]
    remarks = [sentence for sentence in one["read"] if "are one vector" in sentence]
    assert bool(remarks) is bool(padding)
    if padding:
        codes = np.square(z_e[padding:, None] - codebook()).sum(2).argmin(1)
        shares = np.bincount(codes, minlength=K) / len(codes)
        without = np.exp(-(shares * np.log(shares, where=shares > 0, out=np.zeros(K))).sum())
        assert f"{without:.3g} without" in remarks[0]
        assert remarks[0].startswith("40% of the latents")
    assert z_e.shape[1] == D
