"""Headline numbers with their recent past, and the line that says what is running."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import streamlit as st

from app.live_plot.browser_code import PLACED, STATUS, TILES, as_it_stands, javascript
from app.theme import role

SPARK_POINTS = 80
StatusName = Literal["starting", "running", "paused", "failed", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One headline number, already formatted."""

    label: str
    "What it is; ``<sub>`` and ``<sup>`` are understood, anything else is shown as written."
    value: str
    of: str = ""
    "Muted, after the value: ``/ 512 (67%)``."
    note: str = ""
    """A second, smaller number: ``506 in 50 batches``."""
    meaning: str
    "Definition of the number, shown on hover, with its window and number of vectors."
    past: Sequence[float] | npt.NDArray[np.floating] = ()
    "Its recent values, oldest first; gaps are NaN."
    colour: str = role("muted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What is running, as in ``Status(state="running", facts=("step 1,284", "31/s", "cuda:0"))``."""

    state: StatusName
    facts: Sequence[str] = ()
    remark: str = ""
    "A muted last word: ``since replacement: index collapse → healthy``."


_mount_tiles = st.components.v2.component(
    "vq_tiles",
    js=javascript(*TILES, *PLACED),
    css=as_it_stands("tiles.css"),
    isolate_styles=False,
)
_mount_status = st.components.v2.component(
    "vq_status",
    js=javascript(*STATUS, *PLACED),
    css=as_it_stands("status.css"),
    isolate_styles=False,
)


def tiles(row: Sequence[Tile], *, key: str) -> None:
    """Draw four to six numbers in a row of equal tiles, updated in place."""
    _mount_tiles(key=key, data=tile_data(row))


def tiles_place(key: str) -> None:
    """The place of tiles whose data, from `tile_data`, come by the live WebSocket."""
    _mount_tiles(key=key, data={"road": key})


def status_place(key: str) -> None:
    """The place of a status line whose data, the fields of a `Status`, come by the live WebSocket."""
    _mount_status(key=key, data={"road": key})


def tile_data(row: Sequence[Tile]) -> dict[str, Any]:
    """What the browser needs to draw `row`."""
    return {"tiles": tuple(_fields(tile) | {"past": spark_heights(tile.past)} for tile in row)}


def _fields(tile: Tile) -> dict[str, Any]:
    """As `asdict`, which would copy all of the past, number by number: a fifth of what a frame costs."""
    return {field.name: getattr(tile, field.name) for field in fields(tile)}


def status_line(status: Status, *, key: str) -> None:
    """Draw ``● running  step 1,284  31/s  cuda:0``, updated in place."""
    _mount_status(key=key, data=asdict(status))


def spark_heights(past: Sequence[float] | npt.NDArray[np.floating]) -> list[float | None]:
    """At most `SPARK_POINTS` heights between 0 and 1, the newest always among them."""
    values = np.asarray(past, dtype=float)
    values = values[:: -max(1, -(-len(values) // SPARK_POINTS))][::-1]
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return []
    low, spread = finite.min(), np.ptp(finite)
    heights = (values - low) / spread if spread > 0 else np.where(np.isfinite(values), 0.5, np.nan)
    return [height if math.isfinite(height) else None for height in np.round(heights, 3).tolist()]
