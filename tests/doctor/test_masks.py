"""`--mask`: what is padding is as if it were not there."""

import numpy as np
import pytest
import torch
from doctor_files import D, K, codebook, kept, latents, saved
from test_doctor_command import refused, said

INPUTS, TIMES, LEVELS = 40, 100, 3


@pytest.fixture
def mask() -> np.ndarray:
    """(INPUTS, TIMES), false from a place in each input on."""
    return np.arange(TIMES) < np.random.default_rng(2).integers(20, TIMES, size=(INPUTS, 1))


@pytest.mark.parametrize("kind", [bool, np.int64, np.float32])
def test_latents_of_padding_change_no_number(kind, mask, capsys, tmp_path):
    z_e = latents(codebook(), count=mask.size).reshape(*mask.shape, D)
    padded = np.where(mask[..., None], z_e, np.float32("nan")).swapaxes(1, 2)  # (inputs, D, times)
    path = saved(tmp_path, codebook())
    words = ["--latents", kept(tmp_path, padded), "--mask", kept(tmp_path, mask[:, None].astype(kind), "mask.npy")]
    alone = said(capsys, path, "--latents", kept(tmp_path, z_e[mask], "alone.npy"), "--what-if")
    assert said(capsys, path, *words, "--what-if") == alone


def test_codes_of_padding_are_not_counted(mask, capsys, tmp_path):
    codes = np.random.default_rng(3).integers(K, size=(*mask.shape, LEVELS))
    padded = np.where(mask[..., None], codes, -1)
    state = {f"quantizer.layers.{at}.embedding.weight": torch.from_numpy(codebook(at)) for at in range(LEVELS)}
    torch.save(state, tmp_path / "levels.pt")
    words = ["--codes", kept(tmp_path, padded), "--mask", kept(tmp_path, mask, "mask.npy"), "--level-axis", 2]
    beside = said(capsys, tmp_path / "levels.pt", *words)["codebooks"]
    alone = said(capsys, *words, "--num-codes", K)["levels"]
    for level in range(LEVELS):
        counts = np.bincount(codes[mask][:, level], minlength=K)
        shares = counts[counts > 0] / counts.sum()
        for one in (beside[level], alone[level]):
            assert one["usage"]["num_vectors"] == mask.sum()
            assert one["usage"]["perplexity"] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))


def test_items_that_are_masked_do_not_collide(capsys, tmp_path):
    items = np.arange(2_000)
    codes = np.stack([items % K, items // K, items % K], 1)  # tuples of their own
    codes[1_000:] = codes[0]
    mask = kept(tmp_path, np.arange(2_000) < 1_000, "mask.npy")
    words = ["--codes", kept(tmp_path, codes), "--num-codes", K, "--level-axis", 1]
    colliding, masked = said(capsys, *words), said(capsys, *words, "--mask", mask)
    assert "colliding-codes" in {one["condition"] for one in colliding["levels"][0]["findings"]}
    assert "colliding-codes" not in {one["condition"] for one in masked["levels"][0]["findings"]}


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (np.ones(9), "must have shape (400,), a 0 or 1 for each vector, but has (9,). Give the mask"),
        (np.full(400, 2), "must be 1 (or true) for data and 0 for padding"),
        (np.zeros(400), "must be 1 (or true) for data and 0 for padding"),
    ],
)
def test_a_mask_that_is_none_is_a_sentence(mask, sentence, capsys, tmp_path):
    words = [saved(tmp_path, codebook()), "--mask", kept(tmp_path, mask, "mask.npy")]
    assert sentence in refused(capsys, *words, "--latents", kept(tmp_path, latents(codebook(), count=400)))
    assert "`--mask` says which latents or codes count" in refused(capsys, *words)
