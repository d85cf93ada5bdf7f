"""Trains one variant, a step at a time. Knows no thread, no clock and no page."""

# N vectors of a batch, K codes, D features

import math
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vqcore.capture import capture
from vqcore.problems.catalogue import find_problem
from vqcore.problems.problem import Model, Split
from vqcore.quantizer.kmeans import VECTORS_PER_CODE, kmeans_codebook
from vqcore.quantizer.layer import VectorQuantizer
from vqcore.quantizer.options import Options, option_names
from vqcore.quantizer.replacement import replace_unused_
from vqcore.snapshot import Event, Metrics, Snapshot
from vqcore.training.evaluation import HeldOut, evaluate, evaluating
from vqcore.training.finite import FiniteWatch
from vqcore.training.history import LOSSES, MEASURED, Recorder
from vqcore.training.recipe import Recipe, resolve_device
from vqcore.training.step import Step, forward_and_backward
from vqcore.training.usage_window import USAGE_WINDOW, UsageWindow

MEASURE_EVERY = 5
"""Steps between two rows of the slower measurements."""

SHOWN_INPUTS = 6
MODEL_WEIGHT_DECAY = 0.01
"""AdamW's usual decay, for the model. None for the codebook: it would pull dead codes to the origin."""

_build_lock = threading.Lock()


