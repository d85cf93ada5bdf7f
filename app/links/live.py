"""The URL: which session, its settings and switches, and the view. The same URL gives the same first frames."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.figures.map_layers import read_layers
from app.links import lecture
from app.links.reading import read_choices, read_paused
from app.links.selection import read_choice, read_pins
from app.links.variant_names import read_name
from app.wording import cut, ignored_names
from vqcore.quantizer.options import option_names
from vqcore.snapshot import Event
from vqcore.training.recipe import (
    MAX_CODES,
    MAX_LEVELS,
    SETTINGS,
    Recipe,
    changed,
    default_recipe,
    differences,
    parse_changes,
    resolve_device,
    written,
)

VIEWS: dict[str, tuple[str, ...]] = {
    "map": ("PCA", "UMAP", "two codes", "raw"),
    "level": tuple(str(level) for level in range(1, MAX_LEVELS + 1)),
    "bars": ("usage", "gradient", "levels", "time"),
    "rows": ("by birth", "by usage now"),
    "order": ("sorted", "by code"),
    "scale": ("log", "linear"),
    "curves": ("learning", "P and C", "gradients"),
    "smoothing": ("1", "5", "25", "100"),
    "colour": ("role", "class", "usage", "age", "error", "gradient"),
    "panel": ("code", "inputs"),
    "rate": ("2", "4", "8"),
}
"""The view controls and their allowed values; the first is the default."""

MOST_DIGITS = 15
"""Largest step; browsers hold whole numbers exactly up to 2⁵³."""

RECIPE_NAMES = ("seed", "device", *SETTINGS, *option_names())
"""The parts of a recipe that a URL may set, apart from its problem."""

TEXTS: dict[str, Callable[[str], object]] = {
    "select": read_choice,
    "pins": read_pins,
    "layers": read_layers,
    "variant": read_name,
}
"""Parts of the view that are texts, each with its parser, which raises ValueError; all start empty."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Allowed range of a numeric view control; `first` is its default, empty for unset."""

    first: str
    lowest: float
    highest: float
    whole: bool = True

    def accepts(self, text: str) -> bool:
        """Whether `text` is such a number, or empty if that is allowed."""
        if text == self.first:
            return True
        try:
            value = int(text) if self.whole else float(text)
        except ValueError:
            return False
        return self.lowest <= value <= self.highest


NUMBERS: dict[str, Numbers] = {
    "neighbours": Numbers("15", 5, 100),
    "min_dist": Numbers("0.1", 0.0, 0.99, whole=False),
    "code_a": Numbers("", 0, MAX_CODES - 1),
    "code_b": Numbers("", 0, MAX_CODES - 1),
}
"""Settings of the map: UMAP's parameters, and the codes that the plane of two codes passes through."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a URL asks for."""

    session: str | None
    watch: str | None
    """Watch id of the session to follow read-only; it takes precedence over `session`."""

    recipe: Recipe | None
    paused: bool
    view: dict[str, str]
    at: int | None
    """The step to show; None: the newest."""

    refused: tuple[str, ...]
    """A sentence for each value that could not be used."""


def read(query: Mapping[str, str]) -> Request:
    """What `query` asks for; unusable names and values are left out and named in `refused`."""
    known = {"session", "watch", "problem", "paused", "at", *lecture.NAMES, *RECIPE_NAMES, *VIEWS, *TEXTS, *NUMBERS}
    refused = ignored_names([name for name in query if name not in known])
    recipe: Recipe | None = None
    if "problem" in query:
        recipe = _read_recipe(query, refused)
    elif alone := [name for name in RECIPE_NAMES if name in query]:
        refused.append(f"`{alone[0]}` in the link has no effect without a `problem` and was ignored.")
    paused = read_paused(query, refused)
    view = read_choices(query, VIEWS, refused)
    for name, check in TEXTS.items():
        view[name] = query.get(name, "")
        try:
            check(view[name])
        except ValueError as error:
            refused.append(str(error))
            view[name] = ""
    for name, numbers in NUMBERS.items():
        value = query.get(name, numbers.first)
        if not numbers.accepts(value):
            kind = "a whole number" if numbers.whole else "a number"
            refused.append(
                f"`{name}` in the link must be {kind} from {numbers.lowest:g} to {numbers.highest:g}, "
                f"but is {value!r}."
            )
            value = numbers.first
        view[name] = value
    at = _read_step(query.get("at"), refused)
    return Request(query.get("session"), query.get("watch"), recipe, paused, view, at, tuple(map(cut, refused)))


def write(
    session: str | None, recipe: Recipe, view: Mapping[str, Any], *, paused: bool, at: int | None = None
) -> dict[str, str]:
    """The query that `read` turns back into the same values; defaults are left out."""
    query = {"session": session} if session else {}
    query["problem"] = recipe.problem
    default = default_recipe(recipe.problem)
    query |= {name: written(value) for name, value in differences(recipe, default, RECIPE_NAMES).items()}
    query |= {name: str(view[name]) for name, allowed in VIEWS.items() if view.get(name, allowed[0]) != allowed[0]}
    query |= {"at": str(at)} if at is not None else {}
    query |= {name: view[name] for name in TEXTS if view.get(name)}
    query |= {name: view[name] for name, numbers in NUMBERS.items() if view.get(name, numbers.first) != numbers.first}
    return query | ({"paused": "1"} if paused else {})


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
    return " ".join(f"{name}={written(value)}" for name, value in changes)


def _read_recipe(query: Mapping[str, str], refused: list[str]) -> Recipe | None:
    try:
        recipe = default_recipe(query["problem"])
    except ValueError as error:
        refused.append(str(error))
        return None
    for name in RECIPE_NAMES:
        if name not in query:
            continue
        try:
            recipe = changed(recipe, _parse(name, query[name]))
        except ValueError as error:
            refused.append(str(error))
    return recipe


def _read_step(text: str | None, refused: list[str]) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS):
        refused.append(f"`at` in the link must be a step from 0 up, but is {text!r}.")
        return None
    return int(text)


def _parse(name: str, text: str) -> dict[str, Any]:
    if name == "device":
        resolve_device(text)
        return {"device": text}
    return parse_changes([f"{name}={text}"])
