"""A collapse in somebody else's layer is named soon after it begins, and a healthy training never sounds an alarm.

VQ_ALARM_SEEDS says over how many of the seeds from 100 on.
"""

import os

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from vector_quantize_pytorch import ResidualVQ, VectorQuantize

import vqcore
from vqcore.runs.course import moments
from vqcore.runs.reading import load_run

SEEDS = range(100, 100 + int(os.environ.get("VQ_ALARM_SEEDS", "1")))
POSITIONS, D, K = 4, 8, 64
EVERY, SOON = 50, 100
COLLAPSED = 0.1
"""Of K: perplexity below it is a collapse."""


class Autoencoder(nn.Module):
    """Digits through a few vectors each."""

    def __init__(self, quantize: nn.Module) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, POSITIONS * D))
        self.quantize = quantize
        self.decoder = nn.Sequential(nn.Linear(POSITIONS * D, 128), nn.GELU(), nn.Linear(128, 64))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z, codes, commit = self.quantize(self.encoder(x).view(-1, POSITIONS, D))
        return self.decoder(z.flatten(1)), codes, commit.sum()


def trained(model: Autoencoder, folder, steps: int, drifts_from: int | None = None) -> list[float]:
    """The perplexity of each step; from some step on, the embeddings drift away faster than the codes can follow."""
    digits = torch.tensor(load_digits().data, dtype=torch.float32) / 16
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    perplexities = []
    with vqcore.watch(model, every=EVERY, out=folder) as probe:
        for step in range(steps):
            if drifts_from is not None and step >= drifts_from:
                with torch.no_grad():
                    model.encoder[2].bias.add_(1.0)
            x = digits[torch.randint(len(digits), (256,))]
            y, codes, commit = model(x)
            loss = (y - x).square().mean() + commit
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            probe.step(step, loss=loss)
            if step % EVERY == 0:
                probe.flush()
            share = torch.bincount(codes.flatten(), minlength=K).double() / codes.numel()
            perplexities.append(float(torch.special.entr(share).sum().exp()))
    return perplexities


def severe(folder) -> list[tuple[int, str]]:
    """At which step each severe finding turned up."""
    return [
        (moment.step, finding.condition)
        for moment in moments(load_run(folder))
        for _, finding in moment.began
        if finding.severity == "severe"
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_collapse_is_named_soon_after_it_begins_and_not_before(seed, tmp_path):
    torch.manual_seed(seed)
    drifts_from = 151 + seed * 17 % 49
    layer = VectorQuantize(dim=D, codebook_size=K, decay=0.8, kmeans_init=True)
    perplexities = trained(Autoencoder(layer), tmp_path / "run", 301, drifts_from)
    began = next(step for step, value in enumerate(perplexities) if step >= 100 and value < COLLAPSED * K)
    assert began >= drifts_from
    named = [step for step, condition in severe(tmp_path / "run") if condition == "index-collapse"]
    assert 0 <= min(named) - began <= SOON


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("make", [VectorQuantize, lambda **options: ResidualVQ(num_quantizers=2, **options)])
def test_a_healthy_training_sounds_no_alarm(make, seed, tmp_path):
    torch.manual_seed(seed)
    layer = make(dim=D, codebook_size=K, decay=0.8, kmeans_init=True, threshold_ema_dead_code=2)
    perplexities = trained(Autoencoder(layer), tmp_path / "run", 151)
    assert min(perplexities[::EVERY]) > 0.3 * K
    assert severe(tmp_path / "run") == []


def test_a_codebook_that_nobody_has_trained_yet_is_no_finding(tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, D), VectorQuantize(dim=D, codebook_size=K))
    model[1]._codebook.embed.normal_()
    with vqcore.watch(model, every=1, out=tmp_path / "run", hooks=False) as probe:
        probe.step(0)
    assert severe(tmp_path / "run") == []
