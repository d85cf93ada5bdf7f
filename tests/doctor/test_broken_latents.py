"""NaN among the latents, and NaN that has become code 0."""

import numpy as np
import pytest
import torch

from vqcore.doctor.examination import Request, examine

K, D = 128, 8


@pytest.fixture
def files(tmp_path):
    """A checkpoint of a trained look, and latents around its codes."""
    generator = np.random.default_rng(0)
    centres = 2.5 * generator.standard_normal((16, D)).repeat(K // 16, 0) + 0.7 * generator.standard_normal((K, D))
    torch.save({"quantize.embedding.weight": torch.from_numpy(centres.astype(np.float32))}, tmp_path / "model.pt")
    vectors = centres[generator.integers(K, size=5000)] + 0.2 * generator.standard_normal((5000, D))
    return tmp_path, vectors.astype(np.float32)


def verdicts(folder, **given):
    (one,) = examine(Request(path=folder / "model.pt", **given)).examined
    return one


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_some_broken_latents_are_counted_and_the_rest_is_judged(files, value):
    folder, vectors = files
    np.save(folder / "sound.npy", vectors)
    rows = np.random.default_rng(1).choice(np.arange(7, len(vectors)), 150, replace=False)
    broken = vectors.copy()
    broken[rows, 3] = value
    np.save(folder / "broken.npy", broken)
    np.save(folder / "rest.npy", np.delete(vectors, rows, 0))
    one, rest = verdicts(folder, latents=folder / "broken.npy"), verdicts(folder, latents=folder / "rest.npy")
    first, *others = one.findings
    assert (
        first.title == f"150 of 5,000 latents hold NaN or infinity; the first is number {rows.min()}, counted from 0."
    )
    assert rest.verdict.condition == "healthy"
    assert {found.severity for found in others} <= {"note"}
    assert one.evidence.usage.counts.tolist() == rest.evidence.usage.counts.tolist()
    assert one.evidence.latents.relative_error == pytest.approx(rest.evidence.latents.relative_error)


@pytest.mark.parametrize("others", [0, 12])
def test_codes_that_are_all_0_are_most_likely_nan(files, others):
    folder, _ = files
    codes = np.zeros(41_870, np.int64)
    codes[5 : 5 + others] = np.arange(1, others + 1)
    np.save(folder / "codes.npy", codes)
    one = verdicts(folder, codes=folder / "codes.npy")
    assert (one.verdict.condition, one.verdict.severity) == ("broken-numbers", "severe")
    assert "most likely the latents hold NaN or infinity" in one.verdict.title
    for sound in (np.full(41_870, 5), codes[:100], np.append(codes, np.full(500, 3))):
        np.save(folder / "codes.npy", sound)
        assert verdicts(folder, codes=folder / "codes.npy").verdict.condition != "broken-numbers"
