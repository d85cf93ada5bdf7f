"""Layers of every structure with tensors drawn at random, for tests to look at."""

import itertools
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from equations import Book

from vqcore.quantizer.grouped import GroupedQuantizer
from vqcore.quantizer.layer import Quantizer, VectorQuantizer
from vqcore.quantizer.options import Options
from vqcore.quantizer.residual import ResidualQuantizer

STRUCTURES = ("vector", "grouped", "grouped shared", "residual", "residual shared")

MAPS = [
    {"affine": affine, "affine_groups": groups, "affine_lr_scale": 0.7}
    for affine, groups in [("off", 1), *itertools.product(("learned", "running"), (1, 3))]
]

OWNERS = [{}, {"inner_steps": 2}, {"codebook_update": "ema"}]
"""Who moves the raw codebook: the commitment loss, the inner steps or the moving average."""


def build(structure: str, options: Options, *, num_codes: int = 7, dim: int = 4, levels: int = 2) -> Quantizer:
    kind, _, share = structure.partition(" ")
    generator = torch.Generator().manual_seed(1)
    if kind == "vector":
        return VectorQuantizer(num_codes, dim, options, generator=generator)
    kinds = {"grouped": GroupedQuantizer, "residual": ResidualQuantizer}
    return kinds[kind](num_codes, dim, levels, options, share=bool(share), generator=generator)


@torch.no_grad()
def stir_(quantizer: Quantizer, *, seed: int = 5, raw_scale: float = 1.0) -> Quantizer:
    """Draw every tensor again, so that no map is the identity; running maps have moments already."""
    generator = torch.Generator().manual_seed(seed)
    for part in quantizer.parts:
        part.raw_codebook.normal_(generator=generator).mul_(raw_scale)
        part.affine.scale.uniform_(-0.4, 0.4, generator=generator)
        part.affine.bias.uniform_(-1, 1, generator=generator)
        part.affine.p_mean.normal_(generator=generator)
        part.affine.p_var.uniform_(0.3, 2, generator=generator)
        part.affine.c_mean.normal_(generator=generator)
        part.affine.c_var.uniform_(0.3, 2, generator=generator)
        part.affine.has_moments.fill_(True)
        part.steps_unused.random_(9, generator=generator)
        part.ema_counts.uniform_(0.1, 5, generator=generator)
    return quantizer


def latents(*shape: int, seed: int = 2, scale: float = 1.0) -> torch.Tensor:
    return scale * (0.5 + torch.randn(shape, generator=torch.Generator().manual_seed(seed)))


def books_of(quantizer: Quantizer) -> list[Book]:
    """Copies of the tensors in float64."""

    def double(tensor: torch.Tensor) -> Any:
        return tensor.detach().double().numpy().copy()

    return [
        Book(
            raw=double(part.raw_codebook),
            has_moments=bool(part.affine.has_moments),
            **{
                name: double(getattr(part.affine, name))
                for name in ("scale", "bias", "p_mean", "p_var", "c_mean", "c_var")
            },
        )
        for part in quantizer.parts
    ]


def contents(quantizer: torch.nn.Module) -> dict[str, bytes]:
    """Every parameter and buffer byte by byte, so that NaN equals NaN and 0 differs from −0."""
    return {name: np.asarray(value.detach()).tobytes() for name, value in quantizer.state_dict().items()}


def named(options: Options) -> str:
    """What differs from the defaults, for a failing test to say."""
    plain = asdict(Options())
    return ", ".join(f"{name}={value}" for name, value in asdict(options).items() if value != plain[name])
