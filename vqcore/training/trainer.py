"""Trains one variant, one step at a time, without threads or clocks."""

# N vectors of a batch, K codes, D features

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vqcore.capture import read_only
from vqcore.history import History
from vqcore.problems.building import built
from vqcore.problems.problem import Model, Problem
from vqcore.quantizer.ema import ema_update_
from vqcore.quantizer.grouped import GroupedQuantizer
from vqcore.quantizer.kmeans import VECTORS_PER_CODE, kmeans_start_
from vqcore.quantizer.layer import Level, NonFiniteInputError, Quantizer, VectorQuantizer, error_of_level
from vqcore.quantizer.options import Options, option_names
from vqcore.quantizer.replacement import replace_unused_
from vqcore.quantizer.residual import ResidualQuantizer
from vqcore.quantizer.usage import perplexity
from vqcore.snapshot import Event, HeldOutMetrics, LevelUsage, Metrics, Picture, Snapshot
from vqcore.training.adamw import AdamW
from vqcore.training.batches import ShuffledBatches
from vqcore.training.cores import compute_on_one_thread
from vqcore.training.evaluation import HeldOut, as_in_training, evaluate, evaluating
from vqcore.training.examination import Examination, examine_code
from vqcore.training.finite import CHECKED, FiniteWatch, NonFiniteError
from vqcore.training.history import EXACT_ROWS, Recorder
from vqcore.training.kmeans_memory import remembered_codebook
from vqcore.training.memory import bytes_of
from vqcore.training.picturing import pictures
from vqcore.training.recipe import Recipe, problem_of, resolve_device, written
from vqcore.training.schedule import share_of_rate
from vqcore.training.step import Step, forward_and_backward
from vqcore.training.usage_window import USAGE_WINDOW, UsageWindow

MEASURE_EVERY = 5
"""Steps between two rows of the slower measurements."""

HELD_OUT_EVERY = 20
"""Steps between two rows of held-out numbers; every snapshot adds one too. A row costs a third of a step at most."""

SHOWN_INPUTS = 6


class StoppedError(Exception):
    """Raised when the current work is cancelled because whoever asked for it has ended."""


