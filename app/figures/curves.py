"""Curves through time, in stacked panels on one step axis, with a marker where a switch was thrown.

A drawn point may stand for many rows: then it is their mean, in a band from their minimum to their maximum.
"""

# T points of a curve

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.figures.switch_marks import Marker, marker_labels
from app.theme import axis, layout, role

MOST_POINTS = 256
"""Most points of one curve that a panel can tell apart."""

GAP = 0.09
"""Between two panels, as a share of the height."""

LEFT, RIGHT, TOP, BOTTOM = 44, 96, 8, 36
"""Margins in pixels: room for ticks and for the names at the lines' ends."""

LABEL_PIXELS = 13
BAND_OPACITY = 0.22
END_GROWTH = 0.08
"""By what share an axis of steps grows at a time."""

FAINT_WIDTH, FAINT_OPACITY = 0.9, 0.5
EARLIER_WIDTH, EARLIER_OPACITY = 1.5, 0.6


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """One named line. Each of its points stands for one recorded row or for several.

    All arrays (T,), oldest first.
    """

    label: str
    colour: str
    steps: NDArray[np.int64]
    """The last step of each point."""

    rows: NDArray[np.int64]
    """How many rows each point stands for."""

    finite: NDArray[np.int64]
    """How many of them are finite; the others are left out of the mean and the range."""

    low: NDArray[np.float32]
    values: NDArray[np.float32]
    """Their mean."""

    high: NDArray[np.float32]
    dash: str = "solid"
    is_faint: bool = False
    """Drawn thin and without a name at its end: what another curve of the panel is to be held against."""

    is_held_out: bool = False
    """Free of the noise of batches: never smoothed, and its newest value is drawn as it is."""


Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


