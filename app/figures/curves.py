"""Curves through time, in stacked panels on one step axis, with a marker where a switch fell."""

# T points of a curve

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.theme import axis, layout, role

MOST_POINTS = 400
"""Points of one curve that a panel can tell apart."""

GAP = 0.09
"""Between two panels, as a share of the height."""

LEFT, RIGHT, TOP, BOTTOM = 44, 96, 8, 36
"""Margins in pixels: room for ticks and for the names at the lines' ends."""

LABEL_PIXELS = 13
MOST_MARKERS = 12
"""Markers that carry a label; earlier ones keep their line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """One named line."""

    label: str
    steps: NDArray[np.int64]
    values: NDArray[np.float32]
    colour: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """Curves that share a unit, and so an axis."""

    title: str
    curves: Sequence[Curve]
    log: bool = False
    ends: tuple[float, float] | None = None
    """Both ends of the axis, where the quantity has them, such as 1 and K."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Marker:
    """Where a switch fell."""

    step: int
    label: str


def curves(
    panels: Sequence[Panel], markers: Sequence[Marker], *, smoothing: int, last_step: int, height: int
) -> dict[str, Any]:
    """All panels over one step axis. `smoothing` is a running mean over so many recorded points; 1 is none."""
    data, annotations = [], []
    figure_layout = layout(
        xaxis=axis(
            "step",
            # Not `range`: one that grows makes Plotly forget the reader's zoom.
            autorange=True,
            autorangeoptions={"minallowed": 0, "maxallowed": max(last_step, 10)},
            anchor=f"y{len(panels) if len(panels) > 1 else ''}",
        ),
        hovermode="x unified",
        dragmode="zoom",
        margin={"l": LEFT, "r": RIGHT, "t": TOP, "b": BOTTOM, "pad": 2},
    )
    span = (1 - GAP * (len(panels) - 1)) / len(panels)
    for order, panel in enumerate(panels):
        name = "y" if order == 0 else f"y{order + 1}"
        top = 1 - order * (span + GAP)
        lines = [_thinned(curve, smoothing) for curve in panel.curves]
        limits = _limits(panel, [values for _, values in lines])
        figure_layout["yaxis" + name[1:]] = axis(
            panel.title,
            domain=[max(0.0, top - span), top],
            type="log" if panel.log else "linear",
            nticks=5,
            exponentformat="power",
            **({"range": limits} if limits else {}),  # null would make Plotly's next update throw
            **({"dtick": 1} if panel.log and limits and limits[1] - limits[0] > 1 else {}),
        )
        for curve, (steps, values) in zip(panel.curves, lines, strict=True):
            data.append(_line(curve, steps, values, name))
        annotations += _end_labels(panel, lines, limits, (top - span, top), height - TOP - BOTTOM)
    figure_layout["shapes"] = [_marker_line(marker) for marker in markers]
    figure_layout["annotations"] = annotations + _marker_labels(markers, last_step)
    return {"data": data, "layout": figure_layout, "alt": _sentence(panels)}


