"""The optimizer's live options as widgets of a sidebar: AdamW's own, the schedule, and when quantizing begins."""

from typing import Any

import streamlit as st

from app.panels.board import Board
from app.panels.lecture_places import row, shows
from app.wording import SWITCH_HELP
from vqcore.quantizer.options import MAX_ADAM_BETA, MAX_STEPS, Options

ROWS = (("warmup_steps", "cosine_steps"), ("adam_beta1", "adam_beta2"), ("weight_decay", "quantize_from"))
LABELS = {
    "warmup_steps": "Warm-up steps",
    "cosine_steps": "Cosine to step",
    "adam_beta1": "AdamW β₁",
    "adam_beta2": "AdamW β₂",
    "weight_decay": "Weight decay",
    "quantize_from": "Quantize from",
}
HIGHEST = {"adam_beta1": MAX_ADAM_BETA, "adam_beta2": MAX_ADAM_BETA, "weight_decay": 1e3}
STEPS = {"adam_beta1": 0.01, "adam_beta2": 0.01, "weight_decay": 0.01}


def schedule_switches(board: Board) -> None:
    """Draw them folded away, as long as all are at their defaults."""
    if not shows("schedule"):
        return
    untouched = all(board.default(name) == getattr(Options(), name) for name in LABELS)
    with st.expander("Optimizer and schedule", expanded=not untouched, type="compact", key="fold-schedule"):
        for names in ROWS:
            for place, name in zip(row(*names), names, strict=True):
                _number(place, board, name)


def _number(place: Any, board: Board, name: str) -> None:
    is_whole = name not in HIGHEST
    place.number_input(
        LABELS[name],
        0 if is_whole else 0.0,
        HIGHEST.get(name, MAX_STEPS),
        value=board.default(name),
        step=100 if is_whole else STEPS[name],
        format=None if is_whole else "%g",
        help=SWITCH_HELP[name],
        **board.wired(name),
    )
