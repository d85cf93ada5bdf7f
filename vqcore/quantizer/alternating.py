"""Alternating optimization: descend the commitment loss over the codebook alone, latents held fixed."""

# N vectors, K codes, D features

import torch
from torch import Tensor

from vqcore.quantizer.layer import VectorQuantizer
from vqcore.quantizer.nearest import nearest_codes


@torch.no_grad()
def inner_step_(quantizer: VectorQuantizer, z_e: Tensor, learning_rate: float) -> Tensor:
    """One gradient step of the raw codebook on ‖z_e − z_q‖², mean over elements, at the codes nearest now.

    The affine map is left alone: stepped at the same rate it diverges. With the codes held, the loss is a
    separate quadratic for every code and feature; a step that would pass its minimum, the mean of the
    assigned vectors, stops there. So the loss never rises, whatever the learning rate.

    Returns:
        The gradient with respect to the raw codebook before the step, (K, D).
    """
    flat = z_e.reshape(-1, quantizer.dim)  # (N, D)
    codebook = quantizer.codebook()
    codes = nearest_codes(flat, codebook)
    counts = codebook.new_zeros(len(codebook)).index_add_(0, codes, codebook.new_ones(len(flat)))[:, None]
    sums = torch.zeros_like(codebook).index_add_(0, codes, flat)
    gradient = 2 / flat.numel() * (counts * codebook - sums)  # w.r.t. the effective code vectors
    scale, _ = quantizer.affine.coefficients(quantizer.options)
    raw_gradient = scale * gradient
    to_mean = (sums / counts.clamp_min(1) - codebook) * (counts > 0)
    fraction = (learning_rate * scale.square() * 2 / flat.numel() * counts).clamp_max(1)
    quantizer.raw_codebook.add_(fraction * to_mean / torch.where(scale == 0, 1, scale))
    return raw_gradient
