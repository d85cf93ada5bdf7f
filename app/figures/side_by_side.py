"""Several small charts in one row that share their axes, one per variant, each made by another figure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.theme import axis, layout, role

GAP = 0.014
"""Between two charts, as a share of the width."""

HEAD = 22
"""Pixels above the charts for the variants' names."""

DASHES = ("solid", "dash", "dot", "dashdot")


def variant_colour(place: int) -> str:
    """The colour of the variant with this index, everywhere."""
    return role(f"variant{place}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One variant's chart: a complete figure to be placed in the row."""

    name: str
    figure: Mapping[str, Any]
    note: str = ""
    """Said beside the name."""


def row(
    cells: Sequence[Cell],
    *,
    x: Mapping[str, Any],
    y: Mapping[str, Any],
    margin: Mapping[str, int],
    equal: bool = False,
    **settings: Any,
) -> dict[str, Any]:
    """The cells beside each other, each under its name; zooming one zooms all.

    Args:
        cells: in order; their own axes are replaced, and the titles of the new ones stand at the first.
        x: settings of every x axis.
        y: settings of every y axis; only the first has tick labels.
        margin: in pixels; `HEAD` is added at the top.
        equal: whether lengths are the same in x and y.
        settings: more of the layout.
    """
    width = (1 - GAP * (len(cells) - 1)) / len(cells)
    made = layout(margin={**margin, "t": margin.get("t", 0) + HEAD}, **settings)
    data: list[dict[str, Any]] = []
    shapes: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    for place, cell in enumerate(cells):
        number = "" if place == 0 else str(place + 1)
        left = place * (width + GAP)
        x_axis = {**x, "domain": [left, min(1.0, left + width)], "anchor": f"y{number}"}
        y_axis = {**y, "anchor": f"x{number}"}
        if place == 0:
            y_axis |= {"scaleanchor": "x", "scaleratio": 1} if equal else {}
        else:
            x_axis |= {"matches": "x", "title": ""}
            y_axis |= {"matches": "y", "showticklabels": False, "title": ""}
        made[f"xaxis{number}"], made[f"yaxis{number}"] = _axis(x_axis), _axis(y_axis)
        data += [_moved(trace, cell.name, place, number) for trace in cell.figure["data"]]
        shapes += [_placed(shape, number) for shape in cell.figure["layout"].get("shapes", ())]
        labels += [_placed(label, number) for label in cell.figure["layout"].get("annotations", ())]
        labels.append(_heading(cell, place, left))
    made["shapes"], made["annotations"] = shapes, labels
    said = "; ".join(f"{cell.name}: {cell.figure.get('alt', '')}" for cell in cells)
    return {"data": data, "layout": made, "alt": said}


def _axis(settings: Mapping[str, Any]) -> dict[str, Any]:
    own = dict(settings)
    return axis(own.pop("title", ""), **own)


def _moved(trace: Mapping[str, Any], variant: str, place: int, number: str) -> dict[str, Any]:
    moved = {**trace, "xaxis": f"x{number}", "yaxis": f"y{number}"}
    if "name" in trace:
        moved["name"] = f"{variant} {trace['name']}"
    if "role" in (meta := trace.get("meta", {})):
        moved["meta"] = {**meta, "role": f"{meta['role']}{place}"}
    return moved


def _placed(item: Mapping[str, Any], number: str) -> dict[str, Any]:
    """A cell's shape or label, moved to where the cell stands in the row."""
    refs = {
        f"{letter}ref": f"{letter}{number}" + (" domain" if item.get(f"{letter}ref") == "paper" else "")
        for letter in "xy"
    }
    return {**item, **refs}


def _heading(cell: Cell, place: int, left: float) -> dict[str, Any]:
    return {
        "xref": "paper",
        "x": left,
        "xanchor": "left",
        "yref": "paper",
        "y": 1,
        "yanchor": "bottom",
        "yshift": 2,
        "text": f"<b>{cell.name}</b>" + (f"  {cell.note}" if cell.note else ""),
        "showarrow": False,
        "font": {"size": 13, "color": variant_colour(place)},
    }
