"""Held-out numbers, and the mode in which modules are looked at without being changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vqcore.diagnostics.usage import active_codes, count_codes, perplexity
from vqcore.problems.problem import Model, Problem, Split
from vqcore.quantizer.layer import VectorQuantizer

INPUTS_AT_ONCE = 64


class HeldOut(NamedTuple):
    """What one pass over all held-out data gives."""

    task_loss: float
    commitment_loss: float
    quantization_error: float
    relative_error: float
    perplexity: float
    active_codes: int
    num_codes: int
    num_vectors: int
    accuracy: float | None
    """Share of inputs classified rightly; None where there are no classes."""


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Without gradients and in evaluation mode; afterwards each module is in the mode it was in."""
    were = [module.training for module in modules]
    for module in modules:
        module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, was in zip(modules, were, strict=True):
            module.train(was)


def evaluate(problem: Problem, model: Model, quantizer: VectorQuantizer, held_out: Split) -> HeldOut:
    """Loss, error and usage over all of `held_out`; changes nothing."""
    vectors, found, outputs, squared = [], [], [], []
    with evaluating(model, quantizer):
        for inputs in held_out.inputs.split(INPUTS_AT_ONCE):
            z_e: Tensor = model.encode(inputs)
            quantized = quantizer(z_e)
            outputs.append(model.decode(quantized.z_q))
            vectors.append(z_e.flatten(0, -2))
            found.append(quantized.codes.flatten())
            squared.append((z_e - quantized.z_q).square().flatten(0, -2))
    output, codes, errors = torch.cat(outputs), torch.cat(found), torch.cat(squared)
    error = float(errors.sum(1).mean())
    counts = count_codes(codes.cpu().numpy(), quantizer.num_codes)
    is_classifier = problem.task == "classification"
    return HeldOut(
        task_loss=float(problem.loss(output, held_out.targets)),
        commitment_loss=float(errors.mean()),
        quantization_error=error,
        relative_error=error / float(torch.cat(vectors).var(0, correction=0).sum()),
        perplexity=perplexity(counts),
        active_codes=active_codes(counts),
        num_codes=quantizer.num_codes,
        num_vectors=len(codes),
        accuracy=float((output.argmax(1) == held_out.targets).float().mean()) if is_classifier else None,
    )
