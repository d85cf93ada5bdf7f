"""How every group or level of a quantizer is used: one row of small bars each."""

# L levels

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from app.theme import axis, layout, role

ROOM = 1.6
"""Width of a column relative to a full bar: the rest is for the number beside it."""

COLUMNS = ((0.0, 0.27), (0.3, 0.57), (0.6, 0.87))
"""Where the columns of bars begin and end, as shares of the width; the codes not in use stand to their right."""

TALLEST_ROW = 0.2
"""Largest share of the height for a row, so that two rows do not become two blocks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LevelRow:
    """One group or level."""

    name: str
    num_codes: int
    """K."""

    in_use: int
    perplexity: float
    """1…K; NaN before the first batch."""

    relative_error: float
    """NaN before the first batch."""

    @property
    def in_use_share(self) -> float:
        """Codes in use over K; NaN before the first batch."""
        return self.in_use / self.num_codes if math.isfinite(self.perplexity) else math.nan

    @property
    def even_share(self) -> float:
        """Perplexity over K."""
        return self.perplexity / self.num_codes

    @property
    def unused_codes(self) -> int:
        """Codes not used in the window."""
        return self.num_codes - self.in_use


def level_bars(rows: Sequence[LevelRow], *, shown: int) -> dict[str, Any]:
    """Share in use, perplexity / K and relative error as bars, unused codes as a number; row `shown` stands out."""
    names = [row.name for row in rows]
    columns = [
        ("in use", [row.in_use_share for row in rows], "Q", "{:.0%}".format),
        ("perplexity / K", [row.even_share for row in rows], "C", "{:.0%}".format),
        ("rel. error", [row.relative_error for row in rows], "P", _two_digits),
    ]
    data: list[dict[str, Any]] = []
    axes: dict[str, Any] = {}
    notes = [_name(row.name, bold=index == shown) for index, row in enumerate(rows)]
    for order, ((title, values, colour, worded), domain) in enumerate(zip(columns, COLUMNS, strict=True), start=1):
        full = _full(values)
        suffix = "" if order == 1 else str(order)
        axes["xaxis" + suffix] = axis(
            domain=list(domain), range=[0, ROOM * full], fixedrange=True, showgrid=False, showticklabels=False
        )
        notes += [_heading(title, domain[0]), *_numbers(rows, values, worded, f"x{suffix}", full)]
        data += [_bar(names, [full] * len(rows), f"x{suffix}", role("grid")) | {"hoverinfo": "skip"}]
        data += [_bar(names, values, f"x{suffix}", role(colour)) | _hover(rows) | {"name": title}]
    notes += [_heading("not in use", 1, xanchor="right"), *map(_dead, rows)]
    height = max(len(rows), 1 / TALLEST_ROW)
    return {
        "data": data,
        "layout": layout(
            **axes,
            yaxis=axis(
                type="category", range=[height - 0.5, -0.5], fixedrange=True, showgrid=False, showticklabels=False
            ),
            annotations=notes,
            margin={"l": 58, "r": 8, "t": 28, "b": 8},
            barmode="overlay",
            bargap=0.45,
            dragmode=False,
            uirevision="levels",
        ),
        "alt": "; ".join(
            f"{row.name}: {row.in_use} of {row.num_codes} codes in use, perplexity {row.perplexity:.3g}, "
            f"relative error {row.relative_error:.3g}"
            for row in rows
        ),
    }


def _full(values: Sequence[float]) -> float:
    """Value of a bar across the whole column: 1, or more in coarse steps if an error exceeds it."""
    highest = max((value for value in values if math.isfinite(value)), default=1.0)
    return 1.0 if highest <= 1 else 2.0 ** math.ceil(math.log2(highest))


def _bar(names: Sequence[str], values: Sequence[float], x: str, colour: str) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "x": list(values),
        "y": list(names),
        "xaxis": x,
        "marker": {"color": colour, "line": {"width": 0}},
    }


def _hover(rows: Sequence[LevelRow]) -> dict[str, Any]:
    said = [
        f"{row.name}<br>{row.in_use:,} of {row.num_codes:,} codes in use<br>perplexity {row.perplexity:.3g}"
        f"<br>relative error {row.relative_error:.3g}"
        for row in rows
    ]
    return {
        "text": said,
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
        "meta": {"columns": {"text": None}},
    }


def _note(text: str, **place: Any) -> dict[str, Any]:
    return {"text": text, "showarrow": False, "font": {"size": 11, "color": role("text")}, **place}


def _name(name: str, *, bold: bool) -> dict[str, Any]:
    text = f"<b>{name}</b>" if bold else name
    return _note(text, xref="paper", x=0, xanchor="right", xshift=-8, y=name, yref="y")


def _heading(title: str, x: float, xanchor: str = "left") -> dict[str, Any]:
    muted = {"size": 11, "color": role("muted")}
    return _note(title, xref="paper", x=x, xanchor=xanchor, yref="paper", y=1, yanchor="bottom", font=muted)


def _numbers(
    rows: Sequence[LevelRow], values: Sequence[float], worded: Callable[[float], str], x: str, full: float
) -> list[dict[str, Any]]:
    return [
        _note(
            worded(value) if math.isfinite(value) else "–",
            xref=x,
            x=full,
            xanchor="left",
            xshift=3,
            yref="y",
            y=row.name,
        )
        for row, value in zip(rows, values, strict=True)
    ]


def _two_digits(value: float) -> str:
    return f"{value:.2f}" if value >= 0.01 or value == 0 else "<0.01"


def _dead(row: LevelRow) -> dict[str, Any]:
    text = f"{row.unused_codes:,}" if math.isfinite(row.perplexity) else "–"
    dead = {"size": 11, "color": role("dead")}
    return _note(text, xref="paper", x=1, xanchor="right", yref="y", y=row.name, font=dead)
