"""Curves of an ablation: for each row the mean over its seeds, in a band from the lowest to the highest."""

# T points

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import escape
from numpy.typing import NDArray

from app.figures.banded_line import banded_line
from app.theme import axis, layout, role

DASHES = ("solid", "dash", "dot", "dashdot")
COLOURS = 10
GAP = 0.07
KEY_PIXELS, LINE_PIXELS = 250, 20
"""Room for the names of the rows, and the height of each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowCurve:
    """One row in one panel; arrays (T,)."""

    label: str
    place: int
    """Of the row in the table: decides its colour and dashes."""

    steps: NDArray[np.int64]
    low: NDArray[np.float64]
    mean: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvePanel:
    """One quantity of all rows."""

    title: str
    curves: Sequence[RowCurve]
    log: bool = False


def over_seeds(label: str, place: int, seeds: Sequence[tuple[Sequence[int], Sequence[float]]]) -> RowCurve:
    """A row's curve from its seeds' steps and values, at the steps that all have.

    >>> over_seeds("a", 0, [([1, 2], [3.0, 4.0]), ([1, 2, 3], [5.0, 8.0, 9.0])]).mean.tolist()
    [4.0, 6.0]
    """
    count = min((len(values) for _, values in seeds), default=0)
    table = np.array([values[:count] for _, values in seeds], dtype=float).reshape(len(seeds), count)
    steps = np.array(seeds[0][0][:count] if seeds else [], dtype=np.int64)
    if not count:
        nothing = np.empty(0)
        return RowCurve(label=label, place=place, steps=steps, low=nothing, mean=nothing, high=nothing)
    return RowCurve(label=label, place=place, steps=steps, low=table.min(0), mean=table.mean(0), high=table.max(0))


def result_curves(panels: Sequence[CurvePanel]) -> dict[str, Any]:
    """The panels beside each other over the step."""
    width = (1 - GAP * (len(panels) - 1)) / max(1, len(panels))
    made = layout(margin={"l": 52, "r": KEY_PIXELS, "t": 30, "b": 40}, hovermode="x unified")
    made["annotations"] = _key(panels[0].curves if panels else ())
    data: list[dict[str, Any]] = []
    for order, panel in enumerate(panels):
        number, left = "" if order == 0 else str(order + 1), order * (width + GAP)
        scale = {"type": "log", "exponentformat": "power"} if panel.log else {"rangemode": "tozero"}
        made[f"xaxis{number}"] = axis("step", domain=[left, min(1.0, left + width)], anchor=f"y{number}")
        made[f"yaxis{number}"] = axis(anchor=f"x{number}", **scale)
        place = {"x": left, "y": 1.0, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
        made["annotations"].append({"text": f"<b>{panel.title}</b>", "showarrow": False, **place})
        for curve in panel.curves:
            data += _traces(curve, number)
    names = ", ".join(panel.title for panel in panels)
    return {"data": data, "layout": made, "alt": f"Mean and range over seeds of {names}"}


def _key(curves: Sequence[RowCurve]) -> list[dict[str, Any]]:
    """The rows' names in their colours, to the right of all panels."""
    place = {"x": 1, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "top", "xshift": 12}
    return [
        {
            "text": f"<b>{escape(curve.label)}</b>",
            "y": 1,
            "yshift": -LINE_PIXELS * line,
            "showarrow": False,
            "font": {"size": 12, "color": role(_colour(curve))},
            **place,
        }
        for line, curve in enumerate(curves)
    ]


def _colour(curve: RowCurve) -> str:
    return f"class{curve.place % COLOURS}"


def _traces(curve: RowCurve, number: str) -> list[dict[str, Any]]:
    return banded_line(
        curve.steps,
        curve.low,
        curve.mean,
        curve.high,
        panel=number,
        colour=_colour(curve),
        dash=DASHES[curve.place // COLOURS % len(DASHES)],
        label=str(escape(curve.label)),
    )
