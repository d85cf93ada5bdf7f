"""A small vision transformer, with the quantizer after one of its blocks."""

# B images, T tokens in a square grid, D features

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqcore.models.architecture import Architecture, Shape
from vqcore.problems.problem import Model

BLOCKS = 6
HEAD = 32
"""Features of one attention head."""

GRID = 8
"""Tokens along each edge of an image, as far as its size allows."""

PLACES = tuple(f"block{number}" for number in range(1, BLOCKS + 1))


def patch_size(size: int) -> int:
    """Pixels along the edge of a patch: a power of two that gives about `GRID` patches along the image.

    >>> patch_size(32), patch_size(128), patch_size(28)
    (4, 16, 4)
    """
    return int(2 ** max(0, round(math.log2(size / GRID))))


class Patches(nn.Module):
    """Images to tokens (B, h, w, D): one linear map of each patch, and a learned vector for its place."""

    def __init__(self, channels: int, dim: int, size: int) -> None:
        super().__init__()
        patch = patch_size(size)
        self.embed = nn.Conv2d(channels, dim, patch, stride=patch)
        self.places = nn.Parameter(0.02 * torch.randn(size // patch, size // patch, dim))

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, S, S) to (B, h, w, D)."""
        tokens: Tensor = self.embed(images).movedim(1, -1) + self.places
        return tokens


class Block(nn.Module):
    """Attention and a perceptron, each around a norm (Dosovitskiy et al., arXiv 2010.11929)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.before_attention, self.before_mlp = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attend_from, self.attend_to = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, h, w, D) to the same shape."""
        tokens = tokens + self._attended(self.before_attention(tokens))
        out: Tensor = tokens + self.mlp(self.before_mlp(tokens))
        return out

    def _attended(self, tokens: Tensor) -> Tensor:
        batch, _, _, dim = tokens.shape
        heads = self.attend_from(tokens).view(batch, -1, 3, dim // HEAD, HEAD).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(*heads)  # (B, heads, T, HEAD)
        out: Tensor = self.attend_to(seen.transpose(1, 2).reshape(tokens.shape))
        return out


class Head(nn.Module):
    """The class scores of the mean token."""

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        self.norm, self.scores = nn.LayerNorm(dim), nn.Linear(dim, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, h, w, D) to (B, classes)."""
        scores: Tensor = self.scores(self.norm(tokens).flatten(1, 2).mean(1))
        return scores


def _build(shape: Shape) -> Model:
    blocks = [Block(shape.width) for _ in range(BLOCKS)]
    cut = 1 + PLACES.index(shape.place)
    encoder = nn.Sequential(Patches(shape.channels, shape.width, shape.size), *blocks[:cut])
    return Model(encoder, nn.Sequential(*blocks[cut:], Head(shape.width, shape.classes)), channels_first=False)


VIT = Architecture(
    width=192,
    width_step=HEAD,
    size=32,
    place="block3",
    places=PLACES,
    size_step=patch_size,
    dim=lambda width, _: width,
    build=_build,
)
