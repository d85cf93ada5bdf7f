"""The Live page's link: which session, its settings and switches, and the view."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.figures.map_layers import read_layers
from app.links import codec, lecture
from app.links.codec import MOST_DIGITS, Field
from app.links.recipe_fields import PROBLEM, read_recipe, recipe_fields, said_of_recipe, without_problem
from app.links.run_names import read_run_name
from app.links.selection_text import read_choice, read_pins
from app.links.variant_names import read_name
from app.wording import cut
from vqcore.quantizer.options import option_names
from vqcore.starts.catalogue import STARTS, find_start
from vqcore.starts.start import Start
from vqcore.training.recipe import MAX_CODES, MAX_LEVELS, SETTINGS, Recipe, default_recipe, differences

MOST_TRIED, NUMBER = 16, re.compile(r"[0-9]{1,2}")


def _check_tried(text: str) -> None:
    numbers = text.split(",") if text else []
    if len(numbers) > MOST_TRIED or not all(NUMBER.fullmatch(each) for each in numbers):
        raise ValueError(text)


VIEWS: dict[str, tuple[str, ...]] = {
    "map": ("PCA", "UMAP", "two codes", "raw"),
    "level": tuple(str(level) for level in range(1, MAX_LEVELS + 1)),
    "bars": ("time", "usage", "gradient", "levels"),
    "rows": ("by birth", "by usage now"),
    "order": ("sorted", "by code"),
    "scale": ("log", "linear"),
    "curves": ("learning", "P and C", "gradients"),
    "smoothing": ("1", "5", "25", "100"),
    "colour": ("role", "class", "usage", "age", "error", "gradient"),
    "aspect": ("free", "equal"),
    "panel": ("code", "inputs"),
    "examples": ("picture", "inputs"),
    "rate": ("2", "4", "8"),
}
"""The view controls and their allowed values; the first is the default."""

RECIPE_NAMES = ("seed", "device", *SETTINGS, *option_names())
"""The parts of a recipe that a URL may set, apart from its problem."""

TEXTS: dict[str, Callable[[str], object]] = {
    "select": read_choice,
    "pins": read_pins,
    "layers": read_layers,
    "variant": read_name,
    "earlier": read_run_name,
}
"""Parts of the view that are texts, each with its parser, which raises ValueError; all start empty."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Allowed range of a numeric view control; `first` is its default, empty for unset."""

    first: str
    lowest: float
    highest: float
    whole: bool = True

    @property
    def expected(self) -> str:
        """In words."""
        return f"a {'whole ' if self.whole else ''}number from {self.lowest:g} to {self.highest:g}"

    def check(self, text: str) -> None:
        """Refuse, by ValueError, what is neither such a number nor left open where that is allowed."""
        if text != self.first and not self.lowest <= (int(text) if self.whole else float(text)) <= self.highest:
            raise ValueError(text)


NUMBERS: dict[str, Numbers] = {
    "neighbours": Numbers("15", 5, 100),
    "min_dist": Numbers("0.1", 0.0, 0.99, whole=False),
    "code_a": Numbers("", 0, MAX_CODES - 1),
    "code_b": Numbers("", 0, MAX_CODES - 1),
}
"""Settings of the map: UMAP's parameters, and the codes that the plane of two codes passes through."""

VIEW_TABLE: tuple[Field, ...] = (
    *(codec.choice(name, allowed) for name, allowed in VIEWS.items()),
    *(codec.checked_text(name, check) for name, check in TEXTS.items()),
    *(
        codec.checked_text(name, numbers.check, expected=numbers.expected, default=numbers.first)
        for name, numbers in NUMBERS.items()
    ),
)
"""All that a link says of the view: each value is a text."""