class Trainer:
    """Model, quantizer, optimizer and data of one training. Use from one thread at a time.

    Args:
        recipe: what to train.
        variant: its name, if several are trained side by side.
        exact_rows: how many of the curves' newest rows are kept one by one.
        held_out_every: steps between two rows of held-out numbers.
        stop: polled during long work, which ends in `StoppedError` once it is true. Forks poll the same function.

    Raises:
        ValueError: if the recipe cannot be built: a missing device, or fewer vectors than codes
            for a k-means start.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        variant: str = "main",
        exact_rows: int = EXACT_ROWS,
        held_out_every: int = HELD_OUT_EVERY,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.recipe = recipe
        self.variant = variant
        self._stop = stop
        self._held_out_every = held_out_every
        self.device = resolve_device(recipe.device)
        self.problem = problem_of(recipe)
        compute_on_one_thread()
        self.steps_done = 0
        self.events: tuple[Event, ...] = ()
        data = self.problem.load(recipe.seed)
        self.train_data, self.held_out = data.train.to(self.device), data.held_out.to(self.device)
        self.model, self.quantizer = self._build()
        self.optimizer = AdamW(
            [(self.model.parameters(), recipe.options.weight_decay), (self.quantizer.parameters(), 0.0)],
            learning_rate=recipe.options.learning_rate,
        )
        self._generator = torch.Generator(self.device).manual_seed(recipe.seed)
        self._batches = ShuffledBatches(
            self.train_data.num_inputs, recipe.batch_size, seed=recipe.seed, device=self.device
        )
        shuffled = torch.randperm(self.held_out.num_inputs, generator=_cpu_generator(recipe.seed))
        self.monitor = self.held_out.batch(shuffled[: self.problem.monitor_size].to(self.device))
        inputs, labels = read_only(self.monitor.inputs), self.monitor.labels
        self._shown = {  # one copy for all snapshots
            "inputs": inputs[:SHOWN_INPUTS],
            "targets": read_only(self.monitor.targets[:SHOWN_INPUTS]),
            "monitor_inputs": inputs,
            "labels": None if labels is None else read_only(labels),
        }
        num_codes, num_levels = recipe.num_codes, len(self.quantizer.part_of_level)
        self._usage = [UsageWindow(num_codes, self.device) for _ in range(num_levels)]
        never = torch.full((num_codes,), -1, dtype=torch.int64, device=self.device)
        self.placed_at = {part: never.clone() for part in self.quantizer.parts}
        self._finite = FiniteWatch(self.device)
        self._recorder = Recorder(num_levels, exact_rows)
        self._last: Step | None = None
        self._measured_step = 0
        self._held_out_of = (-1, 0)
        if recipe.code_init == "kmeans" and not self.defer():
            self._place_by_kmeans()

    @property
    def options(self) -> Options:
        """The live options in force."""
        return self.quantizer.options

    def parameters(self) -> Iterator[nn.Parameter]:
        """Of model and quantizer, in an order that the recipe alone decides."""
        yield from self.model.parameters()
        yield from self.quantizer.parameters()

    def keep_rows(self, exact_rows: int) -> None:
        """Keep at least so many of the curves' newest rows one by one from here on."""
        self._recorder.keep_rows(exact_rows)

    @property
    def nbytes(self) -> int:
        """Of weights, gradients, optimizer, counts and the last step; not of the data, which other trainers share."""
        return bytes_of(self._tensors())

    def _tensors(self) -> Iterator[Tensor | None]:
        for module in (self.model, self.quantizer):
            yield from module.buffers()
            for parameter in module.parameters():
                yield from (parameter, parameter.grad, *self.optimizer.state.get(parameter, ()))
        for usage in self._usage:
            yield from usage.tensors()
        if self._last is not None:
            yield from (self._last.z_e, self._last.output, *self._last.codebooks)
            yield from (tensor for level in self._last.levels for tensor in level)

    def step(self) -> None:
        """Train on one batch.

        Raises:
            NonFiniteError: if a tensor became NaN or infinite. On the CPU that is before the weights move,
                elsewhere up to `finite.CHECK_EVERY` steps later.
        """
        self._set_up_optimizer()
        self.defer()
        try:
            batch = self.train_data.batch(next(self._batches))
            done = forward_and_backward(self.problem, self.model, self.quantizer, batch)
        except NonFiniteInputError as error:
            raise NonFiniteError(CHECKED[0], self.steps_done + 1) from error
        self._finite.note(done, self.steps_done + 1)
        self.optimizer.step()
        self.steps_done += 1
        counts = [usage.add(level.codes) for usage, level in zip(self._usage, done.levels, strict=True)]
        for part, levels in self._levels_of_parts():
            part.count_unused_(torch.stack([counts[level] for level in levels]).sum(0))
            if self.options.codebook_update == "ema":
                found = [done.levels[level] for level in levels]
                vectors = torch.cat([level.z_e for level in found])
                ema_update_(part, vectors, torch.cat([level.codes for level in found]))
        if self.options.replace_every > 0:
            self._replace(done, self.options.replace_every)
        self._recorder.add_losses(self.steps_done, done.task_loss, done.commitment_loss, done.quantization_error)
        self._last = done
        if not self.defer() and self.steps_done == self.options.quantize_from and self.recipe.code_init == "kmeans":
            self._place_by_kmeans()
        if self.steps_done % MEASURE_EVERY == 0:
            self._measure()
        if self.steps_done % self._held_out_every == 0:
            self._hold_out()

    def switch(self, options: Options) -> None:
        """Put `options` in force from the next step on, and record what changed.

        Raises:
            ValueError: if the quantizer refuses them; nothing is changed in that case.
        """
        before = self.options
        if self.quantizer.switch_(options):
            for parameter in self.quantizer.parameters():
                self.optimizer.forget(parameter)
        self.defer()
        changes = tuple(
            (name, getattr(options, name))
            for name in option_names()
            if getattr(options, name) != getattr(before, name)
        )
        if changes:
            self._record(", ".join(f"{name} {_short(value)}" for name, value in changes), changes)

    def apply(self, changes: Mapping[str, Any]) -> None:
        """Switch live options by name, or act: `replace` or `kmeans` with the value `now`.

        Raises:
            ValueError: for an unknown name or a value out of range; nothing is changed in that case.
        """
        actions = {"replace": self.replace_now, "kmeans": self.restart_kmeans}
        options = {name: value for name, value in changes.items() if name not in actions}
        unknown = [name for name in options if name not in option_names()]
        if unknown:
            raise ValueError(f"`{unknown[0]}` is not a live switch; choose from {', '.join(option_names())}.")
        if changes:
            self._hold_out()  # what it was like just before, to hold what follows against
        if options:
            self.switch(replace(self.options, **options))
        for name in changes:
            if name in actions:
                actions[name]()

    def replace_now(self) -> None:
        """Move codes unused for `replace_every` steps, or the usage window, onto latents of the last batch.

        Raises:
            ValueError: before the first step, when there are no latents.
        """
        if self._last is None:
            raise ValueError("Replacement needs latents, and no step has been trained yet. Train one step first.")
        unused_for = self.options.replace_every or min(USAGE_WINDOW, self.steps_done)
        moved = int(self._replace(self._last, unused_for))
        self._record(f"replaced {moved}", (("replace", "now"),))

    def restart_kmeans(self) -> None:
        """Set all code vectors to k-means centres of training latents.

        Raises:
            ValueError: if there are fewer distinct vectors than codes; nothing is changed in that case.
        """
        self._place_by_kmeans()
        self._record("k-means", (("kmeans", "now"),))

    def snapshots(self) -> tuple[Snapshot, ...]:
        """This moment, once for each group or level of the quantizer; changes nothing and draws no random number.

        Raises:
            NonFiniteError: if this moment is not finite; see `step`.
        """
        self._finite.raise_if_broken()
        if self._last is not None and self._measured_step != self.steps_done:
            self._measure()
        found_levels, seen, shape = self._hold_out()
        outputs = read_only(seen)
        shared: dict[str, Any] = {**self._shown, "outputs": outputs[:SHOWN_INPUTS], "monitor_outputs": outputs}
        usages = tuple(self._level_usage(level) for level in range(len(found_levels)))
        gradients = [self._gradient_norm(part) for part in self.quantizer.parts]
        taken = []
        for level, (index, found) in enumerate(zip(self.quantizer.part_of_level, found_levels, strict=True)):
            part = self.quantizer.parts[index]
            history = replace(self._recorder.history(level), usage=self._usage[level].through_time())
            taken.append(
                Snapshot(
                    variant=self.variant,
                    step=self.steps_done,
                    level=level,
                    levels=usages,
                    metrics=_metrics(history),
                    held_out=usages[level].held_out,
                    history=history,
                    events=self.events,
                    monitor_of=self.held_out.num_inputs * found.codes.numel() // len(self.monitor.inputs),
                    window_batches=self._usage[level].num_batches,
                    z_e=read_only(found.z_e),
                    codes=read_only(found.codes),
                    codebook=read_only(part.codebook()),
                    counts=usages[level].counts,
                    steps_unused=read_only(part.steps_unused),
                    placed_at=read_only(self.placed_at[part]),
                    gradient_norm=read_only(gradients[index]),
                    code_maps=read_only(found.codes.view(shape)[:SHOWN_INPUTS]),
                    **shared,
                )
            )
        return tuple(taken)

    def pictures(self) -> tuple[Picture, ...]:
        """Whole held-out images at this moment, by level; empty where the problem has none. Changes nothing."""
        return pictures(self.problem, self.model, self.quantizer, self.steps_done)

    def snapshot(self) -> Snapshot:
        """This moment at the first level; see `snapshots`."""
        return self.snapshots()[0]

    def examine(self, code: int, level: int = 0) -> Examination:
        """One code examined with the model; see `examine_code`."""
        self._finite.raise_if_broken()
        return examine_code(self.problem, self.model, self.quantizer, self.monitor, code, level, self.steps_done)

    def evaluate(self) -> HeldOut:
        """Loss, error and usage over all held-out data."""
        return evaluate(self.problem, self.model, self.quantizer, self.held_out)

    def fork(self, variant: str) -> "Trainer":
        """An exact copy called `variant`, bit for bit the same at this moment.

        It has copies of weights, optimizer state, random numbers, data order, usage and curves, and shares only
        the data, which nobody changes.
        """
        shared = (self.problem, self.recipe, self.train_data, self.held_out, self.monitor, self._shown)
        twin = copy.deepcopy(self, {id(each): each for each in shared})
        twin.variant = variant
        for module, of_twin in ((self.model, twin.model), (self.quantizer, twin.quantizer)):
            for parameter, copied in zip(module.parameters(), of_twin.parameters(), strict=True):
                if parameter.grad is not None:  # which a copy of a parameter leaves behind
                    copied.grad = parameter.grad.clone()
        return twin

    def _set_up_optimizer(self) -> None:
        """Have the next step descend with the options in force at the rate of its place in the schedule."""
        options = self.options
        self.optimizer.zero_grad()
        self.optimizer.learning_rate = options.learning_rate * share_of_rate(options, self.steps_done)
        self.optimizer.betas = (options.adam_beta1, options.adam_beta2)
        self.optimizer.decays[0] = options.weight_decay

    def defer(self) -> bool:
        """Let z_e through before the step at which quantizing begins; returns whether that is so now."""
        self.quantizer.is_deferred = self.steps_done < self.options.quantize_from
        return self.quantizer.is_deferred

    def _build(self) -> tuple[Model, Quantizer]:
        generator = _cpu_generator(self.recipe.seed)
        model = built(self.problem, generator)
        quantizer = _quantizer(self.recipe, self.problem.dim, generator)
        return model.to(self.device), quantizer.to(self.device)

    def _levels_of_parts(self) -> Iterator[tuple[VectorQuantizer, list[int]]]:
        """Each codebook with the levels that search it."""
        for index, part in enumerate(self.quantizer.parts):
            yield part, [level for level, own in enumerate(self.quantizer.part_of_level) if own == index]

    def _replace(self, done: Step, unused_for: int) -> Tensor:
        """How many codes moved."""
        moved_codes = torch.zeros((), dtype=torch.int64, device=self.device)
        for part, levels in self._levels_of_parts():
            vectors = torch.cat([done.levels[level].z_e for level in levels])
            moved = replace_unused_(part, vectors, unused_for, generator=self._generator)
            self.optimizer.forget(part.raw_codebook, moved)
            self.placed_at[part].masked_fill_(moved, self.steps_done)
            moved_codes += moved.sum()
        return moved_codes

    @torch.no_grad()
    def _place_by_kmeans(self) -> None:
        wanted = VECTORS_PER_CODE * self.recipe.num_codes
        generator = _cpu_generator(self.recipe.seed)
        order = torch.randperm(self.train_data.num_inputs, generator=generator).to(self.device)
        vectors: list[Tensor] = []
        with evaluating(self.quantizer), as_in_training(self.model):
            for index in order.split(64):
                self._raise_if_stopped()
                vectors.append(self.model.encode(self.train_data.batch(index).inputs).flatten(0, -2))
                if sum(map(len, vectors)) >= wanted:
                    break
            z_e = torch.cat(vectors)[:wanted]
            kmeans_start_(self.quantizer, z_e, seed=self.recipe.seed, seek=self._sought)
        for part in self.quantizer.parts:
            everywhere = torch.ones_like(part.steps_unused, dtype=torch.bool)
            self.optimizer.forget(part.raw_codebook)
            self.placed_at[part].masked_fill_(everywhere, self.steps_done)

    def _sought(self, vectors: NDArray[np.float32], num_codes: int, *, seed: int) -> NDArray[np.float32]:
        self._raise_if_stopped()  # between two levels, each of which may take long
        return remembered_codebook(vectors, num_codes, seed=seed)

    def _raise_if_stopped(self) -> None:
        if self._stop():
            raise StoppedError

    @torch.no_grad()
    def _hold_out(self) -> tuple[tuple[Level, ...], Tensor, torch.Size]:
        """Pass the monitor inputs through the model, and note what they say of this step.

        Returns:
            What each level found, the outputs (I, …), and the shape of the codes of one level.
        """
        with evaluating(self.model, self.quantizer):
            z_e = self.model.encode(self.monitor.inputs)
            quantized, levels = self.quantizer.quantize(z_e)
            outputs = self.model.decode(quantized.z_q)
        moment = (self.steps_done, len(self.events))  # a switch can change the codes within a step
        if self._held_out_of != moment:
            whole = [
                self.quantizer.error_of(levels),
                self.problem.loss(outputs, self.monitor.targets),
                _accuracy(self.problem, outputs, self.monitor.targets),
            ]
            num_codes = self.recipe.num_codes
            self._recorder.add_held_out(self.steps_done, [[*_usage(level, num_codes), *whole] for level in levels])
            self._held_out_of = moment
        return levels, outputs, z_e.shape[:-1]

    @torch.no_grad()
    def _measure(self) -> None:
        assert self._last is not None
        levels = zip(self._usage, self._last.levels, self.quantizer.part_of_level, strict=True)
        self._recorder.add_measured(self.steps_done, [self._measured(*level) for level in levels])
        self._measured_step = self.steps_done

    def _measured(self, usage: UsageWindow, level: Level, part: int) -> list[Tensor]:
        """One level's row in the order of `MEASURED`."""
        assert self._last is not None
        p_var, p_mean = torch.var_mean(level.z_e, 0, correction=0)
        c_var, c_mean = torch.var_mean(self._last.codebooks[part], 0, correction=0)
        return [
            perplexity(usage.counts),
            (usage.counts > 0).sum(),
            error_of_level(level) / p_var.sum(),
            p_var.mean().sqrt(),
            c_var.mean().sqrt(),
            p_mean.norm(),
            c_mean.norm(),
            ((p_mean - c_mean).square().sum() + (p_var.sqrt() - c_var.sqrt()).square().sum()).sqrt(),
            self._reached_by_gradient(self.quantizer.parts[part]).float().mean(),
        ]

    def _level_usage(self, level: int) -> LevelUsage:
        history = self._recorder.history(level)
        metrics, counts = _metrics(history), read_only(self._usage[level].counts)
        now = _held_out(history)
        return LevelUsage(counts, metrics.perplexity, metrics.active_codes, metrics.relative_error, now)

    def _gradient_norm(self, part: VectorQuantizer) -> Tensor:
        raw = part.raw_codebook
        gradient = torch.zeros_like(raw) if raw.grad is None else raw.grad
        if self._last is not None and part in self._last.inner_gradients:
            gradient = gradient + self._last.inner_gradients[part]
        norms: Tensor = torch.linalg.vector_norm(gradient, dim=1)
        return norms

    def _reached_by_gradient(self, part: VectorQuantizer) -> Tensor:
        """(K,) whether a gradient of the newest step reaches the effective code vector, s·c_raw + b.

        Through its own raw row, or through its group's row of a learned map, which carries all codes of the group.
        """
        reached = self._gradient_norm(part) > 0
        scale, bias = part.affine.scale.grad, part.affine.bias.grad  # (G, D)
        if self.options.affine == "learned" and scale is not None and bias is not None:
            moved = (scale != 0).any(1) | (bias != 0).any(1)
            reached = reached | moved[part.affine.group_of_code(self.options.affine_groups)]
        return reached

    def _record(self, label: str, changes: tuple[tuple[str, object], ...]) -> None:
        self.events += (Event(self.steps_done, self.variant, label, changes),)


def _quantizer(recipe: Recipe, dim: int, generator: torch.Generator) -> Quantizer:
    num_codes, levels, options, share = recipe.num_codes, recipe.levels, recipe.options, recipe.share
    if recipe.structure == "grouped":
        return GroupedQuantizer(num_codes, dim, levels, options, share=share, generator=generator)
    if recipe.structure == "residual":
        return ResidualQuantizer(num_codes, dim, levels, options, share=share, generator=generator)
    return VectorQuantizer(num_codes, dim, options, generator=generator)


def _metrics(history: History) -> Metrics:
    columns = {**history.losses, **history.measured}
    values: dict[str, Any] = {name: float(rows[-1]) if len(rows) else math.nan for name, rows in columns.items()}
    values["active_codes"] = int(values["active_codes"]) if len(history.measured_at) else 0
    return Metrics(**values)


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


def _cpu_generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else written(value)
