"""What differs between two recipes, in words: settings that only a restart changes, and switches. Knows no page."""

from collections.abc import Collection, Mapping
from typing import Any

from app.links.variant_names import LONGEST_NAME
from app.panels.switch_words import switch_words
from app.wording import as_set
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
    return change_words(settings | differences(recipe, other, option_names()), recipe.structure)


def change_words(changes: Mapping[str, Any], structure: str = "") -> list[str]:
    """What each changed setting or switch is now.

    >>> change_words({"num_codes": 4, "code_init": "kmeans", "learning_rate": 1e7})
    ['K 4', 'codes start kmeans', 'learning rate 10⁷']
    """
    return [
        switch_words([(name, value)])
        if name in option_names()
        else f"{setting_words(name, structure)} {said_of(value)}"
        for name, value in changes.items()
    ]


def name_for(changes: Mapping[str, Any], taken: Collection[str]) -> str:
    """A variant's name that says `changes`, not one of those `taken`.

    >>> name_for({"affine": "running"}, ["main"]), name_for({}, ["main", "copy"])
    ('affine running', 'copy 2')
    >>> name_for({"codebook_update": "ema", "ema_decay": 0.9}, [])
    'codes moved by ema, EMA…'
    """
    words = ", ".join(change_words(changes)) or "copy"
    names = [_shortened(words, LONGEST_NAME)]
    names += [f"{_shortened(words, LONGEST_NAME - 2)} {count}" for count in range(2, 2 + len(taken))]
    return next(name for name in names if name not in taken)


def _shortened(words: str, longest: int) -> str:
    """`words`, or as many whole ones as fit, and an ellipsis."""
    if len(words) <= longest:
        return words
    return words[:longest].rpartition(" ")[0].rstrip(",=× ") + "…"


def _of_structure(recipe: Recipe, values: dict[str, Any]) -> dict[str, Any]:
    """`values` without those that say nothing where there is one code per vector."""
    hidden = ("levels", "share") if recipe.structure == "vector" else ()
    return {name: value for name, value in values.items() if name not in hidden}


def said_of(value: Any) -> str:
    """The value of a setting or switch as a sentence has it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return as_set(value)
    return f"{value:,}" if isinstance(value, int) else written(value)
