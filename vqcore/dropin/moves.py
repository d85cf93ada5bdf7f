"""Code updates inside a training forward, as in VQTorch."""

# N vectors, G groups or levels, D features, K codes of one codebook, P codebooks

import copy

import torch
from torch import Tensor

from vqcore.quantizer.distributed import from_first, num_ranks
from vqcore.quantizer.grouped import GroupedQuantizer
from vqcore.quantizer.kmeans import kmeans_start_
from vqcore.quantizer.layer import Level, Quantizer, VectorQuantizer
from vqcore.quantizer.replacement import replace_unused_

NOISE_OF_AN_ELEMENT = 0.01
"""VQTorch's noise on each element of a replaced code, as a share of the whole vector's length."""


@torch.no_grad()
def start_(quantizer: Quantizer, vectors: Tensor) -> None:
    """k-means start of every codebook from its own inputs, given `vectors` (N, G, D).

    Raises:
        ValueError: if there are fewer distinct vectors than codes; no codebook is changed in that case.
    """
    before, seed = copy.deepcopy(quantizer.state_dict()), _drawn_seed(vectors.device)
    try:
        if isinstance(quantizer, GroupedQuantizer):
            of_parts = vectors.chunk(len(quantizer.parts), 1)
            for part, own in zip(quantizer.parts, of_parts, strict=True):
                kmeans_start_(part, own, seed=seed)
        else:
            kmeans_start_(quantizer, vectors, seed=seed)
    except ValueError:
        quantizer.load_state_dict(before)
        raise


def inplace_step_(
    optimizer: torch.optim.Optimizer, quantizer: Quantizer, part: VectorQuantizer, level: Level
) -> None:
    """One step of `part` on mean (z_q − sg[z_e])² at the codes of `level`; no parameter's `.grad` changes.

    `optimizer` holds the raw codebooks of `quantizer`. A frozen codebook stays unchanged.
    """
    if not part.raw_codebook.requires_grad:
        return
    with torch.enable_grad():
        loss = (part.decode(level.codes) - level.z_e).square().mean()
        (gradient,) = torch.autograd.grad(loss, [part.raw_codebook])
    raw = [other.raw_codebook for other in quantizer.parts]
    kept = [parameter.grad for parameter in raw]
    try:
        for parameter in raw:
            parameter.grad = gradient if parameter is part.raw_codebook else None
        optimizer.step()
    finally:
        for parameter, grad in zip(raw, kept, strict=True):
            parameter.grad = grad


@torch.no_grad()
def count_and_replace_(quantizer: Quantizer, levels: list[Level], counts: Tensor) -> Tensor:
    """Age every code by one forward, given its `counts` (P·K,), and move those unused for `replace_every`.

    Returns:
        The mask of moved codes, (P·K,).
    """
    every, moved = quantizer.options.replace_every, torch.zeros_like(counts, dtype=torch.bool)
    of_parts = zip(quantizer.parts, counts.split(quantizer.num_codes), moved.split(quantizer.num_codes), strict=True)
    for index, (part, own_counts, own_moved) in enumerate(of_parts):
        part.count_unused_(own_counts)
        if every > 0:
            own = [level.z_e for level, at in zip(levels, quantizer.part_of_level, strict=True) if at == index]
            generator = torch.Generator(counts.device).manual_seed(_drawn_seed(counts.device))
            noise = NOISE_OF_AN_ELEMENT * part.dim**0.5
            own_moved.copy_(replace_unused_(part, torch.cat(own), every, generator=generator, noise=noise))
    return moved


@torch.no_grad()
def forget_rows_(optimizer: torch.optim.Optimizer, quantizer: Quantizer, rows: Tensor) -> None:
    """Clear the moments in `optimizer`, of whatever kind, of the codes in the mask `rows` (P·K,)."""
    for part, own in zip(quantizer.parts, rows.split(quantizer.num_codes), strict=True):
        for value in optimizer.state.get(part.raw_codebook, {}).values():
            if isinstance(value, Tensor) and value.shape == part.raw_codebook.shape:
                value.masked_fill_(own[:, None].to(value.device), 0)


def _drawn_seed(device: torch.device) -> int:
    """A generator seeded by torch's own, so that `torch.manual_seed` repeats a training; equal on all processes."""
    seed = torch.randint(2**31, (1,))
    return int(from_first(seed.to(device))) if num_ranks() > 1 else int(seed)
