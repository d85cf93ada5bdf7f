"""Lengths of vectors, for latents and for codes. Knows no layer."""

import torch.nn.functional as F
from torch import Tensor

from vqcore.quantizer.options import Norm

LONGEST = 10.0
"""Length to which `capped` shortens longer vectors (VQTorch's value)."""

SMALLEST_NORM = 1e-12
"""Shorter vectors have no direction and stay as they are."""


def normalized(vectors: Tensor, how: Norm) -> Tensor:
    """`vectors` (…, D) as they are, at unit length, or at most `LONGEST` long; with the gradient of just that."""
    if how == "unit":
        return F.normalize(vectors, dim=-1, eps=SMALLEST_NORM)
    if how == "capped":
        lengths: Tensor = vectors.norm(dim=-1, keepdim=True)
        vectors = vectors * (LONGEST / lengths.clamp_min(LONGEST))
    return vectors
