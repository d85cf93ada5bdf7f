"""Norms of vectors, for latents and for codes."""

import torch
from torch import Tensor

from vqcore.quantizer.options import InputNorm

LONGEST = 10.0
"""Length to which `capped` shortens longer vectors (VQTorch's value)."""

SMALLEST_NORM = 1e-12
"""Shorter vectors have no direction and stay as they are."""


def normalized(vectors: Tensor, how: InputNorm) -> Tensor:
    """`vectors` (…, D) as they are, at unit length, at most `LONGEST` long, or within ±1, with the exact gradient."""
    if how == "none":
        return vectors
    if how == "tanh":
        return vectors.tanh()
    lengths: Tensor = vectors.norm(dim=-1, keepdim=True)
    if how == "unit":  # F.normalize would multiply a zero vector's gradient by 1 / SMALLEST_NORM
        return vectors / torch.where(lengths > SMALLEST_NORM, lengths, 1)
    return vectors * (LONGEST / lengths.clamp_min(LONGEST))
