"""How many directions points really use: their spread along each principal axis, and the effective rank."""

# D features

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.theme import axis, corner_label, layout

LABEL_PIXELS = 15
ORDERS_SHOWN = 6
"""This many orders of magnitude below the largest value there is only rounding error."""

ORDERS_FOR_LOG = 1.0
"""Orders of magnitude between the largest and the smallest value from which a log scale is used."""

BELOW_LABELS = 0.84


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """The spectrum of one set of points."""

    label: str
    colour: str
    singular: NDArray[np.floating[Any]]
    """(D,) standard deviation along each principal axis, largest first."""

    rank: float
    """Effective rank."""


def spectrum(lines: Sequence[Line]) -> dict[str, Any]:
    """Standard deviation by principal axis on a log scale, with each set's effective rank marked on the axis.

    Raises:
        ValueError: if no line is given.
    """
    if not lines:
        raise ValueError("`lines` must have at least one.")
    highest = max(float(line.singular.max(initial=0)) for line in lines) or 1.0
    lowest = highest * 10.0**-ORDERS_SHOWN
    positive = np.concatenate([line.singular[line.singular > lowest] for line in lines])
    floor = float(positive.min()) if len(positive) else lowest
    return {
        "data": [_line(line, lowest) for line in lines],
        "layout": layout(
            xaxis=axis("principal axis", showgrid=False, nticks=6, rangemode="tozero"),
            yaxis=axis("standard deviation", exponentformat="power", **_heights(floor, highest)),
            margin={"l": 58, "r": 16, "t": 8, "b": 38, "pad": 2},
            shapes=[_rank(line) for line in lines],
            annotations=[_label(line, row) for row, line in enumerate(lines)],
            dragmode="zoom",
            uirevision="spectrum",
        ),
        "alt": "; ".join(f"{line.label}: effective rank {line.rank:.3g} of {len(line.singular)}" for line in lines)
        + ".",
    }


def _heights(floor: float, highest: float) -> dict[str, Any]:
    low, high = float(np.log10(floor)), float(np.log10(highest))
    if high - low < ORDERS_FOR_LOG:
        return {"range": [0, 1.2 * highest], "nticks": 5}
    room = 0.2 * (high - low)  # for the labels
    return {"type": "log", "range": [low - 0.1, high + room], "dtick": 1}


def _line(line: Line, lowest: float) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers" if len(line.singular) <= 64 else "lines",
        "name": line.label,
        "x": np.arange(1, len(line.singular) + 1),
        "y": np.where(line.singular > lowest, line.singular, np.nan),
        "line": {"color": line.colour, "width": 1.8},
        "marker": {"color": line.colour, "size": 4},
        "hovertemplate": f"axis %{{x}}: %{{y:.3g}}<extra>{line.label}</extra>",
    }


def _rank(line: Line) -> dict[str, Any]:
    style = {"color": line.colour, "width": 1, "dash": "dash"}
    return {
        "type": "line",
        "yref": "paper",
        "x0": line.rank,
        "x1": line.rank,
        "y0": 0,
        "y1": BELOW_LABELS,
        "line": style,
    }


def _label(line: Line, row: int) -> dict[str, Any]:
    text = f"{line.label}: effective rank {line.rank:.3g} of {len(line.singular)}"
    return corner_label(text, line.colour, row=row, line_pixels=LABEL_PIXELS)
