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
def test_tuples_that_collide_are_a_finding_and_counted_by_prefix(turned, capsys, tmp_path):
    generator = np.random.default_rng(0)
    items = generator.integers(K, size=(2_000, L))
    items[1_000:] = items[:1_000]
    items[:7] = items[0]
    distinct = [len({tuple(row[: level + 1]) for row in items.tolist()}) for level in range(L)]
    given = kept(tmp_path, items.T if turned else items)
    words = ("--codes", given, "--level-axis", 0 if turned else 1)
    with_tables = said(capsys, levels(tmp_path), *words)["codebooks"]
    alone = said(capsys, *words, "--num-codes", K)["levels"]
    for one in (*with_tables, *alone):
        (found,) = [each for each in one["findings"] if each["condition"] == "colliding-codes"]
        assert found["severity"] == "warning"
        assert found["title"].startswith(f"2,000 inputs have only {distinct[-1]:,} different tuples of {L} codes")
        numbers = {each["name"]: each for each in found["numbers"]}
        assert numbers["inputs that share one tuple, at most"]["value"] == 8
        assert numbers["1 − different tuples over inputs"]["value"] == pytest.approx(1 - distinct[-1] / 2_000)
        after = [float(share.rstrip("%")) / 100 for share in numbers["the same after each level"]["text"].split(", ")]
        assert after == pytest.approx([1 - count / 2_000 for count in distinct], rel=5e-3)


def test_frames_more_than_there_are_tuples_and_items_of_their_own_are_no_finding(capsys, tmp_path):
    generator = np.random.default_rng(0)
    frames = generator.integers(2, size=(2_000, L))  # of a table of two codes there are but 8 tuples
    own = np.stack([np.arange(K**2) // K, np.arange(K**2) % K], 1)
    for codes, num_codes in ((frames, 2), (own, K)):
        report = said(capsys, "--codes", kept(tmp_path, codes), "--level-axis", 1, "--num-codes", num_codes)
        assert "colliding-codes" not in {one["condition"] for level in report["levels"] for one in level["findings"]}


@pytest.mark.parametrize("share", [0.0, 0.03, 0.4])
def test_a_vector_that_is_much_of_the_latents_is_a_finding_and_usage_is_judged_without_it(share, capsys, tmp_path):
    z_e = latents(codebook())
    padding = int(share * len(z_e))
    z_e[:padding] = codebook()[0]
    (one,) = said(capsys, saved(tmp_path, codebook()), "--latents", kept(tmp_path, z_e))["codebooks"]
    found = [each for each in one["findings"] if each["condition"] == "padding-counted"]
    assert bool(found) is (share > 0.05)
    assert {each["condition"] for each in one["findings"]} <= {"padding-counted", "healthy"}
    for each in found:
        codes = np.square(z_e[padding:, None] - codebook()).sum(2).argmin(1)
        shares = np.bincount(codes, minlength=K) / len(codes)
        without = np.exp(-(shares * np.log(shares, where=shares > 0, out=np.zeros(K))).sum())
        assert each["severity"] == "warning"
        assert each["title"].startswith(
            f"40% of the latents are one vector, as padding or silence is: without it the perplexity is {without:.3g}"
        )
    assert z_e.shape[1] == D
