"""The command line that repeats what a page shows."""

import shlex
from collections.abc import Sequence
from typing import Any

from vqcore.quantizer.options import option_names
from vqcore.snapshot import Event
from vqcore.training.recipe import SETTINGS, Recipe, default_recipe, differences, written


def command(recipe: Recipe, events: Sequence[Event], steps: int) -> str:
    """The command line that trains `recipe` for `steps` steps with the same switches at the same steps."""
    words = ["python -m vqcore train", recipe.problem, f"--steps {steps}", f"--seed {recipe.seed}"]
    if recipe.device != "auto":
        words.append(f"--device {recipe.device}")
    if changes := differences(recipe, default_recipe(recipe.problem), (*SETTINGS, *option_names())):
        words.append(f"--set {_pairs(tuple(changes.items()))}")
    words += [f"--at {event.step} {_pairs(event.changes)}" for event in events]
    return " ".join(words)


def _pairs(changes: Sequence[tuple[str, Any]]) -> str:
    return " ".join(shlex.quote(f"{name}={written(value)}") for name, value in changes)
