"""What a start is: a training, the step at which it pauses, and the experiments offered there, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from vqcore.training.experiment_plan import ExperimentPlan
from vqcore.training.recipe import Recipe, default_recipe

UNLESS_SEEDS_DIFFER = 0.9
"""A claim is one where it holds on at least this share of seeds."""


class Outcome(NamedTuple):
    """What all held-out data say of one training."""

    task_loss: float
    active_codes: int
    perplexity: float
    accuracy: float | None = None
    """None without classes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claims:
    """What an experiment does, held-out, `steps` after the pause; ratios are to the same seed left alone.

    None: no claim is made.
    """

    task_loss_ratio_below: float | None = None
    active_codes_ratio_above: float | None = None
    accuracy_above: float | None = None

    def made(self) -> dict[str, float]:
        """Those that are made, by name."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in values.items() if value is not None}


NO_CLAIMS = Claims()


def measured(outcome: Outcome, left_alone: Outcome) -> dict[str, float | None]:
    """By the name of each claim, the number that it speaks of.

    >>> measured(Outcome(0.5, 30, 9.0), Outcome(1.0, 10, 3.0))
    {'task_loss_ratio_below': 0.5, 'active_codes_ratio_above': 3.0, 'accuracy_above': None}
    """
    return {
        "task_loss_ratio_below": outcome.task_loss / left_alone.task_loss,
        "active_codes_ratio_above": outcome.active_codes / max(1, left_alone.active_codes),
        "accuracy_above": outcome.accuracy,
    }


def holds(claim: str, threshold: float, value: float | None) -> bool:
    """Whether `value` keeps the claim of that name; a number that is not one keeps none."""
    if value is None:
        return False
    return value < threshold if claim.endswith("_below") else value > threshold


@dataclass(frozen=True, kw_only=True, slots=True)
class Experiment:
    """Changes thrown at the pause, and what they are claimed to do."""

    name: str
    changes: Mapping[str, Any]
    """Live options by name."""

    claims: Claims = NO_CLAIMS


@dataclass(frozen=True, kw_only=True, slots=True)
class Symptom:
    """What is seen at the pause on nearly every seed; a seed without it has nothing to mend."""

    words: str
    """What the training did, as in "this seed did not …"."""

    active_share_below: float = 1.0
    """In use of K."""

    accuracy_below: float = 1.0

    def shows(self, active_share: float, accuracy: float | None) -> bool:
        """Whether a training with these held-out numbers has it."""
        return active_share < self.active_share_below and (accuracy is None or accuracy < self.accuracy_below)


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """Where one begins: no cage, all settings and switches stay free."""

    name: str
    title: str
    about: str
    """One sentence for the card: what happens, and what brings it back."""

    look_at: str
    """What is seen when it pauses, with `in_use`, `num_codes` and `right` of that moment in braces."""

    problem: str
    settings: Mapping[str, Any]
    """Recipe fields and live options that differ from the problem's own."""

    pause_at: int
    steps: int
    """Of each experiment."""

    experiments: tuple[Experiment, ...]
    symptom: Symptom | None = None
    seed: int = field(default=0)
    """The one that the page begins with: one with the symptom."""

    def recipe(self, seed: int | None = None, device: str = "auto") -> Recipe:
        """The training, with the start's own seed by default."""
        return default_recipe(
            self.problem, seed=self.seed if seed is None else seed, device=device, **dict(self.settings)
        )

    def plan(self) -> ExperimentPlan:
        """As a session takes it."""
        changes = {each.name: each.changes for each in self.experiments}
        return ExperimentPlan(pause_at=self.pause_at, steps=self.steps, changes=MappingProxyType(changes))

    def is_begun_as(self, recipe: Recipe) -> bool:
        """Whether `recipe` is this start's at any seed and on any device."""
        return replace(recipe, seed=0, device="auto") == self.recipe(seed=0)

    def as_json(self) -> dict[str, Any]:
        """As `python -m vqcore starts --json` prints it."""
        return {
            "name": self.name,
            "title": self.title,
            "problem": self.problem,
            "settings": dict(self.settings),
            "pause_at": self.pause_at,
            "steps": self.steps,
            "experiments": [
                {"name": each.name, "changes": dict(each.changes), "claims": each.claims.made()}
                for each in self.experiments
            ],
        }

    def __post_init__(self: Self) -> None:
        assert self.experiments[0].changes == {}, "the first experiment leaves the training alone"
        assert self.recipe() is not None  # all names and values are the recipe's
