"""What the side-by-side page shows of snapshots and seeds: curves, maps, bars and a table."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app.figures.code_bars import Marked, usage_bars
from app.figures.curves import Curve, Panel, curve_of
from app.figures.map_layers import Look
from app.figures.map_legend import by_words, marks_named
from app.figures.pcq_map import Plane, pcq_map
from app.figures.side_by_side import DASHES, Cell, row, variant_colour
from app.figures.switch_marks import Marker
from app.links.compare import CURVES
from app.links.selection import Choice
from app.panels.markup import markup
from app.panels.switch_words import event_words
from app.sessions.planes import REFIT_BELOW, MapMemory, finite_points, use_of
from app.sessions.seed_runs import Band, SeedResult, band
from app.wording import number
from vqcore.projection.pca import FrozenBasis
from vqcore.snapshot import Metrics, Snapshot

QUANTITY = dict(zip(CURVES, ("perplexity", "active_codes", "task_loss", "quantization_error"), strict=True))
LAYERS = frozenset({"P", "C", "Q", "dead", "1σ"})
COLUMNS = {
    "perplexity": "perplexity",
    "active codes": "active_codes",
    "task loss": "task_loss",
    "‖z_e − z_q‖²": "quantization_error",
    "relative error": "relative_error",
}
RELATIVE = ("task_loss", "quantization_error", "relative_error")
"""Shown as a percentage of the first variant's."""

PIXELS_PER_LETTER = 7
MOST_DECADES = 3.5
"""Ticks for an axis as short as the bars', enough to name each."""


def shared_plane(snapshots: Mapping[str, Snapshot], memory: MapMemory) -> FrozenBasis | None:
    """The plane of the first two principal components of all variants together, kept as long as it is good enough.

    None if the latent space is drawn as it is.
    """
    if next(iter(snapshots.values())).codebook.shape[1] <= 2:
        return None
    points = finite_points([part for each in snapshots.values() for part in (each.z_e, each.codebook)])
    basis = memory.basis
    fits = basis is not None and len(basis.centre) == points.shape[1]
    if basis is None or not fits or memory.refit_wanted or basis.captured_share(points) < REFIT_BELOW:
        basis = memory.basis = FrozenBasis.fit(points)
        memory.fitted_at, memory.refit_wanted = next(iter(snapshots.values())).step, False
    return basis


def maps(snapshots: Mapping[str, Snapshot], basis: FrozenBasis | None, *, equal: bool = False) -> dict[str, Any]:
    """P, C and Q of every variant, in one plane and on one scale; `equal`: the same scale in x and y."""
    titles = ("feature 1", "feature 2")
    if basis is not None:
        first, second = (f"PC {order} · {share:.0%}" for order, share in enumerate(basis.explained_share, start=1))
        titles = first, second
    cells = [Cell(name=name, figure=_map(snapshot, basis)) for name, snapshot in snapshots.items()]
    return row(
        cells,
        x={"title": titles[0], "nticks": 4},
        y={"title": titles[1], "nticks": 5},
        margin={"l": 46, "r": 6, "b": 34},
        equal=equal,
        dragmode="pan",
        uirevision=f"side by side{' equal' if equal else ''}",
    ) | {"config": {"scrollZoom": True}}


def _map(snapshot: Snapshot, basis: FrozenBasis | None) -> dict[str, Any]:
    def placed(points: Any) -> Any:
        if basis is not None:
            return basis.project(points)
        return points if points.shape[1] == 2 else np.pad(points, ((0, 0), (0, 1)))

    plane = Plane(
        p=placed(snapshot.z_e),
        c=placed(snapshot.codebook),
        **use_of(snapshot),
        axis_titles=("", ""),
        keeps_distances=True,
    )
    figure = pcq_map(plane, look=Look(layers=LAYERS))
    figure["layout"]["annotations"] = []  # one legend for all stands above them
    return figure


def map_legend(snapshots: Mapping[str, Snapshot]) -> str:
    """What the marks of all maps mean, as HTML."""
    has_dead = any(len(np.unique(snapshot.codes)) < snapshot.num_codes for snapshot in snapshots.values())
    names = LAYERS - {"1σ"} - (set() if has_dead else {"dead"}) | {"1σ of P", "1σ of C"}
    return markup("map_legend", entries=by_words(marks_named(names)))


def bars(snapshots: Mapping[str, Snapshot], choice: Choice, *, log: bool) -> dict[str, Any]:
    """How often each variant uses each code, most used first, on one scale."""
    cells = []
    for name, snapshot in snapshots.items():
        chosen = Marked(chosen=choice.codes_in(snapshot).tolist() if choice else ())
        cells.append(Cell(name=name, figure=usage_bars(snapshot.counts, order="sorted", log=log, marked=chosen)))
    for cell in cells:  # the caption names the line: here the label would lie under that of the dead codes
        labels = cell.figure["layout"].get("annotations", [])
        cell.figure["layout"]["annotations"] = [label for label in labels if label["text"] != "even use"]
    highest = max(range(len(cells)), key=lambda place: int(list(snapshots.values())[place].counts.max(initial=0)))
    axes = [cell.figure["layout"] for cell in cells]
    y = {key: value for key, value in axes[highest]["yaxis"].items() if key != "title"} | {"title": "assignments"}
    low, high = y.get("range", (0, 0))
    if log and high - low > MOST_DECADES:
        y["dtick"] = 2
    widest = max(axes, key=lambda each: each["xaxis"]["range"][1])["xaxis"]["range"]
    return row(
        cells,
        x={"showgrid": False, "range": widest, "nticks": 4},
        y={**y, "nticks": 4},
        margin={"l": 46, "r": 6, "b": 20},
        hovermode="x",
        dragmode="zoom",
    )


