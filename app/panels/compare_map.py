"""The maps of the side-by-side page: P, C and Q of every variant, in one plane and on one scale."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from app.figures.map_layers import Look, Shade, ends_of
from app.figures.map_legend import by_words, marks_named
from app.figures.pcq_map import Plane, pcq_map
from app.figures.side_by_side import Cell, row
from app.panels.map_shades import shade
from app.panels.markup import markup
from app.sessions.planes import use_of
from app.sessions.shared_planes import SharedPlane
from vqcore.problems.problem import Problem
from vqcore.snapshot import Snapshot

LAYERS = frozenset({"P", "C", "Q", "dead", "1σ"})
BAR_SHARE = 0.17
"""Of the row's width, for the bar of the colours."""


def maps(
    plane: SharedPlane,
    notes: Mapping[str, str] | None = None,
    shades: Mapping[str, Shade] | None = None,
    *,
    equal: bool = False,
) -> dict[str, Any]:
    """All variants in `plane`, with `notes` beside their names; coloured by `shades`, else by role.

    `equal`: the same scale in x and y.
    """
    notes, shades = notes or {}, shades or {}
    cells = [
        Cell(name=name, figure=_map(plane, snapshot, shades.get(name)), note=notes.get(name, ""))
        for name, snapshot in plane.snapshots.items()
    ]
    for place, cell in enumerate(cells):
        _keep_one_colour_bar(cell, is_last=place == len(cells) - 1)
    x_title, y_title = plane.axis_titles
    ticks = plane.keeps_distances
    return row(
        cells,
        x={"title": x_title, "nticks": 4, "showticklabels": ticks},
        y={"title": y_title, "nticks": 5, "showticklabels": ticks},
        margin={"l": 46, "r": 14, "b": 36},
        equal=equal,
        dragmode="pan",
        uirevision=f"side by side {plane.axis_titles[0][:4]}{' equal' if equal else ''}",
    ) | {"config": {"scrollZoom": True}}


def _map(plane: SharedPlane, snapshot: Snapshot, colours: Shade | None) -> dict[str, Any]:
    p, c = plane.places[snapshot.variant]
    drawn = Plane(
        p=p,
        c=c,
        **use_of(snapshot),
        axis_titles=("", ""),
        keeps_distances=plane.keeps_distances,
    )
    figure = pcq_map(drawn, look=Look(layers=LAYERS, shade=colours))
    figure["layout"]["annotations"] = []  # one legend for all stands above them
    return figure


def map_legend(plane: SharedPlane, shades: Mapping[str, Shade]) -> str:
    """What the marks of all maps mean, as HTML."""
    names = {"P", "C", "Q"} | ({"1σ of P", "1σ of C"} if plane.keeps_distances else set())
    if any(len(np.unique(snapshot.codes)) < snapshot.num_codes for snapshot in plane.snapshots.values()):
        names.add("dead")
    if not all(np.isfinite(part).all() for each in shades.values() for part in (each.p, each.c)):
        names.add("no value")
    return markup("map_legend", entries=by_words(marks_named(names, by_value=bool(shades))))


def shared_shades(by: str, snapshots: Mapping[str, Snapshot], problem: Problem) -> dict[str, Shade]:
    """The colours of each variant, on one scale for all; empty where they are coloured by role."""
    found = {name: shade(by, snapshot, problem) for name, snapshot in snapshots.items()}
    shades = {name: each for name, each in found.items() if each is not None}
    ends = ends_of(list(shades.values())) if shades else None
    return {name: replace(each, ends=ends) for name, each in shades.items()}


def _keep_one_colour_bar(cell: Cell, *, is_last: bool) -> None:
    """Of the bars that each map brings, the last one's, which lies at the end of the row."""
    for trace in cell.figure["data"]:
        if (marker := trace.get("marker", {})).get("showscale"):
            marker["showscale"] = is_last
            marker["colorbar"] = {**marker["colorbar"], "len": BAR_SHARE, "title": {}}  # too long: the caption has it
