"""Uneven use is a fault only where another codebook of the same size would serve the latents better."""

import numpy as np
import pytest
from evidence_building import evidence

from vqcore.diagnostics.diagnosis import diagnose
from vqcore.diagnostics.evidence import Evidence
from vqcore.doctor.attainable import with_attainable
from vqcore.quantizer.kmeans import kmeans_codebook


def measured(codebook: np.ndarray, z_e: np.ndarray) -> Evidence:
    """As the doctor sees these latents; k-means sees the first 8,192 at most."""
    seen = evidence(codebook.astype(np.float32), z_e.astype(np.float32))
    assert seen.latents is not None
    latents = with_attainable(seen.latents, seen.num_codes, cosine=False)
    return Evidence(codebook=seen.codebook, latents=latents, usage=seen.usage)


def said(one: Evidence) -> dict[str, str]:
    return {finding.condition: finding.severity for finding in diagnose(one)}


def zipf(generator: np.random.Generator, exponent: float, noise: float, codes: int = 256) -> tuple[np.ndarray, ...]:
    """Clusters of a trained look, visited by a power law, and a codebook of their centres."""
    centres = generator.standard_normal((codes // 4, 8)).repeat(4, 0) * 2.5 + 0.7 * generator.standard_normal(
        (codes, 8)
    )
    share = np.arange(1, codes + 1) ** -exponent
    visited = generator.choice(codes, 6000, p=share / share.sum())
    return centres, centres[visited] + noise * generator.standard_normal((6000, 8))


@pytest.mark.parametrize("exponent", [1.3, 1.6])
@pytest.mark.parametrize("noise", [0.15, 0.35])
def test_zipf_like_use_of_codes_that_are_near_their_data_is_healthy_with_a_note(exponent, noise):
    for seed in range(3):
        one = measured(*zipf(np.random.default_rng(seed), exponent, noise))
        assert one.latents is not None
        found = diagnose(one)
        assert found[0].condition == "healthy", found[0].title
        assert said(one)["index-collapse"] == "note"
        assert {finding.severity for finding in found} == {"healthy", "note"}


def test_the_same_uneven_use_is_severe_where_kmeans_would_halve_the_error():
    for seed in range(3):
        generator = np.random.default_rng(seed)
        centres, _ = zipf(generator, 1.3, 0.3)
        z_e = centres[generator.integers(256, size=6000)] + 0.3 * generator.standard_normal((6000, 8))
        few = kmeans_codebook(z_e.astype(np.float32), 8, seed=seed)
        far = 100 + generator.standard_normal((248, 8)) ** 3
        one = measured(np.concatenate([few, far]), z_e)
        assert said(one)["index-collapse"] == "severe"
        assert one.latents is not None
        assert one.latents.attainable is not None
        assert one.latents.error > 2 * one.latents.attainable.error


def test_what_kmeans_attains_is_about_what_that_of_scikit_learn_does_on_other_latents():
    generator = np.random.default_rng(1)
    _, z_e = zipf(generator, 0.5, 0.6)
    one = measured(z_e[:64], z_e)
    assert one.latents is not None
    assert one.latents.attainable is not None
    assert one.latents.attainable.num_codes == 64
    fitted = kmeans_codebook(z_e[::2].astype(np.float32), 64, seed=0)
    theirs = np.square(z_e[1::2, None] - fitted).sum(2).min(1).mean()
    assert 0.95 * theirs < one.latents.attainable.error < 1.2 * theirs


def test_codes_drawn_from_whitened_latents_are_not_taken_for_an_initialization():
    for seed in range(5):
        generator = np.random.default_rng(seed)
        z_e = generator.standard_normal((6000, 8))
        assert said(measured(z_e[:256], z_e)) == {"healthy": "healthy"}
        assert said(measured(generator.standard_normal((256, 8)), 4 * z_e + 2))["never-trained"] == "severe"


def test_a_codebook_far_smaller_than_latents_that_kmeans_cannot_fit_is_still_an_initialization():
    generator = np.random.default_rng(0)
    z_e = generator.standard_normal((2_000, 64))
    assert said(measured(generator.standard_normal((128, 64)) / 128, z_e))["never-trained"] == "severe"


def test_fewer_codes_than_the_codebook_has_prove_harm_but_never_its_absence():
    generator = np.random.default_rng(0)
    z_e = generator.standard_normal((400, 2))
    fine = measured(z_e[:128], z_e)
    assert fine.latents is not None
    assert fine.latents.attainable is not None
    assert fine.latents.attainable.num_codes == 50
    assert "never-trained" in said(measured(generator.standard_normal((300, 2)), z_e))
