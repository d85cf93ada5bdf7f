"""The commitment loss as one operation."""

from typing import Any

import torch
from torch import Tensor


class _Commitment(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z_e: Tensor, z_q: Tensor, beta: float) -> Tensor:
        ctx.save_for_backward(z_e, z_q)
        ctx.beta = beta
        return (z_e - z_q).square_().sum() / max(1, z_e.numel())  # an empty batch has loss 0, not 0/0

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        z_e, z_q = ctx.saved_tensors
        pull = (z_e - z_q) * (upstream * (2 / max(1, z_e.numel())))
        wants_z_e, wants_z_q, _ = ctx.needs_input_grad
        return (1 - ctx.beta) * pull if wants_z_e else None, -ctx.beta * pull if wants_z_q else None, None


def commitment_loss(z_e: Tensor, z_q: Tensor, beta: float) -> Tensor:
    """(1 − β)·‖z_e − sg[z_q]‖² + β·‖sg[z_e] − z_q‖², mean over elements, of two tensors of one shape.

    Both terms have the same value, so it is computed once: they differ only in their gradients.
    """
    loss: Tensor = _Commitment.apply(z_e, z_q, beta)  # type: ignore[no-untyped-call]
    return loss
