"""Replacement: unused codes move onto recent latents."""

# N vectors, K codes, D features

import torch
import torch.nn.functional as F
from torch import Tensor

from vqcore.quantizer.assigned import assigned_sums
from vqcore.quantizer.distributed import gathered, rank, rank_sizes
from vqcore.quantizer.layer import VectorQuantizer
from vqcore.quantizer.nearest import nearest_codes

NOISE = 0.01
"""Length of the noise on a moved code, as a share of its vector's, so that no two are equal."""


@torch.no_grad()
def replace_unused_(
    part: VectorQuantizer, vectors: Tensor, unused_for: int, *, generator: torch.Generator, noise: float = NOISE
) -> Tensor:
    """Move every code unused for at least `unused_for` steps to where the option `replace_onto` says.

    Draws the same amount from `generator` whether or not a code moves, and on one process never waits for the
    device. Under `torch.distributed` every process must give a generator in the same state; all then move the
    same codes to the same places, drawn from all processes' vectors as if they were one batch in rank order.
    `noise` is as long as this share of a moved code, give or take.

    Returns:
        The mask of moved codes, (K,); all False without vectors.
    """
    moved = part.steps_unused >= unused_for
    if sum(rank_sizes(vectors)) == 0:
        return torch.zeros_like(moved)
    onto = part.options.replace_onto
    places = _beside_busy_codes(part, vectors) if onto == "busy" else _drawn(part, vectors, onto, generator)
    drawn = torch.randn(places.shape, generator=generator, device=places.device, dtype=places.dtype)
    spread = noise * places.norm(dim=1, keepdim=True) / part.dim**0.5
    part.place_(places + spread * drawn, moved)
    part.steps_unused.masked_fill_(moved, 0)
    return moved


def _drawn(part: VectorQuantizer, vectors: Tensor, onto: str, generator: torch.Generator) -> Tensor:
    """K of the vectors, without repeats if there are enough.

    Each vector has a clock that rings after a random time, its rate the vector's weight; the first K to ring
    are taken. That is weighted drawing without replacement, and needs from each process only its own first K.
    """
    weights = torch.ones_like(vectors[:, 0])
    if onto == "far":
        codebook = part.codebook()
        z_q = F.embedding(nearest_codes(vectors, codebook), codebook)
        weights = (vectors - z_q).square().sum(1)
    sizes = rank_sizes(vectors)
    clocks = torch.empty(sum(sizes), device=vectors.device).exponential_(generator=generator)
    start = sum(sizes[: rank()])
    rings = clocks[start : start + len(vectors)] / weights.clamp_min(torch.finfo(weights.dtype).tiny)
    first = rings.topk(min(part.num_codes, len(vectors)), largest=False).indices
    candidates = gathered(torch.cat([rings[first, None], vectors[first]], 1))
    order = candidates[:, 0].argsort(stable=True)
    repeats = torch.arange(part.num_codes, device=order.device) % len(order)  # fewer vectors than codes: again
    return candidates[order[repeats], 1:]


def _beside_busy_codes(part: VectorQuantizer, vectors: Tensor) -> Tensor:
    """For the k-th of the codes, in order of disuse, the k-th most used code of this batch."""
    codebook = part.codebook()
    counts, _ = assigned_sums(vectors, nearest_codes(vectors, codebook), part.num_codes)
    busiest = counts[:, 0].argsort(descending=True, stable=True)
    rank_of_disuse = part.steps_unused.argsort(descending=True, stable=True).argsort()
    used = (counts > 0).sum().clamp_min(1)
    return codebook[busiest[rank_of_disuse % used]]
