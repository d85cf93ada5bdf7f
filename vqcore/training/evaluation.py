"""Held-out numbers, and a mode in which modules are inspected without being changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from vqcore.diagnostics.usage import active_codes, count_codes, perplexity
from vqcore.problems.problem import Model, Part, Problem
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


@contextmanager
def as_in_training(module: nn.Module) -> Iterator[None]:
    """Run the block without gradients and with batch norms as in training; the block's mean moments become theirs.

    Before the first step the running moments of a norm are those of nothing: what is encoded with them is not what
    the module gives in training, nor what it will give once they have followed.
    """
    norms = [each for each in module.modules() if isinstance(each, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # of all batches alike
    try:
        with torch.no_grad():
            yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def evaluate(problem: Problem, model: Model, quantizer: Quantizer, held_out: Part) -> HeldOut:
    """Loss, error and usage over all of `held_out`, a few inputs at a time; changes nothing.

    With groups or levels, perplexity is their mean, and active codes and codes are their sums.
    """
    sums = dict.fromkeys(("task_loss", "commitment_loss", "quantization_error", "right"), 0.0)
    spread, levels = Spread(), [LevelSums(quantizer.num_codes) for _ in quantizer.part_of_level]
    with evaluating(model, quantizer):
        for batch in held_out.batches(INPUTS_AT_ONCE):
            quantized, found = quantizer.quantize(model.encode(batch.inputs))
            output, count = model.decode(quantized.z_q), len(batch.inputs)
            sums["task_loss"] += count * float(problem.loss(output, batch.targets))
            sums["commitment_loss"] += count * float(quantized.commitment_loss)
            sums["quantization_error"] += count * float(quantizer.error_of(found))
            if problem.task == "classification":
                sums["right"] += float((output.argmax(1) == batch.targets).sum())
            spread.add(quantizer.inputs_of(found))
            for level, of_level in zip(levels, found, strict=True):
                level.add(of_level)
    mean = {name: value / held_out.num_inputs for name, value in sums.items()}
    measured = [level.measured() for level in levels]
    return HeldOut(
        task_loss=mean["task_loss"],
        commitment_loss=mean["commitment_loss"],
        quantization_error=mean["quantization_error"],
        relative_error=spread.share(mean["quantization_error"]),
        perplexity=sum(level["perplexity"] for level in measured) / len(measured),
        active_codes=sum(int(level["active_codes"]) for level in measured),
        num_codes=quantizer.num_codes * len(levels),
        num_vectors=levels[0].spread.count,
        accuracy=mean["right"] if problem.task == "classification" else None,
        levels=tuple(measured) if len(measured) > 1 else None,
    )


class Spread:
    """The variance of vectors that come in batches, summed over features, in float64 (Chan et al. 1979)."""

    def __init__(self) -> None:
        self.count = 0
        self._first: Tensor | None = None
        self._is_point = True
        self._mean: Tensor | float = 0.0
        self._squares = 0.0

    def add(self, vectors: Tensor) -> None:
        """Add `vectors` (n, D)."""
        self._first = vectors[:1] if self._first is None else self._first
        self._is_point = self._is_point and bool((vectors == self._first).all())
        own, count = vectors.double(), len(vectors)
        mean = own.mean(0)
        apart = mean - self._mean
        total = self.count + count
        self._squares += float((own - mean).square().sum() + apart.square().sum() * (self.count * count / total))
        self._mean, self.count = self._mean + apart * (count / total), total

    def share(self, error: float) -> float | None:
        """`error` over that variance; None if all vectors are one point."""
        return None if self._is_point else error / (self._squares / self.count)


class LevelSums:
    """What one group or level found, batch by batch."""

    def __init__(self, num_codes: int) -> None:
        self.spread = Spread()
        self._counts = np.zeros(num_codes, dtype=np.int64)
        self._error = 0.0

    def add(self, level: Level) -> None:
        """Add what one forward found."""
        self._counts += count_codes(level.codes.cpu().numpy(), len(self._counts))
        self._error += float(error_of_level(level)) * len(level.codes)
        self.spread.add(level.z_e)

    def measured(self) -> dict[str, Any]:
        """Perplexity, active codes and relative error of all that was added."""
        return {
            "perplexity": perplexity(self._counts),
            "active_codes": active_codes(self._counts),
            "relative_error": self.spread.share(self._error / self.spread.count),
        }
