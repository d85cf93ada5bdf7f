"""Exact nearest-code search without ever holding all N · K distances."""

# N vectors, K codes, D features

import torch
from torch import Tensor

VECTORS_PER_BLOCK = 1024
CODES_PER_BLOCK = 512


@torch.no_grad()
def nearest_codes(vectors: Tensor, codebook: Tensor) -> Tensor:
    """The code nearest to each vector in Euclidean distance; the lower index where two are equally near.

    Args:
        vectors: (N, D), any float dtype; the search runs in float32 at least.
        codebook: (K, D).

    Returns:
        (N,) int64 codes in 0…K−1. Memory beyond that is O(block · block), whatever N and K.

    Raises:
        ValueError: where the widths differ or the codebook is empty.
    """
    if codebook.ndim != 2 or len(codebook) == 0 or vectors.ndim != 2 or vectors.shape[1] != codebook.shape[1]:
        raise ValueError(
            "`vectors` must be (N, D) and `codebook` (K, D) with K ≥ 1, but got shapes "
            f"{tuple(vectors.shape)} and {tuple(codebook.shape)}."
        )
    dtype = torch.promote_types(torch.promote_types(vectors.dtype, codebook.dtype), torch.float32)
    # argmin ‖z − c‖² = argmin ½‖c‖² − z·c. Centred first: far from the origin the difference loses digits.
    centre = codebook.mean(0, dtype=dtype)
    centred = codebook.to(dtype) - centre  # (K, D)
    half_norms = centred.square().sum(1).mul_(0.5)  # (K,)
    blocks = [
        _nearest_of_block(block.to(dtype) - centre, centred, half_norms) for block in vectors.split(VECTORS_PER_BLOCK)
    ]
    return torch.cat(blocks) if blocks else vectors.new_empty(0, dtype=torch.int64)


def _nearest_of_block(vectors: Tensor, codebook: Tensor, half_norms: Tensor) -> Tensor:
    best: Tensor | None = None
    codes = torch.empty(0)
    for start in range(0, len(codebook), CODES_PER_BLOCK):
        stop = start + CODES_PER_BLOCK
        scores = torch.addmm(half_norms[start:stop], vectors, codebook[start:stop].T, alpha=-1)
        lowest, index = scores.min(1)
        if best is None:
            best, codes = lowest, index
        else:
            nearer = lowest < best
            best = torch.where(nearer, lowest, best)
            codes = torch.where(nearer, index + start, codes)
    return codes