def _thinned(curve: Curve, smoothing: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """At most `MOST_POINTS` points: means of equal runs, at the last step of each."""
    steps, values = curve.steps, curve.values.astype(np.float64)
    if smoothing > 1 and len(values):
        sums = np.cumsum(np.concatenate([[0.0], values]))
        starts = np.maximum(np.arange(len(values)) - smoothing + 1, 0)
        values = (sums[1:] - sums[starts]) / (np.arange(len(values)) + 1 - starts)
    run = -(-len(values) // MOST_POINTS)
    if run <= 1:
        return steps, values
    ends = np.arange(len(values), 0, -run)[::-1]
    starts = np.maximum(ends - run, 0)
    return steps[ends - 1], np.add.reduceat(values, starts) / (ends - starts)


def _limits(panel: Panel, lines: Sequence[NDArray[Any]]) -> list[float] | None:
    """Both ends of the axis, in coarse steps: an axis that moves at every refresh unsettles, and ends a zoom."""
    values = np.concatenate([*lines, np.empty(0)])
    values = values[np.isfinite(values) & ((values > 0) | (not panel.log))]
    if len(values) == 0:
        return None
    if panel.ends is not None:
        low, high = np.log10(panel.ends) if panel.log else panel.ends
        return [float(low - 0.04 * (high - low)), float(high + 0.06 * (high - low))]
    if panel.log:
        # Percentiles, so that one spike of the first steps does not flatten all that follows.
        low, high = np.log10(np.percentile(values, [0.5, 99.5]))
        return [float(np.floor(4 * low - 0.3) / 4), float(np.ceil(4 * high + 0.3) / 4)]
    low, high = min(0.0, float(values.min())), float(values.max())
    unit = 10 ** np.floor(np.log10(max(high - low, 1e-30))) / 2
    return [float(unit * np.floor(low / unit)), float(unit * np.ceil(1.03 * high / unit)) or 1.0]


def _line(curve: Curve, steps: NDArray[Any], values: NDArray[Any], y: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": curve.label,
        "x": steps,
        "y": values,
        "yaxis": y,
        "line": {"color": curve.colour, "width": 1.8},
        "hovertemplate": f"{curve.label} %{{y:.4g}}<extra></extra>",
    }


def _end_labels(
    panel: Panel,
    lines: Sequence[tuple[NDArray[Any], NDArray[Any]]],
    limits: list[float] | None,
    domain: tuple[float, float],
    height: float,
) -> list[dict[str, Any]]:
    """Each curve's name at its right end, moved apart where two would overlap."""
    ends = [
        (float(np.log10(values[-1])) if panel.log else float(values[-1]), curve)
        for curve, (_, values) in zip(panel.curves, lines, strict=True)
        if len(values) and np.isfinite(values[-1]) and (values[-1] > 0 or not panel.log)
    ]
    if limits is None or not ends:
        return []
    bottom, top = domain[0] * height, domain[1] * height
    labels, ceiling = [], np.inf
    ends.sort(key=lambda end: -end[0])
    for order, (at, curve) in enumerate(ends):
        share = (min(max(at, limits[0]), limits[1]) - limits[0]) / (limits[1] - limits[0])
        floor = bottom + LABEL_PIXELS * (len(ends) - 1 - order)  # leaves room for those below
        ceiling = min(max(bottom + share * (top - bottom), floor), ceiling - LABEL_PIXELS)
        labels.append(
            {
                "xref": "paper",
                "x": 1,
                "xanchor": "left",
                "xshift": 6,
                "yref": "paper",
                "y": float(ceiling / height),
                "yanchor": "middle",
                "text": curve.label,
                "showarrow": False,
                "font": {"color": curve.colour, "size": 12},
            }
        )
    return labels


def _marker_line(marker: Marker) -> dict[str, Any]:
    return {
        "type": "line",
        "yref": "paper",
        "x0": marker.step,
        "x1": marker.step,
        "y0": 0,
        "y1": 1,
        "line": {"color": role("marker"), "width": 1, "dash": "dash"},
    }


def _marker_labels(markers: Sequence[Marker], last_step: int) -> list[dict[str, Any]]:
    """Labels on alternating lines, so that neighbours stay legible."""
    return [
        {
            "x": marker.step,
            "yref": "paper",
            "y": 1 - 0.07 * (order % 3),
            "yanchor": "top",
            "xanchor": "right" if marker.step > 0.6 * last_step else "left",
            "xshift": -3 if marker.step > 0.6 * last_step else 3,
            "text": marker.label,
            "showarrow": False,
            "font": {"color": role("text"), "size": 11},
            "bgcolor": role("background", 0.75),
        }
        for order, marker in enumerate(markers[-MOST_MARKERS:])
    ]


def _sentence(panels: Sequence[Panel]) -> str:
    ends = [
        f"{curve.label} {curve.values[-1]:.3g}" for panel in panels for curve in panel.curves if len(curve.values)
    ]
    return f"Curves through time; newest values: {', '.join(ends)}." if ends else "No step has been trained yet."
