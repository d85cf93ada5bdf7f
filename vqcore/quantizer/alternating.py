"""Alternating optimization: descend the commitment loss over the codebook alone, latents held fixed."""

# N vectors, K codes, D features

import torch
from torch import Tensor

from vqcore.quantizer.assigned import assigned_sums
from vqcore.quantizer.layer import VectorQuantizer
from vqcore.quantizer.nearest import nearest_codes


@torch.no_grad()
def inner_step_(part: VectorQuantizer, vectors: Tensor, learning_rate: float) -> Tensor:
    """One gradient step of the raw codebook on ‖z_e − z_q‖², mean over elements, for the current nearest codes.

    The affine map is left alone: stepped at the same rate it diverges. With the codes held, the loss is a
    separate quadratic for every code and feature; a step that would overshoot its minimum, the mean of the
    assigned vectors, stops there. So the loss never rises, whatever the learning rate. A codebook norm is
    applied after the step, which brings a code no further from its vectors.

    Args:
        part: the codebook.
        vectors: (N, D) as `each_level` gives them.
        learning_rate: on the loss as a mean over elements; under `torch.distributed`, of all processes.

    Returns:
        The gradient with respect to the raw codebook before the step, (K, D), any codebook norm left out.
    """
    codebook = part.codebook()
    counts, sums = assigned_sums(vectors, nearest_codes(vectors, codebook), part.num_codes)
    per_element = 2 / (counts.sum().clamp_min(1) * part.dim)
    gradient = per_element * (counts * codebook - sums)  # w.r.t. the effective code vectors
    scale, _ = part.affine.coefficients(part.options)
    to_mean = (sums / counts.clamp_min(1) - codebook) * (counts > 0)
    fraction = (learning_rate * scale.square() * per_element * counts).clamp_max(1)
    if part.options.codebook_norm == "none":
        part.raw_codebook.add_(fraction * to_mean / torch.where(scale == 0, 1, scale))
    else:
        reached = part.affine.inverse(codebook + fraction * to_mean, part.options)
        part.raw_codebook.copy_(torch.where(counts > 0, reached, part.raw_codebook))
    return scale * gradient
