"""Histogram of a quantity in equal bins, for several groups at once.

Groups that are parts of one whole are stacked; another is drawn as an outline over them.
"""

# B bins

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.theme import axis, corner_label, layout, role

Floats = NDArray[np.floating[Any]]

BINS = 48
LABEL_PIXELS = 15
ORDERS_FOR_LOG = 1.7
"""Orders of magnitude between the 1st and the 99th percentile from which a log scale is used."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """The values of one kind of thing."""

    label: str
    colour: str
    values: Floats
    whole: str
    """The whole that its shares refer to; groups with the same whole are stacked."""

    stacked: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A reference value."""

    value: float
    label: str


def histogram(groups: Sequence[Group], *, title: str, marks: Sequence[Mark] = ()) -> dict[str, Any]:
    """The groups over common bins, each as a share of its whole. Zeros do not show on a log scale: say so beside it.

    Raises:
        ValueError: if there is no value at all.
    """
    values = np.concatenate([group.values for group in groups])
    if len(values) == 0:
        raise ValueError("`groups` must have at least one value between them.")
    edges, log = _edges(values)
    totals: dict[str, int] = {}
    for group in groups:
        totals[group.whole] = totals.get(group.whole, 0) + len(group.values)
    floor, fills, outlines = np.zeros(len(edges) - 1), [], []
    for group in groups:
        within = group.values if log else group.values.clip(edges[0], edges[-1])  # zeros have no place by logarithm
        heights = np.histogram(within, edges)[0] / max(totals[group.whole], 1)
        if group.stacked:
            floor = floor + heights
            fills.append(_steps(group, edges, floor))
        else:
            outlines.append(_steps(group, edges, heights))
    data = [*fills[::-1], *outlines]  # what reaches highest lies lowest
    highest = max(float(trace["y"].max(initial=0)) for trace in data)
    room = 1.08 + 0.1 * sum(len(group.values) > 0 for group in groups)  # above it all, for the labels
    return {
        "data": data,
        "layout": layout(
            xaxis=axis(title, type="log" if log else "linear", showgrid=False, nticks=6, exponentformat="power"),
            yaxis=axis(
                "share", tickformat=".0%" if highest > 0.05 else ".1%", range=[0, room * highest or 1.0], nticks=5
            ),
            margin={"l": 50, "r": 16, "t": 8, "b": 38, "pad": 2},
            shapes=[_upright(mark) for mark in marks],
            annotations=[*_labels(groups), *(_named(mark, log) for mark in marks)],
            dragmode="zoom",
            uirevision=title,
        ),
        "alt": "; ".join(
            f"{group.label}: {len(group.values):,} values, median {np.median(group.values):.3g}"
            for group in groups
            if len(group.values)
        )
        + ".",
    }


def _edges(values: Floats) -> tuple[Floats, bool]:
    """(B + 1,) edges of the bins, and whether they are evenly spaced on a log scale."""
    low, high = float(values.min()), float(values.max())
    positive = values[values > 0]
    if len(positive):
        ends = np.log10(np.quantile(positive, [0.01, 0.99]))
        if low >= 0 and ends[1] - ends[0] > ORDERS_FOR_LOG:
            return np.geomspace(float(positive.min()), high * 1.0001, BINS + 1), True
    if high - low <= 1e-9 * max(abs(high), abs(low)):
        margin = 0.5 * abs(high) or 0.5
        return np.linspace(max(low - margin, 0.0), high + margin, BINS + 1), False
    low = 0.0 if 0 <= low < 0.5 * high else low
    return np.linspace(low, high, BINS + 1), False


def _steps(group: Group, edges: Floats, heights: Floats) -> dict[str, Any]:
    """The bars as one outline: dozens of bars would each be an element of the page."""
    x = np.repeat(edges, 2)
    y = np.concatenate([[0.0], np.repeat(heights, 2), [0.0]])
    line: dict[str, Any] = {"width": 0 if group.stacked else 1.8, "color": group.colour}
    filled = {"fill": "tozeroy", "fillcolor": group.colour} if group.stacked else {}
    return {
        "type": "scatter",
        "mode": "lines",
        "name": group.label,
        "x": x,
        "y": y,
        "line": line,
        **filled,
        "hovertemplate": f"%{{x:.3g}}: %{{y:.1%}}<extra>{group.label}</extra>",
    }


def _labels(groups: Sequence[Group]) -> list[dict[str, Any]]:
    return [
        {**corner_label(group.label, group.colour, row=row, line_pixels=LABEL_PIXELS), "borderpad": 0}
        for row, group in enumerate(group for group in groups if len(group.values))
    ]


def _upright(mark: Mark) -> dict[str, Any]:
    line = {"color": role("muted"), "width": 1, "dash": "dash"}
    return {"type": "line", "yref": "paper", "x0": mark.value, "x1": mark.value, "y0": 0, "y1": 1, "line": line}


def _named(mark: Mark, log: bool) -> dict[str, Any]:
    return {
        "x": float(np.log10(mark.value)) if log else mark.value,
        "yref": "paper",
        "y": 0.98,
        "xanchor": "left",
        "yanchor": "top",
        "xshift": 3,
        "text": mark.label,
        "showarrow": False,
        "font": {"color": role("muted"), "size": 11},
    }
