"""The card of one code: facts, neighbours to click on, and pictures, updated in place."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from app.live_plot.browser_code import PLACED, as_it_stands, javascript
from app.live_plot.tiles import spark_heights
from app.theme import role

_mount = st.components.v2.component(
    "vq_code_card",
    js=javascript("palette.js", "spark.js", "code_card.js", *PLACED),
    css=as_it_stands("code_card.css"),
    isolate_styles=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One number of the card, already formatted."""

    label: str
    value: str
    note: str = ""
    "Muted, after the value."
    meaning: str
    "Its definition, shown on hover."
    past: Sequence[float] = ()
    "Earlier values and this one, oldest first, drawn as a line."


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture, or words instead of one."""

    caption: str
    image: str = ""
    "Its URL; empty for words."
    words: str = ""
    frame: tuple[float, float, float, float] | None = None
    "Left, top, width and height of a frame, in percent of the picture."


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Everything on the card."""

    facts: Sequence[Fact]
    neighbours: Sequence[tuple[int, str]]
    "Nearest codes, each with its distance."
    decoded: Sequence[Picture]
    decoded_note: str
    decoded_is_late: bool
    "Whether what is decoded is of another step than all else: it is dimmed."
    nearest: Sequence[Picture]
    nearest_note: str
    used: Sequence[Picture] = ()
    "Whole images with the places where it is used."
    used_note: str = ""


def card_place(key: str, *, height: int) -> None:
    """The place of a card whose data, from `card_data`, come by the live WebSocket.

    A click on a neighbour selects that code, see `component.last_hand`.
    """
    _mount(key=key, data={"road": key, "height": height, "sparkColour": role("Q")}, on_selection_change=lambda: None)


def card_data(card: Card) -> dict[str, Any]:
    """What the browser needs to draw `card`."""
    return {**asdict(card), "facts": [asdict(fact) | {"past": spark_heights(fact.past)} for fact in card.facts]}
