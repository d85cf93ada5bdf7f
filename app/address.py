"""The URL: which session, its settings and switches, and the view. The same URL gives the same first frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vqcore.quantizer.options import option_names
from vqcore.snapshot import Event
from vqcore.training.recipe import (
    MAX_CODES,
    MAX_LEVELS,
    SETTINGS,
    Recipe,
    changed,
    default_recipe,
    parse_changes,
    written,
)

VIEWS: dict[str, tuple[str, ...]] = {
    "map": ("PCA", "UMAP", "two codes", "raw"),
    "level": tuple(str(level) for level in range(1, MAX_LEVELS + 1)),
    "bars": ("usage", "gradient", "levels"),
    "order": ("sorted", "by code"),
    "scale": ("log", "linear"),
    "curves": ("learning", "P and C", "gradients"),
    "smoothing": ("1", "5", "25", "100"),
}
"""The view controls and what each may be; the first is where it starts."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a view control for a number may be; `first` is where it starts, empty for left open."""

    first: str
    lowest: float
    highest: float
    whole: bool = True

    def accepts(self, text: str) -> bool:
        """Whether `text` is such a number, or left open where that is allowed."""
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
"""Of the map: UMAP's parameters, and the codes that the plane of two codes passes through."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a URL asks for."""

    session: str | None
    recipe: Recipe | None
    paused: bool
    view: dict[str, str]
    refused: tuple[str, ...]
    """A sentence for each value that could not be used."""


def read(query: Mapping[str, str]) -> Request:
    """What `query` asks for; a value that cannot be used is named in `refused` and left out."""
    refused: list[str] = []
    recipe: Recipe | None = None
    if "problem" in query:
        recipe = _read_recipe(query, refused)
    view = {}
    for name, allowed in VIEWS.items():
        value = query.get(name, allowed[0])
        if value not in allowed:
            refused.append(f"`{name}` in the link must be one of {', '.join(allowed)}, but is {value!r}.")
        view[name] = value if value in allowed else allowed[0]
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
    return Request(query.get("session"), recipe, query.get("paused") == "1", view, tuple(refused))


def write(session: str | None, recipe: Recipe, view: Mapping[str, Any], *, paused: bool) -> dict[str, str]:
    """The query that `read` turns into the same; what stands at its default is left out."""
    query = {"session": session} if session else {}
    query["problem"] = recipe.problem
    default = default_recipe(recipe.problem)
    for name in ("seed", "device", *SETTINGS):
        if getattr(recipe, name) != getattr(default, name):
            query[name] = written(getattr(recipe, name))
    for name in option_names():
        if getattr(recipe.options, name) != getattr(default.options, name):
            query[name] = written(getattr(recipe.options, name))
    query |= {name: str(view[name]) for name, allowed in VIEWS.items() if view.get(name, allowed[0]) != allowed[0]}
    query |= {name: view[name] for name, numbers in NUMBERS.items() if view.get(name, numbers.first) != numbers.first}
    return query | ({"paused": "1"} if paused else {})


def command(recipe: Recipe, events: Sequence[Event], steps: int) -> str:
    """The command line that trains `recipe` for `steps` steps with the same switches at the same steps."""
    words = ["python -m vqcore train", recipe.problem, f"--steps {steps}", f"--seed {recipe.seed}"]
    if recipe.device != "auto":
        words.append(f"--device {recipe.device}")
    default = default_recipe(recipe.problem)
    changes = [(name, getattr(recipe, name)) for name in SETTINGS if getattr(recipe, name) != getattr(default, name)]
    changes += [
        (name, getattr(recipe.options, name))
        for name in option_names()
        if getattr(recipe.options, name) != getattr(default.options, name)
    ]
    if changes:
        words.append(f"--set {_pairs(changes)}")
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
    for name in ("seed", "device", *SETTINGS, *option_names()):
        if name not in query:
            continue
        try:
            recipe = changed(recipe, _parse(name, query[name]))
        except ValueError as error:
            refused.append(str(error))
    return recipe


def _parse(name: str, text: str) -> dict[str, Any]:
    if name == "device":
        return {"device": text}
    return parse_changes([f"{name}={text}"])
