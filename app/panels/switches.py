"""The live switches as widgets of a sidebar: the paper's three methods first, others folded away."""

from collections.abc import Sequence
from typing import Any, get_args

import streamlit as st

from app.panels.board import Board
from app.panels.lecture_places import place, row, shows
from app.panels.schedule_switches import schedule_switches
from app.wording import SWITCH_HELP
from vqcore.quantizer.options import (
    MAX_AFFINE_GROUPS,
    MAX_INNER_MOMENTUM,
    Affine,
    CodebookUpdate,
    Estimator,
    InputNorm,
    Norm,
    Options,
    ReplaceOnto,
)

INSTEAD = ("codebook_update", "estimator", "input_norm", "codebook_norm", "bypass")
"""The switches in the folded group."""


def switches(board: Board) -> None:
    """Draw all switches. One that has no effect given the others is disabled."""
    bypassed: bool = board.value("bypass")
    _segments(board, "affine", "Affine map of codes", get_args(Affine))
    inner_steps, inner_lr = row("inner_steps", "inner_lr")
    inner_steps.number_input(
        "Inner steps", 0, 100, value=board.default("inner_steps"), step=1, **_wired(board, "inner_steps")
    )
    inner_lr.number_input(
        "Inner rate",
        0.0,
        1e9,
        value=board.default("inner_lr"),
        step=10.0,
        format="%g",
        disabled=board.value("inner_steps") == 0,
        **_wired(board, "inner_lr"),
    )
    momentum, sync = row("inner_momentum", "sync")
    momentum.number_input(
        "Momentum μ",
        0.0,
        MAX_INNER_MOMENTUM,
        value=board.default("inner_momentum"),
        step=0.1,
        format="%g",
        disabled=board.value("inner_steps") == 0,
        **_wired(board, "inner_momentum"),
    )
    sync.number_input(
        "Sync ν",
        0.0,
        100.0,
        value=board.default("sync"),
        step=0.1,
        format="%g",
        disabled=bypassed,
        **_wired(board, "sync"),
    )
    groups, scale = row("affine_groups", "affine_lr_scale")
    groups.number_input(
        "Affine groups",
        1,
        MAX_AFFINE_GROUPS,
        value=board.default("affine_groups"),
        step=1,
        disabled=board.value("affine") == "off",
        **_wired(board, "affine_groups"),
    )
    scale.number_input(
        "Affine rate ×",
        1e-6,
        1e6,
        value=board.default("affine_lr_scale"),
        step=1.0,
        format="%g",
        disabled=board.value("affine") not in ("learned", "matrix"),
        **_wired(board, "affine_lr_scale"),
    )
    _replacement(board)
    _loss(board, bypassed)
    schedule_switches(board)
    if not shows("practitioners"):
        return
    untouched = all(board.default(name) == getattr(Options(), name) for name in INSTEAD)
    # By its key it stays open where what stands above it comes or goes.
    with st.expander(
        "What practitioners use instead", expanded=not untouched, type="compact", key="fold-practitioners"
    ):
        _instead(board, bypassed)


def _replacement(board: Board) -> None:
    now_wired = board.replace_now()
    spec = {"replace_every": 12, "replace_onto": 11} | ({} if now_wired is None else {"replace_now": 5})
    every, onto, *now = row(*spec, spec=[*spec.values()], gap="xsmall", vertical_alignment="bottom")
    every.number_input(
        "Replace every", 0, 1_000_000, value=board.default("replace_every"), step=10, **_wired(board, "replace_every")
    )
    _select(onto, board, "replace_onto", "onto", get_args(ReplaceOnto))
    if now_wired is not None:
        now[0].button(
            "Replace now",
            icon=":material/bolt:",
            help="Move every code unused over the window (or for *replace every* steps) onto a z_e of the last batch "
            "now",
            width="stretch",
            **now_wired,
        )


def _loss(board: Board, bypassed: bool) -> None:
    place("beta").slider(
        "β, codebook share",
        0.0,
        1.0,
        value=board.default("beta"),
        step=0.01,
        disabled=bypassed,
        **_wired(board, "beta"),
    )
    alpha, rate = row("alpha", "learning_rate")
    alpha.number_input(
        "α",
        0.0,
        1e6,
        value=board.default("alpha"),
        step=1.0,
        format="%g",
        disabled=bypassed,
        **_wired(board, "alpha"),
    )
    rate.number_input(
        "Learning rate",
        0.0,
        1e9,
        value=board.default("learning_rate"),
        step=1e-4,
        format="%g",
        **_wired(board, "learning_rate"),
    )


def _instead(board: Board, bypassed: bool) -> None:
    _segments(board, "codebook_update", "Codes move by", get_args(CodebookUpdate))
    if board.value("codebook_update") == "ema":
        place("ema_decay").number_input(
            "EMA decay γ",
            0.0,
            1.0,
            value=board.default("ema_decay"),
            step=0.01,
            format="%g",
            persist_state="page",
            **_wired(board, "ema_decay"),
        )
    _segments(board, "estimator", "Gradient across rounding", get_args(Estimator), disabled=bypassed)
    of_z_e, of_codes = row("input_norm", "codebook_norm")
    _select(of_z_e, board, "input_norm", "Norm of z_e", get_args(InputNorm))
    _select(of_codes, board, "codebook_norm", "Norm of codes", get_args(Norm))
    place("bypass").toggle("Bypass", value=board.default("bypass"), **_wired(board, "bypass"))


def _segments(board: Board, name: str, label: str, choices: Sequence[str], *, disabled: bool = False) -> None:
    place(name).segmented_control(
        label,
        choices,
        default=board.default(name),
        required=True,
        disabled=disabled,
        width="stretch",
        **_wired(board, name),
    )


def _select(place: Any, board: Board, name: str, label: str, choices: Sequence[str]) -> None:
    place.selectbox(label, choices, index=choices.index(board.default(name)), **_wired(board, name))


def _wired(board: Board, name: str) -> dict[str, Any]:
    return {"help": SWITCH_HELP[name], **board.wired(name)}