TABLE: tuple[Field, ...] = (
    codec.text("session", None),
    codec.text("watch", None),
    codec.choice("start", tuple(start.name for start in STARTS), ""),
    codec.checked_text("tried", _check_tried, expected="numbers of experiments, as in 2,5"),
    PROBLEM,
    *recipe_fields(RECIPE_NAMES),
    codec.flag("paused"),
    codec.whole_number("at", None, 0, 10**MOST_DIGITS - 1, expected="a step from 0 up"),
    *VIEW_TABLE,
)


OF_A_START = ("seed", "device")
"""What a link may say of a recipe beside a start."""


@dataclass(frozen=True, slots=True)
class LiveLink:
    """What a URL asks for."""

    session: str | None
    watch: str | None
    """Watch id of the session to follow read-only; it takes precedence over `session`."""

    recipe: Recipe | None
    start: Start | None
    """What it begins from, with `recipe` at the link's seed."""

    tried: tuple[str, ...]
    """The experiments of the start to make, by name."""

    paused: bool
    view: dict[str, str]
    at: int | None
    """The step to show; None: the newest."""

    refused: tuple[str, ...]
    """A sentence for each value that could not be used."""


def read(query: Mapping[str, str]) -> LiveLink:
    """What `query` asks for; unusable names and values are left out and named in `refused`."""
    values, refused = codec.read(query, TABLE, beside=lecture.NAMES)
    recipe: Recipe | None = None
    start = find_start(values["start"]) if values["start"] else None
    if start is not None:
        try:
            recipe = _of_start(start, values)
        except ValueError as error:
            recipe = start.recipe(device=values["device"] or "auto")
            refused.append(cut(f"{error} The start's own seed was taken."))
        vain = [name for name in ("problem", *RECIPE_NAMES) if name in query and name not in OF_A_START]
        refused += [f"`{vain[0]}` in the link has no effect beside a `start` and was ignored."] if vain else []
    elif values["problem"] is not None:
        recipe, more = read_recipe(values, RECIPE_NAMES)
        refused += map(cut, more)
    elif "problem" not in query and (alone := said_of_recipe(values, RECIPE_NAMES)):
        refused.append(without_problem(next(iter(alone))))
    view = {field.name: values[field.name] for field in VIEW_TABLE}
    return LiveLink(
        values["session"],
        values["watch"],
        recipe,
        start,
        _tried(start, values["tried"]),
        values["paused"],
        view,
        values["at"],
        tuple(refused),
    )


def _of_start(start: Start, values: Mapping[str, Any]) -> Recipe:
    return start.recipe(values["seed"], values["device"] or "auto")


def _tried(start: Start | None, numbers: str) -> tuple[str, ...]:
    """The names of the experiments with these numbers, counted from 1; there may be fewer of them by now."""
    if start is None or not numbers:
        return ()
    wanted = [int(number) - 1 for number in numbers.split(",")]
    return tuple(start.experiments[number].name for number in wanted if 0 <= number < len(start.experiments))


def write_start(start: Start, recipe: Recipe, tried: str) -> dict[str, str]:
    """The query that begins `start` with the seed of `recipe` and makes the experiments `tried`, as in "2,5"."""
    device = {} if recipe.device == "auto" else {"device": recipe.device}
    return codec.write({"start": start.name, "tried": tried, "seed": recipe.seed, **device}, TABLE)


def write_view(view: Mapping[str, Any]) -> dict[str, str]:
    """What a query says of the view alone; defaults are left out."""
    return codec.write({field.name: view[field.name] for field in VIEW_TABLE if field.name in view}, VIEW_TABLE)


def write(
    session: str | None, recipe: Recipe, view: Mapping[str, Any], *, paused: bool, at: int | None = None
) -> dict[str, str]:
    """The query that `read` turns back into the same values; defaults are left out."""
    other = differences(recipe, default_recipe(recipe.problem), RECIPE_NAMES)
    own = {"session": session, "problem": recipe.problem, "paused": paused, "at": at}
    return codec.write({**view, **other, **own}, TABLE)
