"""Medians over seeds with their quartile bands, one small panel per measure."""

# T steps

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.figures.banded_line import banded_line
from app.theme import axis, layout, role

COLUMNS = 3
GAP_ACROSS, GAP_DOWN = 0.06, 0.2
MOST_POINTS = 250
LEGEND = {"orientation": "h", "x": 0, "y": 1.06, "xanchor": "left", "yanchor": "bottom", "itemclick": False}
DECADES = 6
"""Decades shown below the largest value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """One method: its median and quartiles, (T,) each."""

    label: str
    colour: str
    dash: str
    low: NDArray[np.float32]
    median: NDArray[np.float32]
    high: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """The bands of one measure."""

    title: str
    bands: Sequence[Band]
    log: bool = True


def seed_bands(panels: Sequence[Panel]) -> dict[str, Any]:
    """All panels in rows of `COLUMNS`, each over the same steps."""
    rows = -(-len(panels) // COLUMNS)
    width = (1 - GAP_ACROSS * (COLUMNS - 1)) / COLUMNS
    height = (1 - GAP_DOWN * (rows - 1)) / rows
    data: list[dict[str, Any]] = []
    figure_layout = layout(
        margin={"l": 46, "r": 10, "t": 46, "b": 36, "pad": 2}, hovermode="x unified", showlegend=True, legend=LEGEND
    )
    figure_layout["annotations"] = []
    for order, panel in enumerate(panels):
        row, column = divmod(order, COLUMNS)
        number = "" if order == 0 else str(order + 1)
        left, top = column * (width + GAP_ACROSS), 1 - row * (height + GAP_DOWN)
        title = "step" if row == rows - 1 else ""
        figure_layout[f"xaxis{number}"] = axis(title, domain=[left, left + width], anchor=f"y{number}")
        figure_layout[f"yaxis{number}"] = axis(
            domain=[max(0.0, top - height), top],
            anchor=f"x{number}",
            nticks=4,
            exponentformat="power",
            **_scale(panel),
        )
        figure_layout["annotations"].append(_title(panel.title, left, top))
        for band in panel.bands:
            data += _traces(band, number, _floor(panel))
    return {"data": data, "layout": figure_layout, "alt": "Median and quartiles over seeds: " + _names(panels)}


def _traces(band: Band, number: str, floor: float) -> list[dict[str, Any]]:
    every = -(-len(band.median) // MOST_POINTS)
    low, median, high = (np.maximum(part[::every], floor) for part in (band.low, band.median, band.high))
    return banded_line(
        np.arange(0, len(band.median), every),
        low,
        median,
        high,
        panel=number,
        colour=band.colour,
        dash=band.dash.replace(" ", "px,") + "px" * bool(band.dash),
        label=band.label,
        is_in_legend=not number,
    )


def _scale(panel: Panel) -> dict[str, Any]:
    if not panel.log:
        return {"type": "linear", "rangemode": "tozero"}
    values = _positive(panel)
    if len(values) == 0:
        return {"type": "log"}
    ends = [float(np.log10(_floor(panel))) - 0.1, float(np.log10(values.max())) + 0.1]
    return {"type": "log", "range": ends, **({"dtick": 1} if ends[1] - ends[0] > 1 else {})}


def _floor(panel: Panel) -> float:
    """Values below the range lie on the lower edge of a logarithmic panel."""
    values = _positive(panel)
    if not panel.log or len(values) == 0:
        return -np.inf
    return float(max(values.min(), values.max() / 10**DECADES))


def _positive(panel: Panel) -> NDArray[np.float32]:
    values = np.concatenate([part for band in panel.bands for part in (band.low, band.high)])
    positive: NDArray[np.float32] = values[np.isfinite(values) & (values > 0)]
    return positive


def _title(text: str, left: float, top: float) -> dict[str, Any]:
    place = {"x": left, "y": top, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
    return {"text": f"<b>{text}</b>", "showarrow": False, "font": {"size": 12, "color": role("text")}, **place}


def _names(panels: Sequence[Panel]) -> str:
    return ", ".join(panel.title for panel in panels)
