"""The paper's autoencoder: the ResNet encoder and decoder of SQ-VAE, with the quantizer between them."""

import math
from itertools import pairwise

from torch import Tensor, nn

from vqcore.models.architecture import Architecture, Shape
from vqcore.problems.problem import Model

GRID = 8
"""Latents along each edge of an image at published sizes: 32 px are divided by 4, 128 px by 16."""

BLOCKS = 2


def halvings(size: int) -> int:
    """How often an image is halved: as often as brings it nearest to `GRID`, at least once.

    >>> halvings(32), halvings(64), halvings(128), halvings(28)
    (2, 3, 4, 2)
    """
    return max(1, round(math.log2(size / GRID)))


class Residual(nn.Module):
    """x + conv₁(relu(bn(conv₃(relu(x))))), as in SQ-VAE (Takida et al., arXiv 2205.07547)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        out: Tensor = x + self.block(x)
        return out


def _build(shape: Shape) -> Model:
    count, width = halvings(shape.size), shape.width
    widths = [shape.channels, *[width // 2] * (count > 1), *[width] * max(1, count - 1)]
    encoder: list[nn.Module] = [
        layer
        for before, after in pairwise(widths)
        for layer in (nn.Conv2d(before, after, 4, stride=2, padding=1), nn.BatchNorm2d(after), nn.ReLU())
    ]
    encoder += [nn.Conv2d(width, width, 3, padding=1), *[Residual(width) for _ in range(BLOCKS)]]
    decoder: list[nn.Module] = [nn.Conv2d(width, width, 3, padding=1), *[Residual(width) for _ in range(BLOCKS)]]
    for before, after in pairwise(reversed(widths)):
        decoder += [nn.ReLU(), nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)]
        decoder += [nn.BatchNorm2d(after)] if after != shape.channels else []
    return Model(nn.Sequential(*encoder), nn.Sequential(*decoder), channels_first=True)


VQVAE = Architecture(
    width=64,
    width_step=2,
    size=32,
    place="latent",
    places=("latent",),
    size_step=lambda size: 2 ** halvings(size),
    dim=lambda width, _: width,
    build=_build,
)
