"""One map for all codes, drawn: arrows from raw code vectors to code vectors, and the paper's toy step by step."""

# N points, K codes

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.figures.map_legend import Mark, legend
from app.theme import axis, layout, role

Floats = NDArray[np.floating]

HEAD = 0.035
"""Length of an arrow's head, as a share of the wider side of what is shown."""

HEAD_TURN = 0.42
"""How far each side of a head is turned from the shaft, in radians."""

MOST_ARROWS = 80
ROOM = 0.06
ACROSS, DOWN = 0.03, 0.11
"""Between two pictures of the toy, as shares of the whole."""


ARROW_MARKS = (Mark("●", "P", "P"), Mark("●", "muted", "c_raw"), Mark("●", "C", "c"))
TOY_MARKS = (Mark("●", "P", "points"), Mark("●", "C", "codes that moved"), Mark("✕", "dead", "codes that never did"))


class Toy(NamedTuple):
    """One row of the toy's pictures."""

    title: str
    points: Floats
    """(N, 2), which stay."""

    codes: Sequence[Floats]
    """(K, 2) each, by moment."""

    moved: Sequence[NDArray[np.bool_]]
    """(K,) each: which codes have ever moved by then."""


def arrows(raw: Floats, codes: Floats, p: Floats, axis_titles: tuple[str, str]) -> dict[str, Any]:
    """Arrows from c_raw to c, both (K, 2), with the embeddings `p` (M, 2).

    Of many codes every so-manyth has its arrow: more would cover the picture.
    """
    drawn = np.unique(np.linspace(0, len(raw) - 1, MOST_ARROWS).round().astype(int))
    everything = np.concatenate([raw, codes, p])
    reach = [_reach(everything[:, place]) for place in (0, 1)]
    spans = np.array([high - low for low, high in reach])
    x_title, y_title = axis_titles
    return {
        "data": [
            _dots("c_raw", raw, 4, role("muted", 0.6), hover="c_raw of code %{customdata}"),
            _dots("c", codes, 6, role("C", 0.75), hover="code %{customdata}"),
            _lines(_shafts_and_heads(raw[drawn], codes[drawn], spans), role("text", 0.6), 1.2),
            _dots("P", p, 4, role("P", 0.6)),
        ],
        "layout": layout(
            xaxis=axis(x_title, range=reach[0]),
            yaxis=axis(y_title, range=reach[1]),
            margin={"l": 46, "r": 16, "t": 25, "b": 38, "pad": 2},
            annotations=[legend(ARROW_MARKS)],
        ),
        "alt": f"Arrows from {len(drawn)} of {len(raw)} raw code vectors to what one map makes of them.",
    }


def toy(rows: Sequence[Toy], moments: Sequence[int]) -> dict[str, Any]:
    """Each row's plane after each of `moments` updates: points, codes that have moved, and codes that never did."""
    everything = np.concatenate([part for row in rows for part in (row.points, *row.codes)])
    ranges = [_reach(everything[:, place]) for place in (0, 1)]
    data: list[dict[str, Any]] = []
    axes: dict[str, Any] = {}
    labels: list[dict[str, Any]] = []
    for order, row in enumerate(rows):
        for place, updates in enumerate(moments):
            number = 1 + order * len(moments) + place
            own = {"xaxis": f"x{number if number > 1 else ''}", "yaxis": f"y{number if number > 1 else ''}"}
            across, up = _share(place, len(moments), ACROSS), _share(len(rows) - 1 - order, len(rows), DOWN)
            shown: dict[str, Any] = {"showticklabels": False, "showgrid": False}
            axes[own["xaxis"].replace("x", "xaxis")] = axis(
                domain=across, range=ranges[0], anchor=own["yaxis"], **shown
            )
            axes[own["yaxis"].replace("y", "yaxis")] = axis(domain=up, range=ranges[1], anchor=own["xaxis"], **shown)
            codes, moved = row.codes[place], row.moved[place]
            data += [
                _dots("P", row.points, 3, role("P", 0.4)) | own,
                _crosses("never moved", codes[~moved]) | own,
                _dots("moved", codes[moved], 6, role("C")) | own,
            ]
            words = f"{row.title}, step {updates}: {int(moved.sum())} moved"
            labels.append(_label(words, across[0], up[1]))
    key = legend(TOY_MARKS) | {"yshift": 20}
    return {
        "data": data,
        "layout": layout(**axes, margin={"l": 8, "r": 8, "t": 46, "b": 8, "pad": 2}, annotations=[key, *labels]),
        "alt": "; ".join(label["text"] for label in labels) + ".",
    }


def _reach(values: Floats) -> list[float]:
    low, high = float(values.min()), float(values.max())
    room = ROOM * (high - low) or 1.0
    return [low - room, high + room]


def _share(place: int, of: int, gap: float) -> list[float]:
    """Where one of so many pictures beside each other lies, as shares of the whole."""
    width = (1 - gap * (of - 1)) / of
    return [place * (width + gap), min(1.0, place * (width + gap) + width)]


def _shafts_and_heads(raw: Floats, codes: Floats, spans: Floats) -> Floats:
    """(K·6, 2) lines with gaps. Heads are turned as the screen shows them, where both sides are about as long."""
    way = (codes - raw) / spans
    length = np.linalg.norm(way, axis=1, keepdims=True)
    back = -way / np.where(length > 0, length, 1) * np.minimum(HEAD, length / 2)
    sides = []
    for turn in (HEAD_TURN, -HEAD_TURN):
        turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        sides.append(codes + back @ turned.T * spans)
    gap = np.full_like(codes, np.nan)
    return np.stack([raw, codes, sides[0], codes, sides[1], gap], 1).reshape(-1, 2)


def _lines(points: Floats, colour: str, width: float) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": points[:, 0],
        "y": points[:, 1],
        "line": {"color": colour, "width": width},
        "hoverinfo": "skip",
    }


def _dots(name: str, places: Floats, size: float, colour: str, hover: str = "") -> dict[str, Any]:
    told = {"hovertemplate": f"{hover}<extra></extra>"} if hover else {"hoverinfo": "skip"}
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": places[:, 0],
        "y": places[:, 1],
        "customdata": np.arange(len(places)),
        "marker": {"size": size, "color": colour, "line": {"width": 0}},
        **told,
    }


def _crosses(name: str, places: Floats) -> dict[str, Any]:
    colour = role("dead", 0.75)
    marker = {"size": 5, "symbol": "x-thin", "color": role("dead"), "line": {"width": 1.1, "color": colour}}
    return {**_dots(name, places, 5, colour), "marker": marker}


def _label(words: str, x: float, y: float) -> dict[str, Any]:
    return {
        "xref": "paper",
        "yref": "paper",
        "x": x,
        "y": y,
        "xanchor": "left",
        "yanchor": "bottom",
        "text": words,
        "showarrow": False,
        "font": {"color": role("text"), "size": 12},
    }
