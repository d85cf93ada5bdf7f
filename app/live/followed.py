"""The sidebar of those who follow a session: how its switches are set, in words, with no controls."""

import html
from collections.abc import Iterable
from typing import Any

import streamlit as st

from vqcore.problems.catalogue import PROBLEMS
from vqcore.quantizer.options import option_names
from vqcore.training.recipe import SETTINGS, Recipe, default_recipe, written
from vqcore.training.status import Status

ABOUT = "You are following a session: its owner trains and throws the switches; views, selection and time are yours."


def followed_controls(status: Status) -> None:
    """Say what the session trains and how every switch is set; what differs from the default is bold."""
    recipe, default = status.recipe, default_recipe(status.recipe.problem)
    st.caption("FOLLOWING A SESSION")
    st.html(f"<p class='vq-followed'>{html.escape(ABOUT)}</p>")
    st.html(f"<p class='vq-followed'><b>{recipe.problem}</b> · {html.escape(PROBLEMS[recipe.problem].title)}</p>")
    st.caption("SWITCHES")
    _table((name, getattr(recipe.options, name), getattr(default.options, name)) for name in option_names())
    st.caption("SETTINGS")
    _table((name, getattr(recipe, name), getattr(default, name)) for name in ("seed", *_settings(recipe)))


def _settings(recipe: Recipe) -> list[str]:
    only_of_levels = ("levels", "share")
    return [name for name in SETTINGS if recipe.levels > 1 or name not in only_of_levels]


def _table(rows: Iterable[tuple[str, Any, Any]]) -> None:
    lines = "".join(
        f"<tr{' class=changed' if value != usual else ''}><td>{html.escape(name)}</td>"
        f"<td>{html.escape(written(value))}</td></tr>"
        for name, value, usual in rows
    )
    st.html(f"<table class='vq-followed'>{lines}</table>")
