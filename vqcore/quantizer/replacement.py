"""Replacement: codes that nothing is assigned to move onto recent latents."""

# N vectors, K codes, D features

import torch
from torch import Tensor

from vqcore.quantizer.layer import VectorQuantizer

NOISE = 0.01
"""Spread of the noise on a moved code, as a share of its vector's norm, so that no two are equal."""


@torch.no_grad()
def replace_unused_(
    quantizer: VectorQuantizer, z_e: Tensor, unused_for: int, *, generator: torch.Generator
) -> Tensor:
    """Move every code unused for at least `unused_for` steps onto a random vector of `z_e` (…, D).

    Draws the same amount from `generator` whether or not a code moves, and never waits for the device.

    Returns:
        The mask of moved codes, (K,).
    """
    flat = z_e.reshape(-1, quantizer.dim)  # (N, D)
    num_codes = quantizer.num_codes
    if len(flat) >= num_codes:  # distinct vectors where there are enough
        picks = torch.randperm(len(flat), generator=generator, device=flat.device)[:num_codes]
    else:
        picks = torch.randint(len(flat), (num_codes,), generator=generator, device=flat.device)
    vectors = flat[picks]
    noise = torch.randn(vectors.shape, generator=generator, device=flat.device, dtype=flat.dtype)
    spread = NOISE * vectors.norm(dim=1, keepdim=True) / quantizer.dim**0.5
    moved = quantizer.steps_unused >= unused_for
    quantizer.place_(vectors + spread * noise, moved)
    quantizer.steps_unused.masked_fill_(moved, 0)
    return moved
