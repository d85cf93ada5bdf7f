"""One training step: encode, inner steps, quantize, decode, descend."""

from typing import NamedTuple

import torch
from torch import Tensor

from vqcore.problems.problem import Model, Problem, Split
from vqcore.quantizer.alternating import inner_step_
from vqcore.quantizer.layer import Level, Quantizer, VectorQuantizer


class Step(NamedTuple):
    """What one step computed, detached and still on the device."""

    z_e: Tensor
    codebooks: tuple[Tensor, ...]
    """Each part's (K, D) as the search saw it, before the update."""

    levels: tuple[Level, ...]
    output: Tensor
    task_loss: Tensor
    commitment_loss: Tensor
    quantization_error: Tensor
    inner_gradients: dict[VectorQuantizer, Tensor]
    """By part: gradient of the inner steps with respect to the raw codebook, summed; empty without them."""


def forward_and_backward(problem: Problem, model: Model, quantizer: Quantizer, batch: Split) -> Step:
    """Leave the gradients of task loss + α · commitment loss in the parameters' `.grad`.

    The inner steps of alternating optimization move the codebook here, before it quantizes.
    """
    options = quantizer.options
    z_e = model.encode(batch.inputs)
    inner_gradients: dict[VectorQuantizer, Tensor] = {}
    for _ in range(options.inner_steps):
        for part, vectors in quantizer.each_level(z_e.detach()):
            gradient = inner_step_(part, vectors, options.inner_lr)
            inner_gradients[part] = inner_gradients[part] + gradient if part in inner_gradients else gradient
    quantized, levels = quantizer.quantize(z_e)
    output = model.decode(quantized.z_q)
    task_loss = problem.loss(output, batch.targets)
    total: Tensor = task_loss + options.alpha * quantized.commitment_loss
    total.backward()
    with torch.no_grad():
        codebooks = tuple(part.codebook().detach().clone() for part in quantizer.parts)
    return Step(
        z_e=z_e.detach(),
        codebooks=codebooks,
        levels=levels,
        output=output.detach(),
        task_loss=task_loss.detach(),
        commitment_loss=quantized.commitment_loss.detach(),
        quantization_error=quantizer.error_of(levels),
        inner_gradients=inner_gradients,
    )