def curve_of(
    label: str, points: tuple[Ints, Ints, Ints, Floats, Floats, Floats], colour: str, dash: str = "solid"
) -> Curve:
    """The line of `points` as a history gives them: last step, rows, finite, low, mean and high, (T,) each."""
    steps, rows, finite, low, mean, high = points
    return Curve(
        label=label, colour=colour, dash=dash, steps=steps, rows=rows, finite=finite, low=low, values=mean, high=high
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """Curves that share a unit and so an axis."""

    title: str
    curves: Sequence[Curve]
    log: bool = False
    ends: tuple[float, float] | None = None
    """Both ends of the axis if the quantity has bounds, such as 1 and K."""

    beside: Sequence[NDArray[np.float32]] = ()
    """Values in a neighbouring figure: the axis covers them too, so that the two can be compared."""


class _Line(NamedTuple):
    """The drawn points of a curve, about `MOST_POINTS`."""

    steps: NDArray[Any]
    values: NDArray[Any]
    low: NDArray[Any]
    high: NDArray[Any]


def curves(
    panels: Sequence[Panel],
    markers: Sequence[Marker],
    *,
    smoothing: int,
    last_step: int,
    height: int,
    cursor: int | None = None,
) -> dict[str, Any]:
    """All panels over one step axis.

    Args:
        panels: from the top down.
        markers: where switches were thrown.
        smoothing: window of a running mean in recorded rows; 1: no smoothing.
        last_step: where the axis ends.
        height: in pixels.
        cursor: the step that the rest of the page shows, if not the newest.
    """
    data, annotations = [], []
    figure_layout = layout(
        xaxis=axis(
            "step",
            range=[0, steps_end(last_step)],
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
        own = [part for line in lines for part in (line.values, line.low, line.high)]
        limits = _limits(panel, [*own, *panel.beside])
        figure_layout["yaxis" + name[1:]] = axis(
            panel.title,
            domain=[max(0.0, top - span), top],
            type="log" if panel.log else "linear",
            nticks=5,
            exponentformat="power",
            **({"range": limits} if limits else {}),  # null would make Plotly's next update throw
            **(_log_ticks(limits[1] - limits[0]) if panel.log and limits else {}),
        )
        pairs = list(zip(panel.curves, lines, strict=True))
        data += [_band(curve, line, name, panel, limits) for curve, line in pairs if (line.low < line.high).any()]
        data += [_line(curve, line, name) for curve, line in pairs]
        annotations += _end_labels(panel, lines, limits, (top - span, top), height - TOP - BOTTOM)
    figure_layout["shapes"] = [marker_line(marker.step) for marker in markers]
    figure_layout["shapes"] += [cursor_line(cursor)] if cursor is not None else []
    figure_layout["annotations"] = annotations + marker_labels(markers, steps_end(last_step))
    return {"data": data, "layout": figure_layout, "alt": _sentence(panels)}


def steps_end(last_step: int) -> int:
    """Where an axis of steps ends: seldom elsewhere than before, so that not all of a chart moves at every refresh.

    >>> [steps_end(step) for step in (0, 10, 11, 500, 520)]
    [10, 10, 11, 537, 537]
    """
    end = 10
    while end < last_step:
        end += max(1, int(END_GROWTH * end))
    return end


def faint_curves(panels: Sequence[Panel], of: str) -> list[dict[str, Any]]:
    """The same curves of another run, thin and dotted, to lie behind those that `curves` draws of equal panels.

    Args:
        panels: as `curves` has them; of each curve its mean.
        of: whose curves they are, after their names.
    """
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": f"{curve.label}, {of}",
            "x": curve.steps,
            "y": curve.values,
            "yaxis": "y" if order == 0 else f"y{order + 1}",
            "line": {"color": curve.colour, "width": EARLIER_WIDTH, "dash": "dot"},
            "opacity": EARLIER_OPACITY,
            "hovertemplate": f"{curve.label}, {of} %{{y:.4g}}<extra></extra>",
        }
        for order, panel in enumerate(panels)
        for curve in panel.curves
        if not curve.is_faint
    ]


def _thinned(curve: Curve, smoothing: int) -> _Line:
    """Mean, minimum and maximum of equal runs of rows, at the last step of each; the last run is complete."""
    values = np.where(curve.finite > 0, curve.values, 0).astype(np.float64)
    if smoothing > 1 and not curve.is_held_out:
        values, weight = _smoothed(curve, values, smoothing)
    else:
        weight = curve.finite
    after = np.cumsum(curve.rows[::-1])[::-1] - curve.rows  # how many rows are newer
    together = max(1, -(-int(curve.rows.sum()) // MOST_POINTS))
    run = -(-after // together) if curve.is_held_out else after // together
    starts = np.flatnonzero(np.diff(run, prepend=-1))
    ends = np.append(starts[1:], len(run)) - 1
    if len(run) == 0:
        return _Line(curve.steps, values, values, values)
    weights = np.add.reduceat(weight, starts)
    with np.errstate(invalid="ignore"):  # where nothing is finite: a gap
        means = np.add.reduceat(values * weight, starts) / weights
    low, high = (
        extreme.reduceat(np.where(curve.finite > 0, part, worst), starts).astype(np.float64)
        for extreme, part, worst in ((np.minimum, curve.low, np.inf), (np.maximum, curve.high, -np.inf))
    )
    return _Line(curve.steps[ends], means, low, high)


def _smoothed(curve: Curve, values: NDArray[Any], smoothing: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """At each point the mean of the last `smoothing` rows and its weight, which is 0 if none of them is finite.

    Within a bucket, rows count as equal to its mean.
    """
    rows, sums, counts = (
        np.concatenate([[0.0], np.cumsum(part)]) for part in (curve.rows, values * curve.finite, curve.finite)
    )
    before = np.maximum(rows[1:] - smoothing, 0)
    total, count = (part[1:] - np.interp(before, rows, part) for part in (sums, counts))
    there = count > 0
    return np.where(there, total / np.where(there, count, 1), 0), np.where(there, curve.rows, 0)


def _limits(panel: Panel, lines: Sequence[NDArray[Any]]) -> list[float] | None:
    """Both ends of the axis, in coarse steps: an axis that moves at every refresh is unsettling and ends a zoom."""
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


def _log_ticks(decades: float) -> dict[str, Any]:
    """Ticks: powers of ten, also 2 and 5 where those are few; below a decade, Plotly's own.

    The browser leaves out powers that find no room at the height that the chart has there.
    """
    if decades < 1:
        return {}
    return {"dtick": 1} if decades > 1.3 else {"dtick": "D2", "tickformat": "~g"}


def _line(curve: Curve, line: _Line, y: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": curve.label,
        "x": line.steps,
        "y": line.values,
        "yaxis": y,
        "line": {"color": curve.colour, "width": FAINT_WIDTH if curve.is_faint else 1.8, "dash": curve.dash},
        "opacity": FAINT_OPACITY if curve.is_faint else 1,
        "hovertemplate": f"{curve.label} %{{y:.4g}}<extra></extra>",
    }


def _band(curve: Curve, line: _Line, y: str, panel: Panel, limits: list[float] | None) -> dict[str, Any]:
    """The band from minimum to maximum of each point: one outline for each stretch without a gap."""
    floor = 10 ** limits[0] if panel.log and limits else -np.inf  # a log axis has no place for zero
    low, high = np.maximum(line.low, floor), np.maximum(line.high, floor)
    stretches = np.flatnonzero(np.diff(np.isfinite(line.low), prepend=False, append=False)).reshape(-1, 2)
    gap = np.array([np.nan])
    xs, ys = [], []
    for start, stop in stretches:
        there, back = np.arange(start, stop), np.arange(start, stop)[::-1]
        xs += [line.steps[there], line.steps[back], gap]
        ys += [high[there], low[back], gap]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": f"{curve.label}, least to greatest",
        "x": np.concatenate(xs),
        "y": np.concatenate(ys),
        "yaxis": y,
        "fill": "toself",
        "fillcolor": curve.colour,
        "opacity": BAND_OPACITY,
        "meta": {"decorates": True},  # an outline: a file of values has no use for its corners
        "line": {"width": 0, "color": curve.colour},
        "hoverinfo": "skip",
    }


def _end_labels(
    panel: Panel,
    lines: Sequence[_Line],
    limits: list[float] | None,
    domain: tuple[float, float],
    height: float,
) -> list[dict[str, Any]]:
    """Each curve's name at its right end, moved apart where two would overlap."""
    ends = [
        (float(np.log10(values[-1])) if panel.log else float(values[-1]), curve)
        for curve, values in zip(panel.curves, [line.values for line in lines], strict=True)
        if not curve.is_faint and len(values) and np.isfinite(values[-1]) and (values[-1] > 0 or not panel.log)
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


def marker_line(step: int) -> dict[str, Any]:
    """Lines where switches were thrown, over the whole height of a figure whose x axis is the step."""
    return _upright(step, {"color": role("marker"), "width": 1, "dash": "dash"})


def cursor_line(step: int) -> dict[str, Any]:
    """The line at the step that the page shows."""
    return _upright(step, {"color": role("text"), "width": 1.5})


def _upright(step: int, line: dict[str, Any]) -> dict[str, Any]:
    return {"type": "line", "yref": "paper", "x0": step, "x1": step, "y0": 0, "y1": 1, "line": line}


def _sentence(panels: Sequence[Panel]) -> str:
    ends = [
        f"{curve.label} {curve.values[-1]:.3g}" for panel in panels for curve in panel.curves if len(curve.values)
    ]
    return f"Curves through time; newest values: {', '.join(ends)}." if ends else "No step has been trained yet."