class Trainer:
    """Model, quantizer, optimizer and data of one training. Use from one thread at a time.

    Raises:
        ValueError: where the recipe cannot be built: a device that is not there, or fewer vectors than codes
            for a k-means start.
    """

    def __init__(self, recipe: Recipe, *, variant: str = "main") -> None:
        self.recipe = recipe
        self.variant = variant
        self.device = resolve_device(recipe.device)
        self.problem = find_problem(recipe.problem)
        # One core stays with whoever watches: with all of them taken, every wait for a thread costs a step.
        torch.set_num_threads(max(1, min(self.problem.threads, (os.cpu_count() or 2) - 1)))
        self.steps_done = 0
        self.events: tuple[Event, ...] = ()
        data = self.problem.load(recipe.seed)
        self.train_data, self.held_out = data.train.to(self.device), data.held_out.to(self.device)
        self.model, self.quantizer = self._build()
        self.optimizer = torch.optim.AdamW(
            [
                {"params": list(self.model.parameters()), "weight_decay": MODEL_WEIGHT_DECAY},
                {"params": list(self.quantizer.parameters()), "weight_decay": 0.0},
            ],
            lr=recipe.options.learning_rate,
        )
        self._generator = torch.Generator(self.device).manual_seed(recipe.seed)
        self._batches = self._shuffled_batches()
        shuffled = torch.randperm(len(self.held_out.inputs), generator=_cpu_generator(recipe.seed))
        self._monitor = self.held_out.batch(shuffled[: self.problem.monitor_size].to(self.device))
        num_codes = recipe.num_codes
        self._usage = UsageWindow(num_codes, self.device)
        self._placed_at = torch.full((num_codes,), -1, dtype=torch.int64, device=self.device)
        self._finite = FiniteWatch(self.device)
        self._recorder = Recorder()
        self._last: Step | None = None
        self._measured_step = 0
        if recipe.code_init == "kmeans":
            self._place_by_kmeans()

    @property
    def options(self) -> Options:
        """The live options in force."""
        return self.quantizer.options

    def step(self) -> None:
        """Train on one batch.

        Raises:
            NonFiniteError: where a tensor became NaN or infinite. On the CPU that is before the weights move,
                elsewhere up to `finite.CHECK_EVERY` steps later.
        """
        self.optimizer.zero_grad(set_to_none=True)
        done = forward_and_backward(self.problem, self.model, self.quantizer, next(self._batches))
        self._finite.note(done, self.steps_done + 1)
        self.optimizer.step()
        self.steps_done += 1
        self.quantizer.count_unused_(self._usage.add(done.codes))
        if self.options.replace_every > 0:
            self._replace(done.z_e, self.options.replace_every)
        self._recorder.add_losses(done.task_loss, done.commitment_loss, done.quantization_error)
        self._last = done
        if self.steps_done % MEASURE_EVERY == 0:
            self._measure()

    def switch(self, options: Options) -> None:
        """Put `options` in force from the next step on, and record what changed.

        Raises:
            ValueError: where the quantizer refuses them; nothing has changed then.
        """
        before = self.options
        if self.quantizer.switch_(options):
            for parameter in self.quantizer.parameters():
                self.optimizer.state.pop(parameter, None)
        for group in self.optimizer.param_groups:
            group["lr"] = options.learning_rate
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
            ValueError: for an unknown name or a value out of range; nothing has changed then.
        """
        actions = {"replace": self.replace_now, "kmeans": self.restart_kmeans}
        options = {name: value for name, value in changes.items() if name not in actions}
        unknown = [name for name in options if name not in option_names()]
        if unknown:
            raise ValueError(f"`{unknown[0]}` is no live switch; there are {', '.join(option_names())}.")
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
        moved = int(self._replace(self._last.z_e, unused_for).sum())
        self._record(f"replaced {moved}", (("replace", "now"),))

    def restart_kmeans(self) -> None:
        """Set all code vectors to k-means centres of training latents.

        Raises:
            ValueError: where there are fewer distinct vectors than codes; nothing has changed then.
        """
        self._place_by_kmeans()
        self._record("k-means", (("kmeans", "now"),))

    def snapshot(self) -> Snapshot:
        """This moment; changes nothing and draws no random number.

        Raises:
            NonFiniteError: where this moment is none to show; see `step`.
        """
        self._finite.raise_if_broken()
        if self._last is not None and self._measured_step != self.steps_done:
            self._measure()
        with evaluating(self.model, self.quantizer):
            z_e = self.model.encode(self._monitor.inputs)
            quantized = self.quantizer(z_e)
            outputs = self.model.decode(quantized.z_q[:SHOWN_INPUTS])
            codebook = self.quantizer.codebook()
        history = self._recorder.history()
        values = {name: float(column[-1]) for name, column in history.losses.items() if len(column)}
        values |= {name: float(column[-1]) for name, column in history.measured.items() if len(column)}
        metrics: dict[str, Any] = {name: values.get(name, math.nan) for name in (*LOSSES, *MEASURED)}
        return capture(
            variant=self.variant,
            step=self.steps_done,
            metrics=Metrics(**{**metrics, "active_codes": int(values.get("active_codes", 0))}),
            history=history,
            events=self.events,
            monitor_of=len(self.held_out.inputs) * z_e[0].numel() // self.quantizer.dim,
            window_batches=self._usage.num_batches,
            z_e=z_e.flatten(0, -2),
            codes=quantized.codes.flatten(),
            codebook=codebook,
            counts=self._usage.counts,
            steps_unused=self.quantizer.steps_unused,
            placed_at=self._placed_at,
            gradient_norm=self._gradient_norm(),
            inputs=self._monitor.inputs[:SHOWN_INPUTS],
            outputs=outputs,
            targets=self._monitor.targets[:SHOWN_INPUTS],
            code_maps=quantized.codes[:SHOWN_INPUTS],
        )

    def evaluate(self) -> HeldOut:
        """Loss, error and usage over all held-out data."""
        return evaluate(self.problem, self.model, self.quantizer, self.held_out)

    def _build(self) -> tuple[Model, VectorQuantizer]:
        # Layers initialize from the process's one generator: alone, and leaving it as it was.
        with _build_lock, torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.seed)
            model = self.problem.build()
            quantizer = VectorQuantizer(self.recipe.num_codes, self.problem.dim, self.recipe.options)
        return model.to(self.device), quantizer.to(self.device)

    def _shuffled_batches(self) -> Iterator[Split]:
        generator = _cpu_generator(self.recipe.seed)
        size = min(self.recipe.batch_size, len(self.train_data.inputs))
        while True:
            order = torch.randperm(len(self.train_data.inputs), generator=generator).to(self.device)
            for start in range(0, len(order) - size + 1, size):
                yield self.train_data.batch(order[start : start + size])

    def _replace(self, z_e: Tensor, unused_for: int) -> Tensor:
        moved = replace_unused_(self.quantizer, z_e, unused_for, generator=self._generator)
        self._forget_moments(moved)
        self._placed_at.masked_fill_(moved, self.steps_done)
        return moved

    @torch.no_grad()
    def _place_by_kmeans(self) -> None:
        wanted = VECTORS_PER_CODE * self.recipe.num_codes
        generator = _cpu_generator(self.recipe.seed)
        order = torch.randperm(len(self.train_data.inputs), generator=generator).to(self.device)
        vectors: list[Tensor] = []
        with evaluating(self.model, self.quantizer):
            for index in order.split(64):
                vectors.append(self.model.encode(self.train_data.inputs[index]).flatten(0, -2))
                if sum(map(len, vectors)) >= wanted:
                    break
        latents = torch.cat(vectors)[:wanted].cpu().numpy()
        centres = kmeans_codebook(latents, self.recipe.num_codes, seed=self.recipe.seed)
        self.quantizer.place_(torch.from_numpy(centres).to(self.device))
        self.quantizer.steps_unused.zero_()
        everywhere = torch.ones_like(self._placed_at, dtype=torch.bool)
        self._forget_moments(everywhere)
        self._placed_at.masked_fill_(everywhere, self.steps_done)

    def _forget_moments(self, moved: Tensor) -> None:
        state = self.optimizer.state.get(self.quantizer.raw_codebook, {})
        for name in ("exp_avg", "exp_avg_sq"):
            if name in state:
                state[name].masked_fill_(moved[:, None], 0)

    @torch.no_grad()
    def _measure(self) -> None:
        assert self._last is not None
        counts = self._usage.counts
        shares = counts / counts.sum()
        p_var, p_mean = torch.var_mean(self._last.z_e.flatten(0, -2), 0, correction=0)
        c_var, c_mean = torch.var_mean(self._last.codebook, 0, correction=0)
        self._recorder.add_measured(
            self.steps_done,
            torch.special.entr(shares).sum().exp(),
            (counts > 0).sum(),
            self._last.quantization_error / p_var.sum(),
            p_var.mean().sqrt(),
            c_var.mean().sqrt(),
            p_mean.norm(),
            c_mean.norm(),
            ((p_mean - c_mean).square().sum() + (p_var.sqrt() - c_var.sqrt()).square().sum()).sqrt(),
            self._reached_by_gradient().float().mean(),
        )
        self._measured_step = self.steps_done

    def _raw_gradient(self) -> Tensor:
        codebook = self.quantizer.raw_codebook
        gradient = torch.zeros_like(codebook) if codebook.grad is None else codebook.grad
        inner = self._last.inner_gradient if self._last is not None else None
        return gradient if inner is None else gradient + inner

    def _gradient_norm(self) -> Tensor:
        norms: Tensor = torch.linalg.vector_norm(self._raw_gradient(), dim=1)
        return norms

    def _reached_by_gradient(self) -> Tensor:
        reached = self._gradient_norm() > 0  # (K,)
        shared = self.quantizer.affine.bias.grad
        if self.options.affine == "learned" and shared is not None:
            reached = reached | (shared.abs().sum() > 0)
        return reached

    def _record(self, label: str, changes: tuple[tuple[str, object], ...]) -> None:
        self.events += (Event(self.steps_done, self.variant, label, changes),)


def _cpu_generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
