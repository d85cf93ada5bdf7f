"""Moving averages beside a codebook, kept as public code keeps them: soundly, and with its two known faults."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from vector_quantize_pytorch import VectorQuantize

from vqcore.diagnostics.diagnosis import diagnose
from vqcore.diagnostics.evidence import AverageEvidence, Evidence, TrainingEvidence, UsageEvidence
from vqcore.diagnostics.finding import Finding
from vqcore.doctor.examination import Request, examine

K, D, DECAY, EPSILON = 256, 8, 0.99, 1e-5


class Average:
    """A codebook of EMA sums and counts, of 2,048 vectors a step from 64 clusters."""

    def __init__(self, seed: int, *, sums_are_centres: bool) -> None:
        self.generator = np.random.default_rng(seed)
        self.centres = 3 * self.generator.standard_normal((64, D))
        vectors = self.batch()
        self.codebook = vectors[self.generator.choice(len(vectors), K, replace=False)]
        self.counts = np.bincount(self.codes(vectors), minlength=K).astype(float)
        self.sums = self.codebook * (1 if sums_are_centres else self.counts[:, None])

    def batch(self) -> np.ndarray:
        return self.centres[self.generator.integers(64, size=2_048)] + 0.5 * self.generator.standard_normal(
            (2_048, D)
        )

    def codes(self, vectors: np.ndarray) -> np.ndarray:
        return (np.square(self.codebook).sum(1) - 2 * vectors @ self.codebook.T).argmin(1)

    def step(self) -> "Average":
        vectors = self.batch()
        codes = self.codes(vectors)
        sums = np.zeros((K, D))
        np.add.at(sums, codes, vectors)
        self._average(np.bincount(codes, minlength=K), sums)
        return self

    def forget(self, dead: int, steps: int) -> "Average":
        """Let the first codes go unused for as many steps, whatever else happens."""
        self.counts[:dead] *= DECAY**steps
        self.sums[:dead] *= DECAY**steps
        self._average(self.counts, self.sums)
        return self

    def _average(self, counts: np.ndarray, sums: np.ndarray) -> None:
        self.counts = DECAY * self.counts + (1 - DECAY) * counts
        self.sums = DECAY * self.sums + (1 - DECAY) * sums
        total = self.counts.sum()
        smoothed = (self.counts + EPSILON) / (total + K * EPSILON) * total
        self.codebook = self.sums / smoothed[:, None]

    def evidence(self, **training: object) -> Evidence:
        """As a file holds it."""
        return Evidence(
            codebook=self.codebook.astype(np.float32),
            usage=UsageEvidence(self.counts, 5 * self.counts.sum(), "in the file", 0.01 * self.counts.mean()),
            averages=AverageEvidence(self.counts, self.sums.astype(np.float32)),
            training=TrainingEvidence(**training),  # type: ignore[arg-type]
        )


def bookkeeping(one: Evidence) -> Finding | None:
    return next((finding for finding in diagnose(one) if finding.condition == "ema-bookkeeping"), None)


@pytest.mark.parametrize("seed", range(5))
def test_sums_that_are_not_counts_times_vectors_are_named_before_the_update_that_shrinks_and_by_the_next_file(seed):
    average = Average(seed, sums_are_centres=True)
    found = diagnose(average.evidence())
    assert (found[0].condition, found[0].severity) == ("ema-bookkeeping", "severe")
    assert "not counts × vectors" in found[0].title
    before = average.codebook.astype(np.float32)
    average.step()
    bare = replace(average.evidence(steps=1, unit="checkpoint", initial_codebook=before))
    bare = replace(bare, averages=AverageEvidence(np.full(K, 8.0)))
    shrank = bookkeeping(bare)
    assert shrank is not None
    assert "within 1 checkpoint" in shrank.title


@pytest.mark.parametrize("seed", range(5))
def test_sound_averages_are_silent_at_every_step(seed):
    average = Average(seed, sums_are_centres=False)
    before = average.codebook.astype(np.float32)
    for _ in range(4):
        assert bookkeeping(average.evidence(steps=1, initial_codebook=before)) is None
        average.step()
    average.sums[:40], average.counts[:40] = 2 * average.batch()[:40], 2.0  # a replacement that mends all three
    assert bookkeeping(average.step().evidence()) is None


@pytest.mark.parametrize(("dead", "severity"), [(199, "severe"), (40, "warning")])
def test_dead_rows_that_shrank_are_that_and_no_copies_of_one_another(dead, severity):
    for seed in range(5):
        average = Average(seed, sums_are_centres=False).forget(dead, 2_000)
        found = diagnose(average.evidence())
        assert (found[0].condition, found[0].severity) == ("ema-bookkeeping", severity)
        assert f"{dead} of 256 codes are dead rows that shrank" in found[0].title
        assert found[0].numbers[2].value == K  # nothing was revived since
        assert "duplicate-codes" not in {one.condition for one in found}


def test_an_untouched_layer_whose_unused_rows_shrank_is_severe_only_where_latents_show_harm(tmp_path):
    """Its defaults replace nothing, which is nothing to stop a pipeline by where fewer codes do as well."""
    torch.manual_seed(0)
    layer = VectorQuantize(dim=D, codebook_size=K).train()
    centres = 3 * torch.randn(16, D)

    def batch() -> torch.Tensor:
        return centres[torch.randint(16, (4_096,))] + 0.02 * torch.randn(4_096, D)

    for _ in range(150):
        layer(batch())
    torch.save(layer.state_dict(), tmp_path / "model.pt")
    np.save(tmp_path / "z_e.npy", batch().numpy())
    alone = diagnosed(tmp_path / "model.pt")
    beside = diagnosed(tmp_path / "model.pt", tmp_path / "z_e.npy")
    assert [one.severity for one in (alone, beside)] == ["severe", "warning"]
    for one in (alone, beside):
        assert one.condition == "ema-bookkeeping"
        assert "Either nothing replaces unused codes" in one.cause
        assert "threshold_ema_dead_code" in one.remedies[0].vector_quantize_pytorch


def diagnosed(path: Path, latents: Path | None = None) -> Finding:
    return examine(Request(path=path, latents=latents)).examined[0].verdict


def test_a_start_drawn_at_random_may_shrink_onto_small_latents():
    average = Average(0, sums_are_centres=False)
    drawn = np.random.default_rng(0).standard_normal((K, D)).astype(np.float32)
    average.codebook, average.sums = 0.1 * average.codebook, 0.1 * average.sums
    assert bookkeeping(average.evidence(steps=1, initial_codebook=drawn)) is None


def test_codes_that_are_the_means_of_counted_vectors_were_trained_whatever_they_look_like():
    generator = np.random.default_rng(0)
    codebook, counts = generator.standard_normal((K, D)), generator.integers(20, 200, K).astype(float)
    smoothed = (counts + EPSILON) / (counts.sum() + K * EPSILON) * counts.sum()
    for sums, expected in ((codebook * smoothed[:, None], False), (codebook * counts.mean(), True)):
        one = Evidence(codebook=codebook, averages=AverageEvidence(counts, sums))
        assert any(found.condition == "never-trained" for found in diagnose(one)) is expected


def test_a_threshold_that_no_batch_can_satisfy_says_how_many_codes_it_can_keep():
    counts = np.random.default_rng(0).poisson(1_200 / 4_096, 4_096).astype(float)
    codebook = 3 * np.random.default_rng(1).standard_normal((4_096, 4)).astype(np.float32)
    kept = int(counts.sum() / 2)

    def found(threshold: float | None, scale: float = 1) -> dict[str, Finding]:
        training = TrainingEvidence(threshold=threshold)
        one = Evidence(codebook=codebook, averages=AverageEvidence(scale * counts), training=training)
        return {finding.condition: finding for finding in diagnose(one)}

    (said,) = [finding for name, finding in found(2).items() if name == "unreachable-threshold"]
    assert said.severity == "severe"
    assert f"at most {kept:,} of 4,096 codes" in said.title
    assert said.numbers[1].value == pytest.approx((counts < 2).mean())
    for sound in (found(None), found(0.1), found(2, scale=10)):
        assert "unreachable-threshold" not in sound


def test_a_file_says_the_same_with_few_latents_as_without_any_and_is_told_its_threshold(tmp_path):
    average = Average(0, sums_are_centres=False).forget(199, 2_000)
    average.counts[199:] *= 4  # as if all vectors of a step came to the codes in use
    average.sums[199:] *= 4
    values = {
        "inited": np.ones(1),
        "cluster_size": average.counts,
        "embed": average.codebook,
        "embed_avg": average.sums,
    }
    path = tmp_path / "model.pt"
    torch.save(
        {f"quantizer.vq.layers.0._codebook.{name}": torch.tensor(one).float() for name, one in values.items()}, path
    )
    np.save(tmp_path / "few.npy", average.batch().astype(np.float32))
    for latents in (None, tmp_path / "few.npy"):
        (one,) = examine(Request(path=path, latents=latents, threshold=20)).examined
        assert (one.verdict.condition, one.verdict.severity) == ("ema-bookkeeping", "severe")
        assert "unreachable-threshold" in {finding.condition for finding in one.findings}
        assert "not-enough-data" not in {finding.condition for finding in one.findings}
    named = {number.name for finding in one.findings for number in finding.numbers}
    assert "used at least once by the given latents" in named
    assert any("moving average" in name for name in named)


@pytest.mark.parametrize("options", [{}, {"use_cosine_sim": True}, {"threshold_ema_dead_code": 2}])
def test_an_average_that_an_optimizer_works_against_is_named_and_one_alone_never(options, tmp_path):
    torch.manual_seed(0)
    layer = VectorQuantize(dim=D, codebook_size=64, kmeans_init=True, decay=0.9, **options)
    centres = 3 * torch.randn(64, D)
    for _ in range(20):
        layer(centres[torch.randint(64, (1, 1024))] + 0.3 * torch.randn(1, 1024, D))
    said = [examined(layer, tmp_path)]
    with torch.no_grad():
        layer._codebook.embed += 0.02 * torch.randn_like(layer._codebook.embed)
    said.append(examined(layer, tmp_path))
    assert ["Two hands" in " ".join(titles) for titles in said] == [False, True], said


def examined(layer: torch.nn.Module, folder: Path) -> list[str]:
    torch.save(layer.state_dict(), folder / "layer.pt")
    (one,) = examine(Request(path=folder / "layer.pt")).examined
    return [finding.title for finding in one.findings]
