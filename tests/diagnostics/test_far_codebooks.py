"""Scale, place and shape are told apart from dead codes, whatever the unused codes do."""

import numpy as np
import pytest
from test_harm import measured

from vqcore.diagnostics.diagnosis import diagnose
from vqcore.diagnostics.finding import Finding
from vqcore.diagnostics.latent_findings import fit_of

Pair = tuple[np.ndarray, np.ndarray]


def mixture(seed: int, dim: int = 16) -> Pair:
    """A codebook of a trained look, and latents around the same 16 centres."""
    generator = np.random.default_rng(seed)
    centres = 2.5 * generator.standard_normal((16, dim))
    codebook = centres[np.arange(128) % 16] + 0.35 * generator.standard_normal((128, dim))
    return codebook, centres[generator.integers(16, size=3000)] + 0.35 * generator.standard_normal((3000, dim))


def verdict(codebook: np.ndarray, z_e: np.ndarray) -> Finding:
    return diagnose(measured(codebook, z_e))[0]


@pytest.mark.parametrize("dim", [4, 16, 64])
@pytest.mark.parametrize("factor", [1.7, 10, 0.4])
def test_latents_of_another_scale_are_called_that_before_the_codes_are_called_dead(dim, factor):
    for seed in range(1):
        codebook, z_e = mixture(seed, dim)
        found = verdict(codebook, factor * z_e)
        assert (found.condition, found.severity) == ("codebook-far", "severe")
        assert "in scale" in found.title
        assert "in location" not in found.title


@pytest.mark.parametrize(("dim", "factor"), [(3, 10), (16, 10), (64, 30)])
def test_a_codebook_that_is_too_small_is_so_at_any_error_of_gaussian_latents(dim, factor):
    for seed in range(1):
        z_e = np.random.default_rng(seed).standard_normal((3000, dim)) @ np.diag(np.linspace(0.5, 1.5, dim))
        assert verdict(z_e[:128] / factor, z_e).condition == "codebook-far"


def test_latents_elsewhere_are_called_far_in_location_at_an_error_below_the_variance():
    for seed in range(1):
        codebook, z_e = mixture(seed)
        offset = 0.5 * np.sqrt(z_e.var(0).sum() / z_e.shape[1])
        found = verdict(codebook, z_e + offset)
        assert found.condition == "codebook-far"
        assert "in location:" in found.title


def test_the_codebook_of_another_model_is_far_in_shape():
    for seed in range(2):
        codebook, _ = mixture(seed + 100)
        found = verdict(codebook, mixture(seed)[1])
        assert found.condition == "codebook-far"
        assert "in shape" in found.title or "in scale" in found.title


@pytest.mark.parametrize("dim", [4, 16, 64])
def test_sound_codebooks_stay_silent_and_so_do_collapsed_ones_whose_used_codes_fit(dim):
    for seed in range(1):
        codebook, z_e = mixture(seed, dim)
        far_codes = np.full((100, dim), 100.0) + np.random.default_rng(seed).standard_normal((100, dim))
        gaussian = np.random.default_rng(seed).standard_normal((3000, dim)) + 5
        for sound in ((codebook, z_e), (codebook, 1.1 * z_e), (gaussian[:128], gaussian)):
            far = [one.severity for one in diagnose(measured(*sound)) if one.condition == "codebook-far"]
            assert "severe" not in far  # no k-means would halve the error of a draw from the latents
            assert far == [] or (dim == 64 and sound[0] is not codebook)  # though here the mean alone does better
        few = np.stack([z_e[::2].mean(0), z_e[z_e[:, 0] > z_e[:, 0].mean()].mean(0)])
        found = diagnose(measured(np.concatenate([few[1:], few[:1] - (few[1] - few[0]), far_codes]), z_e))
        assert found[0].condition in ("index-collapse", "dead-codes-far")


def test_the_ratio_of_lengths_and_the_regression_are_those_of_numpy():
    codebook, z_e = mixture(0)
    seen = measured(codebook, 3 * z_e + 1).latents
    assert seen is not None
    assert seen.looked_up is not None
    vectors = (3 * z_e + 1).astype(np.float32)
    z_q = codebook.astype(np.float32)[np.square(vectors[:, None] - codebook).sum(2).argmin(1)].astype(np.float64)
    assert seen.length_ratio == pytest.approx(np.sqrt(np.square(z_q).sum() / np.square(vectors).sum()), rel=1e-4)
    p, q = vectors - vectors.mean(0), z_q - z_q.mean(0)
    slope = (p * q).sum() / (q * q).sum()
    fit = fit_of(seen, seen.looked_up)
    assert fit is not None
    assert fit.slope == pytest.approx(slope, rel=1e-3)
    assert fit.placed * seen.error == pytest.approx(np.square(p - q).sum(1).mean(), rel=1e-3)
    assert fit.scaled * seen.error == pytest.approx(np.square(p - slope * q).sum(1).mean(), rel=1e-3)
