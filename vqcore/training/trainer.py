"""Trains one variant, one step at a time, without threads or clocks."""

# N vectors of a batch, K codes, D features

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from vqcore.capture import read_only
from vqcore.quantizer.layer import NonFiniteInputError
from vqcore.quantizer.options import Options, option_names
from vqcore.snapshot import Event, Picture, Snapshot
from vqcore.training.adamw import AdamW
from vqcore.training.batches import ShuffledBatches
from vqcore.training.code_moves import count_and_average_, place_by_kmeans_, replace_on_each_part_
from vqcore.training.construction import cpu_generator, model_and_quantizer
from vqcore.training.cores import compute_on_one_thread
from vqcore.training.evaluation import HeldOut, evaluate
from vqcore.training.examination import Examination, examine_code
from vqcore.training.finite import CHECKED, FiniteWatch, NonFiniteError
from vqcore.training.history import EXACT_ROWS
from vqcore.training.measurements import HeldOutPass, Measurements, gradient_norm, metrics_of
from vqcore.training.memory import bytes_of
from vqcore.training.picturing import pictures
from vqcore.training.recipe import Recipe, problem_of, resolve_device, written
from vqcore.training.schedule import share_of_rate
from vqcore.training.step import Step, forward_and_backward
from vqcore.training.usage_window import USAGE_WINDOW

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
        self.model, self.quantizer = model_and_quantizer(recipe, self.problem, self.device)
        self.optimizer = AdamW(
            [(self.model.parameters(), recipe.options.weight_decay), (self.quantizer.parameters(), 0.0)],
            learning_rate=recipe.options.learning_rate,
        )
        self._generator = torch.Generator(self.device).manual_seed(recipe.seed)
        self._batches = ShuffledBatches(
            self.train_data.num_inputs, recipe.batch_size, seed=recipe.seed, device=self.device
        )
        shuffled = torch.randperm(self.held_out.num_inputs, generator=cpu_generator(recipe.seed))
        self.monitor = self.held_out.batch(shuffled[: self.problem.monitor_size].to(self.device))
        inputs, labels = read_only(self.monitor.inputs), self.monitor.labels
        self._shown = {  # one copy for all snapshots
            "inputs": inputs[:SHOWN_INPUTS],
            "targets": read_only(self.monitor.targets[:SHOWN_INPUTS]),
            "monitor_inputs": inputs,
            "labels": None if labels is None else read_only(labels),
        }
        self.measurements = Measurements(self.problem, self.model, self.quantizer, self.device, exact_rows)
        never = torch.full((recipe.num_codes,), -1, dtype=torch.int64, device=self.device)
        self.placed_at = {part: never.clone() for part in self.quantizer.parts}
        self._finite = FiniteWatch(self.device)
        self._last: Step | None = None
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
        self.measurements.keep_rows(exact_rows)

    @property
    def nbytes(self) -> int:
        """Of weights, gradients, optimizer, counts and the last step; not of the data, which other trainers share."""
        return bytes_of(self._tensors())

    def _tensors(self) -> Iterator[Tensor | None]:
        for module in (self.model, self.quantizer):
            yield from module.buffers()
            for parameter in module.parameters():
                yield from (parameter, parameter.grad, *self.optimizer.state.get(parameter, ()))
        yield from self.measurements.tensors()
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
        count_and_average_(self.quantizer, done, self.measurements.count(done.levels))
        if self.options.replace_every > 0:
            self._replace(done, self.options.replace_every)
        self.measurements.add_losses(self.steps_done, done)
        self._last = done
        if not self.defer() and self.steps_done == self.options.quantize_from and self.recipe.code_init == "kmeans":
            self._place_by_kmeans()
        if self.steps_done % MEASURE_EVERY == 0:
            self.measurements.measure(self.steps_done, done)
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
        if self._last is not None:
            self.measurements.measure(self.steps_done, self._last)
        seen = self._hold_out()
        outputs = read_only(seen.outputs)
        shared: dict[str, Any] = {**self._shown, "outputs": outputs[:SHOWN_INPUTS], "monitor_outputs": outputs}
        usages = tuple(self.measurements.level_usage(level) for level in range(len(seen.levels)))
        gradients = [gradient_norm(part, self._last) for part in self.quantizer.parts]
        taken = []
        for level, (index, found) in enumerate(zip(self.quantizer.part_of_level, seen.levels, strict=True)):
            part = self.quantizer.parts[index]
            history = self.measurements.history(level)
            taken.append(
                Snapshot(
                    variant=self.variant,
                    step=self.steps_done,
                    level=level,
                    levels=usages,
                    metrics=metrics_of(history),
                    held_out=usages[level].held_out,
                    history=history,
                    events=self.events,
                    monitor_of=self.held_out.num_inputs * found.codes.numel() // len(self.monitor.inputs),
                    window_batches=self.measurements.num_batches(level),
                    z_e=read_only(found.z_e),
                    codes=read_only(found.codes),
                    codebook=read_only(part.codebook()),
                    raw_codebook=None if self.options.affine == "off" else read_only(part.raw_codebook),
                    counts=usages[level].counts,
                    steps_unused=read_only(part.steps_unused),
                    placed_at=read_only(self.placed_at[part]),
                    gradient_norm=read_only(gradients[index]),
                    code_maps=read_only(found.codes.view(seen.shape)[:SHOWN_INPUTS]),
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

    def _replace(self, done: Step, unused_for: int) -> Tensor:
        """How many codes moved."""
        moved_codes = torch.zeros((), dtype=torch.int64, device=self.device)
        for part, moved in replace_on_each_part_(self.quantizer, done, unused_for, self._generator):
            self.optimizer.forget(part.raw_codebook, moved)
            self.placed_at[part].masked_fill_(moved, self.steps_done)
            moved_codes += moved.sum()
        return moved_codes

    def _place_by_kmeans(self) -> None:
        place_by_kmeans_(
            self.model,
            self.quantizer,
            self.train_data,
            seed=self.recipe.seed,
            raise_if_stopped=self._raise_if_stopped,
        )
        for part in self.quantizer.parts:
            self.optimizer.forget(part.raw_codebook)
            self.placed_at[part].fill_(self.steps_done)

    def _raise_if_stopped(self) -> None:
        if self._stop():
            raise StoppedError

    def _hold_out(self) -> HeldOutPass:
        return self.measurements.hold_out(self.monitor, self.steps_done, len(self.events))

    def _record(self, label: str, changes: tuple[tuple[str, object], ...]) -> None:
        self.events += (Event(self.steps_done, self.variant, label, changes),)


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else written(value)
