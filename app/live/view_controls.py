"""The controls of what the Live page shows, whose choices are kept in the URL: what each says, now and at first."""

from collections.abc import Callable, Sequence
from typing import Any

from app.figures.map_layers import write_layers
from app.links import live as address
from app.live import choice as choice_state
from app.live.state import live_state
from app.live.variant import chosen_variant
from app.page_state import said_by
from app.panels.lecture_places import NOWHERE, place
from vqcore.training.recipe import Recipe


def view_key(name: str) -> str:
    """The key of the control that sets this part of the view."""
    return f"view-{name}"


def choose(head: Any, name: str, choices: Sequence[str], words: Callable[[str], str] = str) -> Any:
    """A segmented control, drawn in `head`, for one part of the view; returns what it says; `words` name it."""
    first = live_state().first(name)
    default = first if first in choices else choices[0]
    head = place("view", head)
    if head is NOWHERE:
        return said_by(view_key(name)) or default
    return head.segmented_control(
        name,
        choices,
        default=default,
        key=view_key(name),
        format_func=words,
        required=True,
        label_visibility="collapsed",
        persist_state="page",
    )


def current_view(recipe: Recipe) -> dict[str, str]:
    """Value of every view control, as far as `recipe` has it; before it is drawn, the URL's first value."""
    view = {name: _said(name) for name in address.VIEWS}
    view |= {name: _number(name) for name in address.NUMBERS}
    view["level"] = str(level_shown(recipe) + 1)
    if recipe.levels == 1 and view["bars"] == "levels":
        view["bars"] = address.VIEWS["bars"][0]
    layers = said_by(view_key("layers"))
    view["layers"] = live_state().first("layers") if layers is None else write_layers(layers)
    view["earlier"] = said_by(view_key("earlier"), live_state().first("earlier"))
    return view | choice_state.texts() | {"variant": chosen_variant()}


def level_shown(recipe: Recipe) -> int:
    """The level that everything on the page is of, counted from 0."""
    return min(int(_said("level")), recipe.levels) - 1


def _said(name: str) -> str:
    return said_by(view_key(name)) or live_state().first(name)


def _number(name: str) -> str:
    """As in the URL; an emptied control stands at its default."""
    found = said_by(view_key(name), live_state().first(name))
    return f"{found:g}" if isinstance(found, int | float) else found or address.NUMBERS[name].first
