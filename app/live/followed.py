"""The sidebar of those who follow a session: how its switches are set, in words, with no controls."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import streamlit as st

from vqcore.markup import fragment
from vqcore.problems.catalogue import PROBLEMS
from vqcore.quantizer.options import option_names
from vqcore.training.recipe import Recipe, default_recipe, settings_of, written
from vqcore.training.status import Status

TEMPLATE = Path(__file__).with_name("followed.html.j2")
ABOUT = "You follow a session: its owner trains and throws the switches; views, selection and time are yours."


def followed_controls(status: Status) -> None:
    """Say what the session trains and how every switch is set; what differs from the default is bold."""
    recipe, default = status.recipe, default_recipe(status.recipe.problem)
    st.caption("FOLLOWING A SESSION")
    title = PROBLEMS[recipe.problem].title
    st.html(fragment(TEMPLATE, "about", text=ABOUT, problem=recipe.problem, title=title))
    st.caption("SWITCHES")
    _table((name, getattr(recipe.options, name), getattr(default.options, name)) for name in option_names())
    st.caption("SETTINGS")
    _table((name, getattr(recipe, name), getattr(default, name)) for name in ("seed", *_settings(recipe)))


def _settings(recipe: Recipe) -> list[str]:
    only_of_levels = ("levels", "share")
    return [name for name in settings_of(recipe.problem) if recipe.levels > 1 or name not in only_of_levels]


def _table(rows: Iterable[tuple[str, Any, Any]]) -> None:
    lines = [(name, written(value), value != default) for name, value, default in rows]
    st.html(fragment(TEMPLATE, "table", rows=lines))