def selected(snapshots: Mapping[str, Snapshot], choice: Choice) -> dict[str, list[int]]:
    """What every chart of a row shows as selected: ids by role and place of the variant."""
    return {
        f"{part}{place}": ids
        for place, snapshot in enumerate(snapshots.values())
        for part, ids in choice.ids_in(snapshot).items()
    }


def by_role(ids: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    """What was selected in any chart of a row, by role alone.

    >>> by_role({"Q0": [3], "Q2": [1, 3], "P1": []})
    {'Q': (1, 3), 'P': ()}
    """
    found: dict[str, set[int]] = {}
    for part, taken in ids.items():
        found.setdefault(part.rstrip("0123456789"), set()).update(map(int, taken))
    return {part: tuple(sorted(taken)) for part, taken in found.items()}


def curve_panel(quantity: str, snapshots: Mapping[str, Snapshot]) -> Panel:
    """One quantity of all variants."""
    lines = [
        curve_of(name, snapshot.history.points(QUANTITY[quantity]), variant_colour(place), DASHES[place])
        for place, (name, snapshot) in enumerate(snapshots.items())
    ]
    return _panel(quantity, lines, max(snapshot.num_codes for snapshot in snapshots.values()))


def seed_panel(quantity: str, results: Sequence[SeedResult], num_codes: int) -> Panel:
    """One quantity of all variants over seeds: the mean, in a band from the least to the greatest."""
    lines = []
    for place, name in enumerate(results[0] if results else ()):
        found = band(results, name, QUANTITY[quantity])
        there = np.isfinite(found.mean).astype(np.int64)
        lines.append(
            Curve(
                label=name,
                colour=variant_colour(place),
                dash=DASHES[place],
                steps=found.steps,
                rows=np.ones_like(found.steps),
                finite=there,
                low=found.least,
                values=found.mean,
                high=found.greatest,
            )
        )
    return _panel(quantity, lines, num_codes)


def _panel(quantity: str, lines: list[Curve], num_codes: int) -> Panel:
    of_codes = quantity in ("perplexity", "active codes")
    return Panel(title=quantity, log=True, ends=(1.0, float(max(num_codes, 2))) if of_codes else None, curves=lines)


def label_margin(names: Sequence[str]) -> int:
    """Pixels that the longest name takes at the end of its curve."""
    return 14 + PIXELS_PER_LETTER * max(map(len, names), default=0)


def markers(snapshots: Mapping[str, Snapshot]) -> list[Marker]:
    """Where switches were thrown, each once and with its variant."""
    seen = dict.fromkeys(
        (event.step, event.variant, event_words(event)) for each in snapshots.values() for event in each.events
    )
    alone = len(snapshots) == 1
    return [Marker(step=step, label=label if alone else f"{name}: {label}") for step, name, label in sorted(seen)]


def table(snapshots: Mapping[str, Snapshot]) -> str:
    """The current numbers of each variant and their differences from the first's, as HTML."""
    first = next(iter(snapshots.values())).metrics
    rows = []
    for place, (name, snapshot) in enumerate(snapshots.items()):
        cells = [_cell(snapshot.metrics, first, column, is_first=place == 0) for column in COLUMNS.values()]
        rows.append((place, name, cells))
    return html_table(list(COLUMNS), rows)


def seed_table(results: Sequence[SeedResult]) -> str:
    """Mean and range over seeds of every quantity at the last step, as HTML."""
    rows = []
    for place, name in enumerate(results[0]):
        cells = [_span(band(results, name, quantity)) for quantity in QUANTITY.values()]
        rows.append((place, name, cells))
    return html_table(list(QUANTITY), rows)


def html_table(columns: Sequence[str], rows: Sequence[tuple[int, str, Sequence[tuple[str, str]]]]) -> str:
    """Rows of a variant's place and name, and for each column a value and a muted word beside it."""
    return markup("compared", columns=columns, rows=rows)


def _cell(metrics: Metrics, first: Metrics, column: str, *, is_first: bool) -> tuple[str, str]:
    value, reference = float(getattr(metrics, column)), float(getattr(first, column))
    if column == "active_codes":
        value, reference = (
            math.nan if math.isnan(of.perplexity) else float(of.active_codes) for of in (metrics, first)
        )
    said = f"{value:,.0f}" if column == "active_codes" and value == value else number(value)
    if is_first or not np.isfinite([value, reference]).all():
        return said, ""
    if column in RELATIVE:
        return said, _signed(f"{100 * (value / reference - 1):+.0f}") + "%" if reference else ""
    return said, _signed(f"{value - reference:+,.0f}")


def _signed(text: str) -> str:
    return "±0" if text.lstrip("+-") == "0" else text.replace("-", "−")


def _span(found: Band) -> tuple[str, str]:
    known = np.flatnonzero(np.isfinite(found.mean))
    if len(known) == 0:
        return "–", ""
    least, mean, greatest = (float(part[known[-1]]) for part in (found.least, found.mean, found.greatest))
    return number(mean), f"{number(least)} – {number(greatest)}"
