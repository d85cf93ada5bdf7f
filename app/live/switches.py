"""The live switches in the sidebar: the paper's three methods first, others folded away."""

from collections.abc import Sequence
from typing import Any, get_args

import streamlit as st

from app.live.controls import already, default, is_gone, key, value
from app.live.twin import throw
from app.panels.lecture_places import place, row, shows
from app.sessions.entry import Entry
from app.wording import SWITCH_HELP
from vqcore.quantizer.options import (
    MAX_AFFINE_GROUPS,
    Affine,
    CodebookUpdate,
    Estimator,
    Norm,
    Options,
    ReplaceOnto,
)
from vqcore.training.commands import change

INSTEAD = ("codebook_update", "estimator", "input_norm", "codebook_norm", "bypass")
"""The switches in the folded group."""


def switches(entry: Entry) -> None:
    """Draw all switches. One that has no effect given the others is disabled."""
    bypassed: bool = value("bypass")
    _segments(entry, "affine", "Affine map of codes", get_args(Affine))
    inner_steps, inner_lr = row("inner_steps", "inner_lr")
    inner_steps.number_input(
        "Inner steps", 0, 100, value=default("inner_steps"), step=1, **_live(entry, "inner_steps")
    )
    inner_lr.number_input(
        "Inner rate",
        0.0,
        1e9,
        value=default("inner_lr"),
        step=10.0,
        format="%g",
        disabled=value("inner_steps") == 0,
        **_live(entry, "inner_lr"),
    )
    sync, groups = row("sync", "affine_groups")
    sync.number_input(
        "Sync ν",
        0.0,
        100.0,
        value=default("sync"),
        step=0.1,
        format="%g",
        disabled=bypassed,
        **_live(entry, "sync"),
    )
    groups.number_input(
        "Affine groups",
        1,
        MAX_AFFINE_GROUPS,
        value=default("affine_groups"),
        step=1,
        disabled=value("affine") == "off",
        **_live(entry, "affine_groups"),
    )
    _replacement(entry)
    _loss(entry, bypassed)
    if not shows("practitioners"):
        return
    untouched = all(default(name) == getattr(Options(), name) for name in INSTEAD)
    with st.expander("What practitioners use instead", expanded=not untouched, type="compact"):
        _instead(entry, bypassed)


def _replacement(entry: Entry) -> None:
    every, onto, now = row(
        "replace_every", "replace_onto", "replace_now", spec=[12, 11, 5], gap="xsmall", vertical_alignment="bottom"
    )
    every.number_input(
        "Replace every", 0, 1_000_000, value=default("replace_every"), step=10, **_live(entry, "replace_every")
    )
    _select(onto, entry, "replace_onto", "onto", get_args(ReplaceOnto))
    now.button(
        "Replace now",
        icon=":material/bolt:",
        key="replace_now",
        help="Move every code unused over the window (or for *replace every* steps) onto a z_e of the last batch now",
        on_click=throw,
        args=(entry, change(replace="now")),
        width="stretch",
    )


def _loss(entry: Entry, bypassed: bool) -> None:
    place("beta").slider(
        "β, codebook share", 0.0, 1.0, value=default("beta"), step=0.01, disabled=bypassed, **_live(entry, "beta")
    )
    alpha, rate = row("alpha", "learning_rate")
    alpha.number_input(
        "α", 0.0, 1e6, value=default("alpha"), step=1.0, format="%g", disabled=bypassed, **_live(entry, "alpha")
    )
    rate.number_input(
        "Learning rate",
        0.0,
        1e9,
        value=default("learning_rate"),
        step=1e-4,
        format="%g",
        **_live(entry, "learning_rate"),
    )


def _instead(entry: Entry, bypassed: bool) -> None:
    _segments(entry, "codebook_update", "Codes move by", get_args(CodebookUpdate))
    if value("codebook_update") == "ema":
        place("ema_decay").number_input(
            "EMA decay γ",
            0.0,
            1.0,
            value=default("ema_decay"),
            step=0.01,
            format="%g",
            persist_state="page",
            **_live(entry, "ema_decay"),
        )
    _segments(entry, "estimator", "Gradient across rounding", get_args(Estimator), disabled=bypassed)
    of_z_e, of_codes = row("input_norm", "codebook_norm")
    _select(of_z_e, entry, "input_norm", "Norm of z_e", get_args(Norm))
    _select(of_codes, entry, "codebook_norm", "Norm of codes", get_args(Norm))
    place("bypass").toggle("Bypass", value=default("bypass"), **_live(entry, "bypass"))


def _segments(entry: Entry, name: str, label: str, choices: Sequence[str], *, disabled: bool = False) -> None:
    place(name).segmented_control(
        label,
        choices,
        default=default(name),
        required=True,
        disabled=disabled,
        width="stretch",
        **_live(entry, name),
    )


def _select(place: Any, entry: Entry, name: str, label: str, choices: Sequence[str]) -> None:
    place.selectbox(label, choices, index=choices.index(default(name)), **_live(entry, name))


def _live(entry: Entry, name: str) -> dict[str, Any]:
    return {"key": key(name), "help": SWITCH_HELP[name], "on_change": _throw, "args": (entry, name, key(name))}


def _throw(entry: Entry, name: str, drawn: str) -> None:
    if is_gone(drawn, name):
        return
    new = value(name)
    if not already(entry, getattr(entry.one.status().recipe.options, name) == new):
        throw(entry, change(**{name: new}))
