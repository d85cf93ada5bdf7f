"""What one training is measured by: its curves, the usage of its codes, and passes over a held-out sample."""

# N vectors of a batch, K codes, D features, G groups of an affine map

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vqcore.capture import read_only
from vqcore.history import History
from vqcore.problems.problem import Model, Problem, Split
from vqcore.quantizer.layer import Level, Quantizer, VectorQuantizer, error_of_level
from vqcore.quantizer.usage import perplexity
from vqcore.snapshot import HeldOutMetrics, LevelUsage, Metrics
from vqcore.training.evaluation import evaluating
from vqcore.training.history import Recorder
from vqcore.training.step import Step
from vqcore.training.usage_window import UsageWindow


class HeldOutPass(NamedTuple):
    """What the model and its quantizer make of held-out inputs."""

    levels: tuple[Level, ...]
    outputs: Tensor
    """(I, …)"""

    shape: torch.Size
    """Of the codes of one level."""


class Measurements:
    """Curves and usage of one training, level by level. Changes neither model nor quantizer, and draws no number.

    Args:
        problem: what is trained for.
        model: the model that is measured.
        quantizer: its quantizer.
        device: where they are.
        exact_rows: how many of the curves' newest rows are kept one by one.
    """

    def __init__(
        self, problem: Problem, model: Model, quantizer: Quantizer, device: torch.device, exact_rows: int
    ) -> None:
        self._problem, self._model, self._quantizer = problem, model, quantizer
        num_levels = len(quantizer.part_of_level)
        self._usage = [UsageWindow(quantizer.num_codes, device) for _ in range(num_levels)]
        self._recorder = Recorder(num_levels, exact_rows)
        self._measured_step = 0
        self._held_out_of = (-1, 0)

    def keep_rows(self, exact_rows: int) -> None:
        """Keep at least so many of the curves' newest rows one by one from here on."""
        self._recorder.keep_rows(exact_rows)

    def tensors(self) -> Iterator[Tensor]:
        """All that usage keeps on the device."""
        for usage in self._usage:
            yield from usage.tensors()

    def count(self, levels: Sequence[Level]) -> list[Tensor]:
        """Count the codes that one batch used; returns the batch's counts (K,) by level."""
        return [usage.add(level.codes) for usage, level in zip(self._usage, levels, strict=True)]

    def add_losses(self, step: int, done: Step) -> None:
        """Add the row of losses of `step`."""
        self._recorder.add_losses(step, done.task_loss, done.commitment_loss, done.quantization_error)

    @torch.no_grad()
    def measure(self, step: int, done: Step) -> None:
        """Add the row of slower measurements of `step`, which computed `done`, unless there is one."""
        if self._measured_step == step:
            return
        levels = zip(self._usage, done.levels, self._quantizer.part_of_level, strict=True)
        self._recorder.add_measured(step, [self._measured(done, *level) for level in levels])
        self._measured_step = step

    @torch.no_grad()
    def hold_out(self, monitor: Split, step: int, num_events: int) -> HeldOutPass:
        """Pass the `monitor` inputs through the model, and note once what they say after so many steps and events."""
        with evaluating(self._model, self._quantizer):
            z_e = self._model.encode(monitor.inputs)
            quantized, levels = self._quantizer.quantize(z_e)
            outputs = self._model.decode(quantized.z_q)
        moment = (step, num_events)  # a switch can change the codes within a step
        if self._held_out_of != moment:
            whole = [
                self._quantizer.error_of(levels),
                self._problem.loss(outputs, monitor.targets),
                _accuracy(self._problem, outputs, monitor.targets),
            ]
            num_codes = self._quantizer.num_codes
            self._recorder.add_held_out(step, [[*_usage(level, num_codes), *whole] for level in levels])
            self._held_out_of = moment
        return HeldOutPass(levels, outputs, z_e.shape[:-1])

    def history(self, level: int) -> History:
        """The curves so far as seen at `level`, with usage through time."""
        return replace(self._recorder.history(level), usage=self._usage[level].through_time())

    def num_batches(self, level: int) -> int:
        """How many batches the counts of `level` are of."""
        return self._usage[level].num_batches

    def level_usage(self, level: int) -> LevelUsage:
        """How `level` uses its codes now."""
        history = self._recorder.history(level)
        metrics, counts = metrics_of(history), read_only(self._usage[level].counts)
        now = _held_out(history)
        return LevelUsage(counts, metrics.perplexity, metrics.active_codes, metrics.relative_error, now)

    def _measured(self, done: Step, usage: UsageWindow, level: Level, part: int) -> list[Tensor]:
        """One level's row in the order of `MEASURED`."""
        p_var, p_mean = torch.var_mean(level.z_e, 0, correction=0)
        c_var, c_mean = torch.var_mean(done.codebooks[part], 0, correction=0)
        return [
            perplexity(usage.counts),
            (usage.counts > 0).sum(),
            error_of_level(level) / p_var.sum(),
            p_var.mean().sqrt(),
            c_var.mean().sqrt(),
            p_mean.norm(),
            c_mean.norm(),
            ((p_mean - c_mean).square().sum() + (p_var.sqrt() - c_var.sqrt()).square().sum()).sqrt(),
            _reached_by_gradient(self._quantizer.parts[part], done).float().mean(),
        ]


