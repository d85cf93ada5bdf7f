"""What can be shown on the map or left out: layers, colours by value, links and pins."""

# M monitor vectors, K codes

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.theme import role

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

LAYERS = ("P", "C", "Q", "dead", "1σ", "links", "paths")
FIRST_LAYERS = frozenset(LAYERS) - {"links"}
SCALE = tuple(f"scale{stop}" for stop in range(5))
MOST_CLASSES = 10
"""Number of classes that get their own colour."""

FEW = 12
"""Chosen vectors that are found one by one; more are seen as a group."""

UNKNOWN = 0.06
"""Share of a colour scale, at its lower end, that is grey, for points without a value."""


def write_layers(layers: Collection[str]) -> str:
    """The layers shown, as a text for the URL; empty for the default.

    >>> write_layers(["Q", "P"]), write_layers([]), write_layers(FIRST_LAYERS)
    ('P,Q', 'none', '')
    """
    if frozenset(layers) == FIRST_LAYERS:
        return ""
    return ",".join(name for name in LAYERS if name in layers) or "none"


def read_layers(text: str) -> frozenset[str]:
    """The layers that a text names.

    Raises:
        ValueError: for an unknown layer.
    """
    if not text:
        return FIRST_LAYERS
    named = [] if text == "none" else text.split(",")
    if unknown := [name for name in named if name not in LAYERS]:
        shown = "".join(letter for letter in unknown[0][:20] if letter.isalnum())  # no markup from a link
        raise ValueError(f"`layers` in the link must be none or some of {','.join(LAYERS)}, but has '{shown}'.")
    return frozenset(named)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shade:
    """A value for every vector and code, shown as colour; NaN: no value."""

    title: str
    p: Floats
    """(M,)"""

    c: Floats
    """(K,)"""

    log: bool = False
    """Colour by the logarithm; zeros then count as the smallest positive value."""

    ends: tuple[float, float] | None = None
    """The least and the greatest value of the scale where several maps share one; None for those of this."""

    classes: tuple[str, ...] = ()
    """Names of whole values from 0 up, where values are classes."""


