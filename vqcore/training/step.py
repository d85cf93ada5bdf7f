"""One training step: encode, inner steps, quantize, decode, descend. Knows no history and no thread."""

from typing import NamedTuple

import torch
from torch import Tensor

from vqcore.problems.problem import Model, Problem, Split
from vqcore.quantizer.alternating import inner_step_
from vqcore.quantizer.layer import VectorQuantizer


class Step(NamedTuple):
    """What one step computed, detached and still on the device."""

    z_e: Tensor
    codes: Tensor
    codebook: Tensor
    """(K, D) as the search saw it, before the update."""

    output: Tensor
    task_loss: Tensor
    commitment_loss: Tensor
    quantization_error: Tensor
    inner_gradient: Tensor | None
    """Gradient of the inner steps with respect to the raw codebook, summed; None without inner steps."""


def forward_and_backward(problem: Problem, model: Model, quantizer: VectorQuantizer, batch: Split) -> Step:
    """Leave the gradients of task loss + α · commitment loss in the parameters' `.grad`.

    The inner steps of alternating optimization move the codebook here, before it quantizes.
    """
    options = quantizer.options
    z_e = model.encode(batch.inputs)
    inner_gradient = None
    for _ in range(options.inner_steps):
        gradient = inner_step_(quantizer, z_e.detach(), options.inner_lr)
        inner_gradient = gradient if inner_gradient is None else inner_gradient + gradient
    quantized = quantizer(z_e)
    output = model.decode(quantized.z_q)
    task_loss = problem.loss(output, batch.targets)
    total: Tensor = task_loss + options.alpha * quantized.commitment_loss
    total.backward()
    with torch.no_grad():
        error = (z_e - quantized.z_q).square().sum(-1).mean()
        codebook = quantizer.codebook().detach().clone()
    return Step(
        z_e=z_e.detach(),
        codes=quantized.codes,
        codebook=codebook,
        output=output.detach(),
        task_loss=task_loss.detach(),
        commitment_loss=quantized.commitment_loss.detach(),
        quantization_error=error,
        inner_gradient=inner_gradient,
    )