def gradient_norm(part: VectorQuantizer, done: Step | None) -> Tensor:
    """(K,) norms of the raw code vectors' gradients, with those of the inner steps of `done`."""
    raw = part.raw_codebook
    gradient = torch.zeros_like(raw) if raw.grad is None else raw.grad
    if done is not None and part in done.inner_gradients:
        gradient = gradient + done.inner_gradients[part]
    norms: Tensor = torch.linalg.vector_norm(gradient, dim=1)
    return norms


def metrics_of(history: History) -> Metrics:
    """The newest row of losses and slower measurements; NaN before there is one."""
    columns = {**history.losses, **history.measured}
    values: dict[str, Any] = {name: float(rows[-1]) if len(rows) else math.nan for name, rows in columns.items()}
    values["active_codes"] = int(values["active_codes"]) if len(history.measured_at) else 0
    return Metrics(**values)


def _reached_by_gradient(part: VectorQuantizer, done: Step) -> Tensor:
    """(K,) whether a gradient of the step `done` reaches the effective code vector, s·c_raw + b or W·c_raw.

    Through its own raw row, or through its group's row of a learned map, which carries all codes of the group, or
    through a learned matrix, which carries all.
    """
    reached = gradient_norm(part, done) > 0
    scale, bias = part.affine.scale.grad, part.affine.bias.grad  # (G, D)
    if part.options.affine == "learned" and scale is not None and bias is not None:
        moved = (scale != 0).any(1) | (bias != 0).any(1)
        reached = reached | moved[part.affine.group_of_code(part.options.affine_groups)]
    matrix = part.affine.matrix.grad  # (D, D)
    if part.options.affine == "matrix" and matrix is not None:
        reached = reached | (part.raw_codebook @ matrix.T != 0).any(1)
    return reached


def _held_out(history: History) -> HeldOutMetrics:
    newest: dict[str, Any] = {name: float(rows[-1]) for name, rows in history.held_out.items()}
    return HeldOutMetrics(**newest | {"in_use": int(newest["in_use"])})


def _usage(level: Level, num_codes: int) -> list[Tensor]:
    """Codes in use, perplexity and relative error of one search."""
    counts = torch.bincount(level.codes.flatten(), minlength=num_codes)
    spread = level.z_e.var(0, correction=0).sum()
    return [(counts > 0).sum(), perplexity(counts), error_of_level(level) / spread]


def _accuracy(problem: Problem, outputs: Tensor, targets: Tensor) -> Tensor:
    """Share of inputs classified rightly; NaN where there are no classes."""
    if problem.task != "classification":
        return outputs.new_tensor(math.nan)
    return (outputs.argmax(1) == targets).float().mean()
