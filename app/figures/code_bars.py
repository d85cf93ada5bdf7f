"""One bar a code: how often it is used, or how large a gradient it gets."""

# K codes

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.theme import axis, layout, role

Order = Literal["sorted", "by code"]


def usage_bars(counts: NDArray[np.int64], *, order: Order, log: bool) -> dict[str, Any]:
    """Assignments of each code over the window, the even share as a line, dead codes marked."""
    total, num_codes = int(counts.sum()), len(counts)
    dead = int((counts == 0).sum())
    figure = _bars(
        counts,
        order=order,
        log=log,
        title="assignments",
        colour=role("Q"),
        hover="code %{customdata}<br>used %{y:,} times<extra></extra>",
    )
    figure["alt"] = f"Use of {num_codes} codes; {dead} are not used in the window."
    if total > 0:
        figure["layout"]["shapes"] = [_level(total / num_codes), *_dead_marks(counts, order)]
        figure["layout"]["annotations"] = [
            _level_label(total / num_codes, log),
            *_dead_label(dead, num_codes),
        ]
    return figure


def gradient_bars(norms: NDArray[np.float32], *, order: Order, log: bool) -> dict[str, Any]:
    """Gradient norm of each code in the newest step."""
    figure = _bars(
        norms,
        order=order,
        log=log,
        title="‖∂L/∂c_raw‖",
        colour=role("C"),
        hover="code %{customdata}<br>gradient norm %{y:.3g}<extra></extra>",
    )
    return {**figure, "alt": f"Gradient norms of {len(norms)} codes; {int((norms > 0).sum())} are not zero."}


def _bars(values: NDArray[Any], *, order: Order, log: bool, title: str, colour: str, hover: str) -> dict[str, Any]:
    index = np.argsort(-values, kind="stable") if order == "sorted" else np.arange(len(values))
    heights = values[index]
    positive = heights[heights > 0]
    y = axis(title, type="log" if log else "linear", nticks=6, exponentformat="power")
    if log and len(positive):  # a log axis has no zero: stand the bars on half the smallest
        floor = np.log10(positive.min() / 2)
        y["range"] = [float(floor), float(max(np.log10(positive.max()) * 1.02, floor) + 0.1)]
    else:
        y["rangemode"] = "tozero"
    return {
        "data": [
            {
                "type": "bar",
                "x": np.arange(len(values)),
                "y": heights,
                "customdata": index,
                "meta": {"role": "Q"},
                "marker": {"color": colour, "line": {"width": 0}},
                "hovertemplate": hover,
            }
        ],
        "layout": layout(
            xaxis=axis(
                "code, most used first" if order == "sorted" else "code",
                showgrid=False,
                range=[-0.5, len(values) - 0.5],
            ),
            yaxis=y,
            bargap=0,
            dragmode="zoom",
        ),
    }


def _level(height: float) -> dict[str, Any]:
    line = {"color": role("muted"), "width": 1, "dash": "dash"}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": height, "y1": height, "line": line}


def _level_label(height: float, log: bool) -> dict[str, Any]:
    return {
        "xref": "paper",
        "x": 1,
        "xanchor": "right",
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


def _dead_label(dead: int, num_codes: int) -> list[dict[str, Any]]:
    if dead == 0:
        return []
    return [
        {
            "xref": "paper",
            "yref": "paper",
            "x": 1,
            "y": 1,
            "xanchor": "right",
            "yanchor": "top",
            "text": f"{dead:,} of {num_codes:,} dead",
            "showarrow": False,
            "font": {"color": role("dead"), "size": 12},
            "bgcolor": role("background", 0.8),
        }
    ]
