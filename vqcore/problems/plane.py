"""The smallest problem: points of the plane, a codebook in the plane, a quadratic loss."""

import torch
from torch import Tensor, nn

from vqcore.problems.datasets import clusters
from vqcore.problems.problem import Model, Problem
from vqcore.quantizer.options import Options

CURVATURE = (1.0, 10.0)
"""Curvature of the loss along each axis; unequal, so that plain descent is slow along the first."""


def quadratic(output: Tensor, targets: Tensor) -> Tensor:
    """½·Σᵢ hᵢ·(outputᵢ − targetᵢ)² averaged over points, with h the curvature. Both (B, 2).

    >>> quadratic(torch.tensor([[1.0, 1.0]]), torch.tensor([[0.0, 0.0]])).item()
    5.5
    """
    curvature = torch.tensor(CURVATURE, device=output.device)
    return 0.5 * ((output - targets).square() * curvature).sum(1).mean()


def _build() -> Model:
    encoder = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 2))
    return Model(encoder, nn.Identity(), channels_first=False)


PLANE = Problem(
    name="plane",
    title="points in the plane",
    about="Points around eight centres, encoded into the plane; the quantized points should equal the inputs.",
    task="plane",
    loss_name="quadratic loss, curvature 1 and 10",
    dim=2,
    num_codes=32,
    batch_size=256,
    options=Options(alpha=1.0, beta=0.9, learning_rate=3e-3),
    load=clusters,
    build=_build,
    loss=quadratic,
    monitor_size=1024,
    classes=tuple(f"{45 * place}°" for place in range(8)),
)
