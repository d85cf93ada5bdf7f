"""Controls that only one of the map's planes has: UMAP's parameters, and the two codes of a plane."""

from typing import Any

import streamlit as st

from app.links import live as address
from app.live.state import live_state
from app.live.view_controls import view_key

HELP = {
    "neighbours": "How many points, including itself, form a point's neighbourhood. Small values show fine detail.",
    "min_dist": "How close neighbours may lie in the picture. Small values pack them tightly.",
    "code": "Index of a code; empty for the most used.",
}


def settings_popover(place: Any, view: str) -> None:
    """Settings beside the choice of the plane, for a plane that has some."""
    with place.container(width="content", key="map-settings").popover(
        "Settings of the plane", icon=":material/tune:", type="tertiary"
    ):
        if view == "UMAP":
            _number("neighbours", "Neighbours", HELP["neighbours"], step=1)
            _number("min_dist", "Minimum distance", HELP["min_dist"], step=0.05)
        else:
            _number("code_a", "From code", HELP["code"], step=1)
            _number("code_b", "To code", HELP["code"], step=1)


def _number(name: str, label: str, help_text: str, *, step: float) -> None:
    numbers = address.NUMBERS[name]
    kind = int if numbers.whole else float
    first = live_state().first(name)
    st.number_input(
        label,
        min_value=kind(numbers.lowest),
        max_value=kind(numbers.highest),
        value=kind(first) if first else None,
        step=kind(step),
        key=view_key(name),
        help=help_text,
        placeholder=numbers.first or "most used",
        persist_state="page",
    )
