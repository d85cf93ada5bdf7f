"""Gradients across the rounding step. Knows no codebook."""

import torch
from torch import Tensor

from vqcore.quantizer.norms import SMALLEST_NORM
from vqcore.quantizer.options import Estimator

SMALLEST_SUM = 1e-6
"""Below this length ê + q̂ has no direction: the two are opposite, and the turn becomes a reflection."""


def straight_through(
    z_e: Tensor, z_q: Tensor, *, sync: float = 0.0, estimator: Estimator = "straight-through"
) -> Tensor:
    """The value of `z_q`, bit for bit; its gradient goes to `z_e` by `estimator` and `sync` times it to `z_q`.

    z = z_e + sg[z_q − z_e] + ν(z_q − sg[z_q]), Huh et al. 2023, with ν = `sync`; ν = 0 is the plain
    straight-through estimator of Bengio et al. (arXiv 1308.3432). With `rotation`, z_e stands there as
    sg[λR]·z_e (see `turned`). Both arguments have one shape, (…, D).
    """
    carrier = z_e if estimator == "straight-through" else turned(z_e, z_q)
    # Ordered so that no rounding enters: x − x is exactly zero, z_e + (z_q − z_e) is not exactly z_q.
    out = z_q.detach() + (carrier - carrier.detach())
    if sync == 0:
        return out
    return out + sync * (z_q - z_q.detach())


def turned(z_e: Tensor, z_q: Tensor) -> Tensor:
    """λR·z_e with λ and R held constant: the rotation and scale that take each z_e onto its z_q.

    Fifty et al. (arXiv 2410.06424), section 4.2: λ = ‖q‖/‖e‖ and R = I − 2rrᵀ + 2q̂êᵀ with r the unit vector
    along ê + q̂. Where either vector has no length there is no rotation, and z_e stays as it is.
    """
    e, q = z_e.detach(), z_q.detach()
    e_length, q_length = e.norm(dim=-1, keepdim=True), q.norm(dim=-1, keepdim=True)
    e_hat, q_hat = e / e_length.clamp_min(SMALLEST_NORM), q / q_length.clamp_min(SMALLEST_NORM)
    middle = e_hat + q_hat
    length = middle.norm(dim=-1, keepdim=True)
    r = torch.where(length > SMALLEST_SUM, middle / length.clamp_min(SMALLEST_SUM), 0)
    along_r, along_e = (z_e * r).sum(-1, keepdim=True), (z_e * e_hat).sum(-1, keepdim=True)
    rotated = z_e - 2 * r * along_r + 2 * q_hat * along_e
    has_rotation = (e_length > SMALLEST_NORM) & (q_length > SMALLEST_NORM)
    return torch.where(has_rotation, q_length / e_length.clamp_min(SMALLEST_NORM) * rotated, z_e)
