"""Held-out numbers, and a mode in which modules are inspected without being changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vqcore.diagnostics.usage import active_codes, count_codes, perplexity
from vqcore.problems.problem import Model, Problem, Split
from vqcore.quantizer.layer import Level, Quantizer, error_of_level

INPUTS_AT_ONCE = 64


class HeldOut(NamedTuple):
    """Results of one pass over all held-out data."""

    task_loss: float
    commitment_loss: float
    quantization_error: float
    relative_error: float | None
    """None if P is one point."""

    perplexity: float
    active_codes: int
    num_codes: int
    num_vectors: int
    accuracy: float | None
    """Share of correctly classified inputs; None without classes."""

    levels: tuple[dict[str, float | None], ...] | None
    """Perplexity, active codes and relative error of each group or level; None if there is only one."""


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Run the block without gradients and in evaluation mode; afterwards each module has its previous mode."""
    were = [module.training for module in modules]
    for module in modules:
        module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, was in zip(modules, were, strict=True):
            module.train(was)


def evaluate(problem: Problem, model: Model, quantizer: Quantizer, held_out: Split) -> HeldOut:
    """Loss, error and usage over all of `held_out`; changes nothing.

    With groups or levels, perplexity is their mean, and active codes and codes are their sums.
    """
    outputs, losses, passes = [], [], []
    with evaluating(model, quantizer):
        for inputs in held_out.inputs.split(INPUTS_AT_ONCE):
            quantized, levels = quantizer.quantize(model.encode(inputs))
            outputs.append(model.decode(quantized.z_q))
            losses.append(quantized.commitment_loss * len(inputs))
            passes.append(levels)
    output = torch.cat(outputs)
    together = tuple(Level(*map(torch.cat, zip(*found, strict=True))) for found in zip(*passes, strict=True))
    measured = [_measured(level, quantizer.num_codes) for level in together]
    error = float(quantizer.error_of(together))
    is_classifier = problem.task == "classification"
    return HeldOut(
        task_loss=float(problem.loss(output, held_out.targets)),
        commitment_loss=float(torch.stack(losses).sum()) / len(held_out.inputs),
        quantization_error=error,
        relative_error=_over(error, quantizer.inputs_of(together)),
        perplexity=sum(level["perplexity"] for level in measured) / len(measured),
        active_codes=sum(int(level["active_codes"]) for level in measured),
        num_codes=quantizer.num_codes * len(together),
        num_vectors=len(together[0].codes),
        accuracy=float((output.argmax(1) == held_out.targets).float().mean()) if is_classifier else None,
        levels=tuple(measured) if len(measured) > 1 else None,
    )


def _measured(level: Level, num_codes: int) -> dict[str, Any]:
    counts = count_codes(level.codes.cpu().numpy(), num_codes)
    return {
        "perplexity": perplexity(counts),
        "active_codes": active_codes(counts),
        "relative_error": _over(float(error_of_level(level)), level.z_e),
    }


def _over(error: float, vectors: Tensor) -> float | None:
    """`error` over the variance of `vectors` (N, D), summed over features; None if they are one point."""
    if (vectors == vectors[:1]).all():
        return None
    return error / float(vectors.double().var(0, correction=0).sum())
