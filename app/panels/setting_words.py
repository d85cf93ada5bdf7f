"""What differs between two recipes, in words: settings that only a restart changes, and switches. Knows no page."""

from typing import Any

from app.panels.switch_words import switch_words
from vqcore.quantizer.options import option_names
from vqcore.training.recipe import SETTINGS, Recipe, differences, setting_of, written

RESTARTING = ("seed", *SETTINGS)
"""What only a restart changes, besides problem and device."""

NAMES = {
    "num_codes": "K",
    "batch_size": "batch",
    "code_init": "codes start",
    "share": "one codebook for all",
    "data": "images",
    "image_size": "image size",
    "quantize_at": "quantized at",
}


def setting_words(name: str, structure: str = "") -> str:
    """What a sentence calls a setting; of a `structure`, how many parts it has."""
    return "groups" if name == "levels" and structure == "grouped" else NAMES.get(name, name)


def setting_changes(recipe: Recipe, to: Recipe) -> list[str]:
    """What a restart changes, from what it is now to what it will be.

    >>> from vqcore.training.recipe import default_recipe
    >>> setting_changes(default_recipe("plane"), default_recipe("plane", num_codes=4, seed=3))
    ['seed 0 → 3', 'K 32 → 4']
    """
    return [
        f"{setting_words(name, to.structure)} {said_of(setting_of(recipe, name))} → {said_of(value)}"
        for name, value in _of_structure(to, differences(to, recipe, RESTARTING)).items()
    ]


def recipe_differences(recipe: Recipe, other: Recipe) -> list[str]:
    """How `recipe` differs from `other` in what a training starts from: problem, settings and switches.

    >>> from vqcore.training.recipe import default_recipe
    >>> recipe_differences(default_recipe("plane", num_codes=4, sync=0.5), default_recipe("plane"))
    ['K 4', 'sync ν = 0.5']
    """
    if recipe.problem != other.problem:
        return [recipe.problem]  # all else has other defaults there
    settings = _of_structure(recipe, differences(recipe, other, (*RESTARTING, "device")))
    switches = differences(recipe, other, option_names())
    said = [f"{setting_words(name, recipe.structure)} {said_of(value)}" for name, value in settings.items()]
    return said + [switch_words([change]) for change in switches.items()]


def _of_structure(recipe: Recipe, values: dict[str, Any]) -> dict[str, Any]:
    """`values` without those that say nothing where there is one code per vector."""
    hidden = ("levels", "share") if recipe.structure == "vector" else ()
    return {name: value for name, value in values.items() if name not in hidden}


def said_of(value: Any) -> str:
    """The value of a setting or switch as a sentence has it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:,}" if isinstance(value, int) else written(value)
