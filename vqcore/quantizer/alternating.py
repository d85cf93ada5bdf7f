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
    separate quadratic for every code and feature. Without momentum a step that would overshoot its minimum, the mean
    of the assigned vectors, stops there, so that the loss never rises, whatever the learning rate. With the option
    `inner_momentum` μ it is PyTorch's SGD, v ← μ·v + gradient and c_raw ← c_raw − learning_rate·v, and may overshoot:
    a code that lost its vectors goes on along its velocity, which is what brings dead codes back.

    A codebook norm is applied after the step, which brings a code no further from its vectors. Under a learned matrix
    it is the effective code that steps.

    Args:
        part: the codebook; its options give μ, its buffer `inner_velocity` has v.
        vectors: (N, D) as `each_level` gives them.
        learning_rate: on the loss as a mean over elements; under `torch.distributed`, of all processes.

    Returns:
        The gradient with respect to the raw codebook before the step, (K, D), any codebook norm left out.
    """
    codebook = part.codebook()
    counts, sums = assigned_sums(vectors, nearest_codes(vectors, codebook), part.num_codes)
    per_element = 2 / (counts.sum().clamp_min(1) * part.dim)
    scale, _ = part.affine.coefficients(part.options)
    gradient: Tensor = scale * (per_element * (counts * codebook - sums))  # w.r.t. the raw code vectors
    if part.options.inner_momentum > 0:
        velocity = part.inner_velocity.mul_(part.options.inner_momentum).add_(gradient)
        _move_(part, -learning_rate * scale * velocity, (velocity != 0).any(1, keepdim=True))
    else:
        to_mean = (sums / counts.clamp_min(1) - codebook) * (counts > 0)
        fraction = (learning_rate * scale.square() * per_element * counts).clamp_max(1)
        _move_(part, fraction * to_mean, counts > 0)
    return gradient


def _move_(part: VectorQuantizer, step: Tensor, moved: Tensor) -> None:
    """Move the code vectors by `step` (K, D), those that `moved` (K, 1) names, from where norm or matrix put them."""
    if part.options.codebook_norm == "none" and part.options.affine != "matrix":
        scale, _ = part.affine.coefficients(part.options)
        part.raw_codebook.add_(step / torch.where(scale == 0, 1, scale))
    else:
        reached = part.affine.inverse(part.codebook() + step, part.options)
        part.raw_codebook.copy_(torch.where(moved, reached, part.raw_codebook))
