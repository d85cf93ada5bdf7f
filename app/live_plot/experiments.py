"""The experiments of a start, as buttons over the columns of a table that stays."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import streamlit as st

from app.live_plot.browser_code import PLACED, as_it_stands, javascript
from app.live_plot.transport import taken_of
from vqcore.training.experiment_plan import Stage

Tool = Literal["all", "cancel", "pause", "seed"]

_mount = st.components.v2.component(
    "vq_experiments",
    js=javascript("clicks.js", "experiments.js", *PLACED),
    css=as_it_stands("experiments.css"),
    isolate_styles=False,
)


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table."""

    words: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Cell:
    """What one experiment came to in one row."""

    text: str = "–"
    best: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """One experiment: its button and its cells."""

    name: str
    meaning: str
    """What a click on its button says."""

    stage: Stage
    share: float
    """Of its steps that are trained."""

    shown: bool
    """Whether the page shows its run."""

    help: str
    disabled: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class ToolButton:
    """A button beside the sentence."""

    words: str
    help: str
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Strip:
    """All that the element shows."""

    title: str
    said: str
    more: str = ""
    """What follows it where there is room."""

    lines: tuple[Line, ...] = ()
    columns: tuple[Column, ...] = ()
    tools: dict[Tool, ToolButton] = field(default_factory=dict)


def strip_data(strip: Strip) -> dict[str, Any]:
    """The data of the element; its table is built again only where its shape is another."""
    shape = f"{len(strip.columns)} × {[line.words for line in strip.lines]}"
    return asdict(strip) | {"shape": shape}


def experiments_place(key: str) -> None:
    """The place of a `Strip`, which comes by the live WebSocket; `transport.new_clicks` has its clicks."""
    _mount(key=key, data={"road": key, "taken": taken_of(key)}, on_clicks_change=lambda: None)
