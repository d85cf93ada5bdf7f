"""The same variants under several seeds, trained in a background thread, with their mean and range."""

# S seeds done, T recorded steps

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.links.variant_names import MOST_SEEDS, MOST_STEPS
from app.sessions.background import Background
from vqcore.history import History
from vqcore.training.cores import TURNS, yield_to_others
from vqcore.training.finite import NonFiniteError
from vqcore.training.recipe import Recipe
from vqcore.training.trainer import HELD_OUT_EVERY, Trainer

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

SEEDS = 5
QUANTITIES = ("in_use", "perplexity", "task_loss", "quantization_error", "relative_error", "accuracy")
"""What is kept of each training, all by its held-out monitor inputs."""

FEWEST_POINTS = 40
"""Points that a curve has, if there are as many steps."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to train: variants by name, how many seeds from their own on, and how many steps each."""

    recipes: tuple[tuple[str, Recipe], ...]
    seeds: int = SEEDS
    steps: int = 200

    def __post_init__(self) -> None:
        for name, most in (("seeds", MOST_SEEDS), ("steps", MOST_STEPS)):
            if not 1 <= (value := getattr(self, name)) <= most:
                raise ValueError(f"`{name}` must be a whole number from 1 to {most:,}, but got {value:,}.")


class Line(NamedTuple):
    """One quantity of one training, (T,) each."""

    steps: Ints
    values: Floats


SeedResult = Mapping[str, Mapping[str, Line]]
"""Curves by variant and quantity."""


class Band(NamedTuple):
    """Mean and range over seeds, (T,) each, over those that are finite there; NaN if none is."""

    steps: Ints
    least: Floats
    mean: Floats
    greatest: Floats


class SeedRuns(Background):
    """A plan being carried out seed by seed, all variants of one seed before the next."""

    FAILED = "The seeds could not be trained"

    def __init__(self, plan: Plan) -> None:
        super().__init__("seeds")
        self.plan = plan
        self.id = secrets.token_urlsafe(9)
        self.results: tuple[SeedResult, ...] = ()
        """Results so far; the list is replaced, never changed."""

        self.steps_done = 0
        self.diverged: tuple[str, ...] = ()
        """A sentence for each training that failed; its curves end there."""

    @property
    def share(self) -> float:
        """How much of all steps is done, 0…1."""
        plan = self.plan
        return min(1.0, self.steps_done / (plan.seeds * plan.steps * len(plan.recipes)))

    def _work(self) -> None:
        yield_to_others()
        for number in range(self.plan.seeds):
            found: dict[str, Mapping[str, Line]] = {}
            for name, recipe in self.plan.recipes:
                found[name] = self._train(name, replace(recipe, seed=recipe.seed + number))
                if self._stopping.is_set():
                    return
            self.results = (*self.results, found)

    def _train(self, name: str, recipe: Recipe) -> Mapping[str, Line]:
        every = max(1, min(HELD_OUT_EVERY, self.plan.steps // FEWEST_POINTS))
        trainer = Trainer(recipe, variant=name, exact_rows=self.plan.steps, held_out_every=every)
        begun_at = self.steps_done
        try:
            for _ in range(self.plan.steps):
                if self._stopping.is_set():
                    return {}
                with TURNS:
                    trainer.step()
                self.steps_done += 1
        except NonFiniteError as error:
            self.diverged = (*self.diverged, f"{name} on seed {recipe.seed}: {error}")
            self.steps_done = begun_at + self.plan.steps
        history = trainer.snapshot().history
        return {quantity: _line(history, quantity) for quantity in QUANTITIES}


def band(results: Sequence[SeedResult], variant: str, quantity: str) -> Band:
    """Mean, least and greatest of one quantity over the seeds that are done."""
    lines = [result[variant][quantity] for result in results]
    steps = max((line.steps for line in lines), key=len)
    values = np.full((len(lines), len(steps)), np.nan)  # (S, T)
    for row, line in zip(values, lines, strict=True):
        at = np.searchsorted(steps, line.steps)
        there = (at < len(steps)) & (steps[np.minimum(at, len(steps) - 1)] == line.steps)
        row[at[there]] = line.values[there]
    known = np.isfinite(values)
    count = known.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, values, 0).sum(0) / count
    least, greatest = (
        np.where(count > 0, part, np.nan)
        for part in (np.where(known, values, np.inf).min(0), np.where(known, values, -np.inf).max(0))
    )
    return Band(steps, *(part.astype(np.float32) for part in (least, mean, greatest)))


def _line(history: History, quantity: str) -> Line:
    points = history.points(f"held_out.{quantity}")
    return Line(points.last_step, points.mean)
