"""The codebook as an exponential moving average of what is assigned to each code."""

# N vectors, K codes, D features

import torch
from torch import Tensor

from vqcore.quantizer.assigned import assigned_sums
from vqcore.quantizer.layer import VectorQuantizer


@torch.no_grad()
def ema_update_(part: VectorQuantizer, vectors: Tensor, codes: Tensor) -> None:
    """Move each code that has vectors assigned towards their mean (van den Oord et al., arXiv 1711.00937, A.1).

    n ← γn + (1−γ)·n_batch and m ← γm + (1−γ)·Σz_e with c = m/n. As m = n·c at all times, only the counts n are
    kept, and a code moved by something else continues from where it is: with m kept apart, each update would undo
    what the synchronized update had moved. A code without vectors stays.

    Args:
        part: the codebook.
        vectors: (N, D) as the search saw them.
        codes: (N,) what it found.
    """
    decay = part.options.ema_decay
    counts, sums = assigned_sums(vectors.to(part.raw_codebook.dtype), codes, part.num_codes)
    fresh = (1 - decay) * counts[:, 0]
    total = decay * part.ema_counts + fresh
    codebook = part.codebook()
    share = torch.where(fresh > 0, fresh / total, 0)[:, None]
    part.carry_(codebook + share * (sums / counts.clamp_min(1) - codebook), counts[:, 0] > 0)
    part.ema_counts.copy_(total)
