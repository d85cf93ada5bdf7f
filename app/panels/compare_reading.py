"""What the side-by-side page shows of snapshots and seeds: curves and bars, and what is chosen in them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app.figures.code_bars import Marked, usage_bars
from app.figures.curves import Curve, Panel, curve_of
from app.figures.side_by_side import DASHES, Cell, row, variant_colour
from app.figures.switch_marks import Marker
from app.links.compare import CURVES
from app.links.selection import Choice
from app.panels.switch_words import event_words
from app.sessions.seed_runs import SeedResult, band
from vqcore.diagnostics.usage import count_codes
from vqcore.snapshot import Snapshot

QUANTITY = dict(zip(CURVES, ("perplexity", "in_use", "task_loss", "quantization_error"), strict=True))
PIXELS_PER_LETTER = 7
MOST_DECADES = 3.5
"""Ticks for an axis as short as the bars', enough to name each."""


def bars(
    snapshots: Mapping[str, Snapshot], choice: Choice, notes: Mapping[str, str] | None = None, *, log: bool
) -> dict[str, Any]:
    """How many held-out vectors have each code of each variant, most used first, on one scale."""
    cells, tallest = [], []
    for name, snapshot in snapshots.items():
        chosen = Marked(chosen=choice.codes_in(snapshot).tolist() if choice else ())
        counts = count_codes(snapshot.codes, snapshot.num_codes)
        tallest.append(int(counts.max()))
        figure = usage_bars(counts, order="sorted", log=log, marked=chosen)
        cells.append(Cell(name=name, figure=figure, note=(notes or {}).get(name, "")))
    for cell in cells:  # the caption names the line: here the label would lie under that of the dead codes
        labels = cell.figure["layout"].get("annotations", [])
        cell.figure["layout"]["annotations"] = [label for label in labels if label["text"] != "even use"]
    highest = tallest.index(max(tallest))
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
        margin={"l": 46, "r": 14, "b": 36},
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
        curve_of(
            name, snapshot.history.points(f"held_out.{QUANTITY[quantity]}"), variant_colour(place), DASHES[place]
        )
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
    of_codes = quantity in ("perplexity", "in use")
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
