"""One bar per code: how often it is used, or how large its gradient is.

The bars are one filled outline: hundreds of separate ones would take longer to draw than everything else on the page.
"""

# K codes

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.theme import axis, corner_label, layout, role

Order = Literal["sorted", "by code"]

LETTER_PIXELS = 8
"""At most, of a letter of the label in the corner."""

MOST_POINTED = 40
"""Most chosen codes that get a mark above their bar: one bar of hundreds is only a pixel wide."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Marked:
    """Codes to highlight; if some are chosen, all others turn grey."""

    chosen: Collection[int] = ()
    pins: Mapping[int, int] = field(default_factory=dict)
    """Pinned codes, each with the index of its colour."""


def usage_bars(counts: NDArray[np.int64], *, order: Order, log: bool, marked: Marked | None = None) -> dict[str, Any]:
    """How often each code is used, the even share as a line, codes without use marked."""
    total, num_codes = float(counts.sum()), len(counts)
    dead = int((counts == 0).sum())
    figure = _bars(
        counts,
        order=order,
        log=log,
        floor=0.5,
        title="assignments",
        colour=role("Q"),
        hover="code %{customdata}<br>used %{text:,} times<extra></extra>",
        marked=marked,
    )
    figure["alt"] = f"Use of {num_codes} codes; {dead} are not in use."
    if total > 0:
        figure["layout"]["shapes"] = [_level(total / num_codes), *_dead_marks(counts, order)]
        label = _unused_label(dead, num_codes)
        aside = sum(LETTER_PIXELS * len(each["text"]) for each in label)
        figure["layout"]["annotations"] = [_level_label(total / num_codes, log, aside), *label]
    return figure


def gradient_bars(
    norms: NDArray[np.float32], *, order: Order, log: bool, marked: Marked | None = None
) -> dict[str, Any]:
    """Gradient norm of each code in the newest step."""
    positive = norms[norms > 0]
    figure = _bars(
        norms,
        order=order,
        log=log,
        floor=float(positive.min()) / 2 if len(positive) else 1.0,
        title="‖∂L/∂c_raw‖",
        colour=role("C"),
        hover="code %{customdata}<br>gradient norm %{text:.3g}<extra></extra>",
        marked=marked,
    )
    return {**figure, "alt": f"Gradient norms of {len(norms)} codes; {int((norms > 0).sum())} are not zero."}


def _bars(
    values: NDArray[Any],
    *,
    order: Order,
    log: bool,
    floor: float,
    title: str,
    colour: str,
    hover: str,
    marked: Marked | None,
) -> dict[str, Any]:
    """The bars; `floor` is where a log axis, which has no zero, begins."""
    index = np.argsort(-values, kind="stable") if order == "sorted" else np.arange(len(values))
    heights = values[index]
    outline = {
        "type": "scatter",
        "mode": "lines",
        "line": {"shape": "hvh", "width": 0.5, "color": colour},
        "fill": "tozeroy",
        "fillcolor": colour,
        "x": np.arange(len(values)),
        "y": np.maximum(heights, floor) if log and heights.max() > 0 else heights,
        "customdata": index,
        "text": heights,
        "name": title,
        "meta": {"role": "Q", "columns": {"customdata": "code", "text": title}},
        "hovertemplate": hover,
    }
    return {
        "data": _with_marks(outline, marked or Marked(), bottom=floor if log and heights.max() > 0 else 0),
        "layout": layout(
            xaxis=axis(
                "codes by use" if order == "sorted" and title == "assignments" else "code",
                showgrid=False,
                range=[-0.5, len(values) - 0.5],
            ),
            yaxis=_height_axis(title, float(heights.max()), floor, log=log),
            margin={"l": 58, "r": 16, "t": 8, "b": 38, "pad": 2},
            hovermode="x",
            dragmode="zoom",
        ),
    }


def _with_marks(outline: dict[str, Any], marked: Marked, *, bottom: float) -> list[dict[str, Any]]:
    index, tops, colour = outline["customdata"], outline["y"], outline["fillcolor"]
    data = [outline]
    if len(marked.chosen):
        chosen = np.isin(index, list(marked.chosen))
        grey = {"line": {**outline["line"], "color": role("unselected")}, "fillcolor": role("unselected", 0.6)}
        kept = {
            **outline,
            "y": np.where(chosen, tops, bottom),
            "hoverinfo": "skip",
            "name": "chosen",
            "line": {"shape": "hvh", "width": 0},
        }
        for part in ("meta", "hovertemplate", "customdata", "text"):
            del kept[part]
        data = [outline | grey, kept]
        if chosen.sum() <= MOST_POINTED:
            data.append(_above(np.flatnonzero(chosen), tops, colour))
    if pins := {code: place for code, place in marked.pins.items() if code < len(index)}:
        rows = np.array([np.flatnonzero(index == code)[0] for code in pins])
        colours = [role(f"pin{place}") for place in pins.values()]
        words = {"mode": "markers+text", "text": [str(code) for code in pins], "textposition": "top center"}
        data.append(
            _above(rows, tops, colours) | words | {"name": "pins", "textfont": {"color": colours, "size": 11}}
        )
    return data


def _above(rows: NDArray[np.int64], tops: NDArray[Any], colour: Any) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": rows,
        "y": tops[rows],
        "marker": {"symbol": "triangle-down", "size": 8, "color": colour, "line": {"width": 0}},
        "cliponaxis": False,
        "hoverinfo": "skip",
    }


def _height_axis(title: str, highest: float, floor: float, *, log: bool) -> dict[str, Any]:
    if not log or highest <= 0:
        return axis(title, rangemode="tozero", nticks=6, exponentformat="power")
    low, high = float(np.log10(floor)), float(np.log10(highest))
    decades = {"dtick": 1} if high - low > 1.5 else {}
    ends = [low, float(np.ceil(4 * high + 0.2) / 4)]  # in coarse steps, that it does not move at every refresh
    return axis(title, type="log", range=ends, nticks=6, exponentformat="power", **decades)


def _level(height: float) -> dict[str, Any]:
    line = {"color": role("muted"), "width": 1, "dash": "dash"}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": height, "y1": height, "line": line}


def _level_label(height: float, log: bool, aside: int) -> dict[str, Any]:
    """Words on the line of even use, `aside` pixels from its end: another label may stand in the corner."""
    return {
        "xref": "paper",
        "x": 1,
        "xanchor": "right",
        "xshift": -aside,
        "y": float(np.log10(height)) if log else height,
        "yanchor": "bottom",
        "text": "even use",
        "showarrow": False,
        "font": {"color": role("muted"), "size": 11},
    }


def _dead_marks(counts: NDArray[np.int64], order: Order) -> list[dict[str, Any]]:
    """A grey band under every run of unused codes."""
    heights = np.sort(counts)[::-1] if order == "sorted" else counts
    edges = np.flatnonzero(np.diff(np.concatenate([[0], heights == 0, [0]]).astype(int)))
    return [
        {
            "type": "rect",
            "layer": "below",
            "yref": "paper",
            "x0": start - 0.5,
            "x1": stop - 0.5,
            "y0": 0,
            "y1": 1 if order == "sorted" else 0.03,
            "fillcolor": role("dead", 0.09 if order == "sorted" else 0.6),
            "line": {"width": 0},
        }
        for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    ]


def _unused_label(dead: int, num_codes: int) -> list[dict[str, Any]]:
    return [corner_label(f"{dead:,} of {num_codes:,} not in use", role("dead"))] if dead else []
