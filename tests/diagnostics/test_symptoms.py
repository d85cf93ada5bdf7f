"""Symptoms that people have reported, brought about, and the cause that the diagnosis must name for each.

The numbers are those of the practitioners' table in the project's facts; threads are named where the report stands.
"""

import numpy as np
import pytest
import torch
from evidence_building import around, counted, evidence, sound_codebook
from vector_quantize_pytorch import VectorQuantize

from vqcore.diagnostics.diagnosis import diagnose
from vqcore.diagnostics.evidence import TrainingEvidence, UsageEvidence
from vqcore.doctor.examination import Request, examine
from vqcore.gallery.making import SOUND, trained


@pytest.fixture
def generator():
    return np.random.default_rng(5)


def test_1_half_of_the_codes_in_one_batch_and_all_of_them_in_an_epoch(generator):
    """VectorizedVAE #3: 240 of 512 codes in a batch of a model that uses them all."""
    epoch = generator.integers(512, size=20_000)
    batch = np.bincount(epoch[:325], minlength=512)
    assert 220 < np.count_nonzero(batch) < 260
    found = diagnose(counted(batch))
    assert found[0].condition == "not-enough-data"
    assert len(found) == 1
    assert diagnose(counted(np.bincount(epoch, minlength=512)))[0].condition == "healthy"


def test_2_utilisation_that_grows_with_the_length_of_the_recording(generator):
    """Codecscope: 0.04 on 8 seconds, 0.29 on 2 minutes, of the same sound model."""
    tokens = generator.integers(16_384, size=5_700)
    for length, share in ((650, 0.04), (5_700, 0.29)):
        counts = np.bincount(tokens[:length], minlength=16_384)
        assert np.count_nonzero(counts) / 16_384 == pytest.approx(share, abs=0.01)
        found = diagnose(counted(counts))
        assert [one.condition for one in found] == ["not-enough-data"]


def test_3_the_quantization_loss_drops_to_0_with_few_codes_left(generator):
    """SEED-Voken #51: the encoder has collapsed onto a few codes."""
    codebook = sound_codebook(generator)
    z_e = codebook[generator.integers(3, size=6_400)]
    found = diagnose(evidence(codebook, z_e))
    assert evidence(codebook, z_e).latents.error == 0
    assert found[0].condition == "embedding-collapse"
    assert "index-collapse" in {one.condition for one in found}


def test_5_usage_goes_to_0_where_the_reconstruction_is_a_mean_and_the_commitment_is_not():
    """RQ-VAE-Recommender #65: against a loss averaged over 768 features, β weighs 768 times as much."""
    found = diagnose(trained("digits", 150, 0, alpha=768.0, beta=0.1))
    assert found[0].condition == "commitment-too-strong"
    assert "index-collapse" in {one.condition for one in found}
    assert any("sum" in remedy.what for remedy in found[0].remedies)


def test_6_one_class_is_left_late_in_training_while_the_loss_is_flat(generator):
    """RQ-VAE-Recommender #15: K = 64, one code by step 400,000."""
    counts = np.zeros(64, dtype=int)
    counts[17] = 5_000
    assert diagnose(counted(counts))[0].condition == "index-collapse"


def test_7_the_commitment_loss_grows_without_bound():
    """vector-quantize-pytorch #27: the encoder's scale drifts away from the codes."""
    drifting = trained("plane", 300, 0, beta=1.0, code_init="kmeans")
    history = drifting.training.history
    assert history is not None
    loss = history.losses["commitment_loss"]
    assert loss[-50:].mean() > 3 * loss[50:100].mean()
    assert diagnose(drifting)[0].condition == "commitment-too-weak"


def test_8_reconstruction_improves_and_the_codebook_never_moves():
    """Olaf-World #8: its loss was computed on the straight-through output."""
    stuck = trained("digits", 60, 0, beta=0.0)
    history = stuck.training.history
    assert history is not None
    assert history.losses["task_loss"][-5:].mean() < history.losses["task_loss"][:5].mean()
    assert diagnose(stuck)[0].condition == "no-gradient"


def test_9_all_codes_are_zero_after_loading(tmp_path):
    """vector-quantize-pytorch #102: evaluated before the first training forward."""
    layer = VectorQuantize(dim=8, codebook_size=64, kmeans_init=True)
    torch.save(layer.state_dict(), tmp_path / "model.pt")
    (one,) = examine(Request(path=tmp_path / "model.pt")).examined
    assert not one.evidence.codebook.any()
    assert one.verdict.condition == "initialization-pending"


def test_10_a_fine_tune_blurs_within_a_few_hundred_steps(generator):
    """VideoGPT #8: the codebook was initialized again on resuming, beside a trained encoder."""
    z_e = around(sound_codebook(generator), generator)
    fresh = generator.standard_normal((128, z_e.shape[1])).astype(np.float32)
    found = diagnose(evidence(fresh, z_e))
    assert found[0].condition == "never-trained"


def test_11_half_of_the_codes_in_bfloat16_and_all_in_float32(generator):
    """vector-quantize-pytorch #114: neighbouring codes round to the same numbers."""
    codebook = (64 + 0.2 * generator.standard_normal((64, 8))).astype(np.float32)
    z_e = (codebook[generator.integers(64, size=6_400)] + 0.01 * generator.standard_normal((6_400, 8))).astype(
        np.float32
    )
    rounded = torch.from_numpy(codebook).bfloat16().float().numpy()
    whole, half = evidence(codebook, z_e), evidence(rounded, z_e)
    assert np.count_nonzero(whole.usage.counts) == 64
    assert np.count_nonzero(half.usage.counts) < 64
    assert diagnose(half)[0].condition == "broken-numbers"
    assert "broken-numbers" not in {one.condition for one in diagnose(whole)}


def test_16_dead_codes_without_revival_and_none_with_it():
    """vector-quantize-pytorch #205: 40 to 90% dead where revival is off, as it is by default."""
    off = diagnose(trained("plane", 150, 0))
    dead = next(one for one in off if one.condition == "dead-codes-far")
    assert 0.4 <= dead.numbers[0].value / 32 <= 0.9
    assert ("replace_every=20",) in {remedy.ours for remedy in dead.remedies}
    assert "dead-codes-far" not in {one.condition for one in diagnose(trained("plane", 150, 0, **SOUND))}


def test_17_a_large_unstable_loss_with_revival_on():
    """CVQ-VAE #3: a threshold above the expected count N/K recycles healthy codes."""
    recycled = trained("digits", 60, 0, code_init="kmeans", replace_every=1, batch_size=4)
    assert diagnose(recycled)[0].condition == "recycling-replacement"


def test_24_half_of_the_codes_are_unused_where_the_data_are_too_few(generator):
    """Unilm #936: data or latents too small for K."""
    codebook = sound_codebook(generator)
    few = around(codebook, generator, 40)
    z_e = few[generator.integers(40, size=6_400)]
    one = evidence(codebook, z_e)
    assert np.count_nonzero(one.usage.counts) < 40
    assert diagnose(one)[0].condition == "oversized-codebook"


def test_32_unused_codes_have_clearly_different_norms(generator):
    """Taming-transformers #67: rows that were never updated."""
    codebook = sound_codebook(generator)
    z_e = around(codebook, generator)
    codebook[::4] *= 8
    one = evidence(codebook, z_e, training=TrainingEvidence())
    found = {finding.condition: finding for finding in diagnose(one)}
    assert found["dead-codes-far"].severity == "warning"
    unseen = UsageEvidence(one.usage.counts, None, "unknown")
    assert diagnose(evidence(codebook, usage=unseen))[0].condition == "not-enough-data"