def ends_of(shades: Sequence[Shade]) -> tuple[float, float]:
    """The least and the greatest value that the scale of these shades has to show."""
    values = np.concatenate([part for shade in shades for part in (shade.p, shade.c)]).astype(np.float64)
    values = values[np.isfinite(values) & ((values > 0) | (not shades[0].log))]
    return (float(values.min()), float(values.max())) if len(values) else (1.0, 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How the map is drawn."""

    layers: frozenset[str] = FIRST_LAYERS
    shade: Shade | None = None
    """None: colour by role."""

    pins: Mapping[int, int] = field(default_factory=dict)
    """Pinned codes, each with the index of its colour."""

    linked: Ints | None = None
    """Vectors whose links are drawn, those chosen; None: all."""

    equal_scale: bool = False
    """Whether x and y have the same scale; otherwise each axis fills its side of the map."""

    @property
    def has_few(self) -> bool:
        """Whether so few vectors are chosen that each one is highlighted, with its link."""
        return self.linked is not None and len(self.linked) <= FEW


class Scale:
    """From values to positions 0…1 on a colour scale, with the ticks of its bar."""

    def __init__(self, shade: Shade) -> None:
        self.shade = shade
        self._low, self._high = shade.ends or ends_of([shade])

    def places(self, values: NDArray[Any]) -> Floats:
        """Position of each value on the scale; 0 if it is not finite."""
        if classes := self.shade.classes:
            share = (values % MOST_CLASSES + 0.5) / min(len(classes), MOST_CLASSES)
        else:
            low, high = self._measure(np.array([self._low, self._high]))
            known = np.where(np.isfinite(values), np.maximum(values, self._low), self._low)
            share = (self._measure(known) - low) / ((high - low) or 1)
        return np.where(np.isfinite(values), UNKNOWN + (1 - UNKNOWN) * share, 0).astype(np.float32)

    def marker(self, values: NDArray[Any], *, bar: bool) -> dict[str, Any]:
        """Plotly's settings for a marker coloured by these values, with the labelled bar if asked."""
        settings = {"color": self.places(values), "cmin": 0, "cmax": 1, "colorscale": self._stops()}
        return settings | ({"showscale": True, "colorbar": self._bar()} if bar else {"showscale": False})

    def _measure(self, values: NDArray[Any]) -> NDArray[Any]:
        return np.log(values) if self.shade.log else values

    def _stops(self) -> list[list[Any]]:
        grey = role("unselected")
        stops: list[list[Any]] = [[0, grey], [UNKNOWN / 2, grey]]
        if classes := self.shade.classes[:MOST_CLASSES]:
            edges = np.linspace(UNKNOWN, 1, len(classes) + 1)  # Plotly drops a scale that does not end at 1 exactly
            edges[0] = UNKNOWN / 2
            for place, (start, end) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
                stops += [[start, role(f"class{place}")], [end, role(f"class{place}")]]
            return stops
        ends = np.linspace(UNKNOWN, 1, len(SCALE)).tolist()
        return [
            *stops,
            [UNKNOWN / 2, role(SCALE[0])],
            *([end, role(name)] for end, name in zip(ends, SCALE, strict=True)),
        ]

    def _bar(self) -> dict[str, Any]:
        if classes := self.shade.classes[:MOST_CLASSES]:
            marks = np.arange(len(classes), dtype=np.float64)
            words = list(classes)
        else:
            middle = np.sqrt(self._low * self._high) if self.shade.log else (self._low + self._high) / 2
            marks = np.unique([self._low, middle, self._high])
            words = [f"{mark:.2g}" if mark < 100 else f"{mark:,.0f}" for mark in marks]
        return {
            "orientation": "h",
            "thickness": 7,
            "len": 0.42,
            "x": 1,
            "xanchor": "right",
            "y": 0,
            "yanchor": "bottom",
            "xpad": 6,
            "ypad": 2,
            "outlinewidth": 0,
            "bgcolor": role("background", 0.8),
            "title": {"text": self.shade.title, "side": "top", "font": {"size": 11, "color": role("muted")}},
            "tickmode": "array",
            "tickvals": self.places(marks).tolist(),
            "ticktext": words,
            "tickfont": {"size": 10, "color": role("muted")},
            "ticks": "",
        }


def links(p: Floats, c: Floats, codes: Ints, chosen: Ints | None) -> dict[str, Any]:
    """A line from every vector, or from the chosen ones, to its code vector."""
    index = np.arange(len(p)) if chosen is None else chosen[chosen < len(p)]
    gap = np.full((len(index), 2), np.nan, dtype=np.float32)
    lines = np.stack([p[index], c[codes[index]], gap], 1).reshape(-1, 2)
    return {
        "type": "scattergl",
        "mode": "lines",
        "name": "links",
        "meta": {"marks": ["links"]},
        "x": lines[:, 0],
        "y": lines[:, 1],
        "line": {"color": role("muted", 0.35), "width": 0.8},
        "hoverinfo": "skip",
    }


def pinned(p: Floats, c: Floats, codes: Ints, look: Look) -> list[dict[str, Any]]:
    """Pinned codes ringed and their vectors dotted, each pin in its colour."""
    found = [(code, f"pin{place}") for code, place in look.pins.items() if code < len(c)]
    if not found:
        return []
    dots = [_dots(p[codes == code], name) for code, name in found if "P" in look.layers]
    places = c[[code for code, _ in found]]
    rings = {
        "type": "scattergl",
        "mode": "markers",
        "name": "pins",
        "x": places[:, 0],
        "y": places[:, 1],
        "marker": {
            "size": 15,
            "symbol": "circle-open",
            "color": [role(name) for _, name in found],
            "line": {"width": 2.5, "color": [role(name) for _, name in found]},
        },
        "hoverinfo": "skip",
    }
    return [*dots, rings]


def pin_labels(c: Floats, pins: Mapping[int, int]) -> list[dict[str, Any]]:
    """The number of each pinned code beside it."""
    return [
        {
            "x": float(c[code, 0]),
            "y": float(c[code, 1]),
            "text": f"<b>{code}</b>",
            "showarrow": False,
            "xshift": 14,
            "yshift": 11,
            "font": {"size": 11, "color": role(f"pin{place}")},
            "bgcolor": role("background", 0.7),
        }
        for code, place in pins.items()
        if code < len(c)
    ]


def _dots(places: Floats, name: str) -> dict[str, Any]:
    return {
        "type": "scattergl",
        "mode": "markers",
        "x": places[:, 0],
        "y": places[:, 1],
        "marker": {"size": 5, "color": role(name, 0.9), "line": {"width": 0}},
        "hoverinfo": "skip",
    }
