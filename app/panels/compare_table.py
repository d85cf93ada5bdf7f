"""The one table of the side-by-side page: what each variant has reached, in this run and over seeds."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from app.panels.markup import markup
from app.sessions.seed_runs import Band, SeedRuns, band
from app.wording import number
from vqcore.snapshot import Snapshot

COLUMNS = {
    "in use": "in_use",
    "perplexity": "perplexity",
    "task loss": "task_loss",
    "‖z_e − z_q‖²": "quantization_error",
    "relative error": "relative_error",
    "right": "accuracy",
}
RELATIVE = ("task_loss", "quantization_error", "relative_error")
"""Shown as a percentage of the first variant's."""


class Row(NamedTuple):
    """One line of the table."""

    place: int
    """Of the variant, which its colour tells."""

    name: str
    step: str
    step_note: str
    cells: Sequence[tuple[str, str]]
    """In the order of the columns: a value, and a muted word beside it."""

    continues: bool = False
    """Whether it is of the variant of the line above."""


def table(snapshots: Mapping[str, Snapshot], runs: SeedRuns | None, broken: Mapping[str, int] | None = None) -> str:
    """A line for each variant in this run, and one below it for its seeds, as HTML.

    Args:
        snapshots: by variant.
        runs: trainings over seeds; None for none.
        broken: by variant that trains no further, the step that broke it.
    """
    first = next(iter(snapshots.values()))
    columns = {label: name for label, name in COLUMNS.items() if name != "accuracy" or _has_accuracy(first)}
    rows = []
    for place, (name, snapshot) in enumerate(snapshots.items()):
        cells = [_cell(snapshot, first, column) for column in columns.values()]
        note = f"broke at {broken[name]:,}" if broken and name in broken else ""
        rows.append(Row(place, name, f"{snapshot.step:,}", note, cells))
        if runs is not None and runs.results and name in runs.results[0]:
            rows.append(_row_of_seeds(place, name, runs, list(columns.values())))
    return markup("compared", columns=list(columns), rows=rows)


def _row_of_seeds(place: int, name: str, runs: SeedRuns, columns: Sequence[str]) -> Row:
    done = len(runs.results)
    cells = [_span(band(runs.results, name, column), column) for column in columns]
    return Row(place, f"{done} seed{'' if done == 1 else 's'}", f"{runs.plan.steps:,}", "", cells, continues=True)


def _has_accuracy(snapshot: Snapshot) -> bool:
    return snapshot.labels is not None and not np.isnan(snapshot.held_out.accuracy)


def _cell(snapshot: Snapshot, first: Snapshot, column: str) -> tuple[str, str]:
    value, reference = (float(getattr(each.held_out, column)) for each in (snapshot, first))
    said = f"{value:,.0f} of {snapshot.num_codes:,}" if column == "in_use" else _value(value, column)
    if snapshot is first or snapshot.step != first.step or not np.isfinite([value, reference]).all():
        return said, ""
    if column in RELATIVE:
        return said, _signed(f"{100 * (value / reference - 1):+,.0f}") + "%" if reference else ""
    if column == "accuracy":
        return said, _signed(f"{100 * (value - reference):+.1f}")
    return said, _signed(f"{value - reference:+,.0f}")


def _value(value: float, column: str) -> str:
    if column == "accuracy" and np.isfinite(value):
        return f"{value:.1%}"
    return f"{value:,.0f}" if column == "in_use" and np.isfinite(value) else number(value)


def _signed(text: str) -> str:
    return "±0" if text.lstrip("+-") in ("0", "0.0") else text.replace("-", "−")


def _span(found: Band, column: str) -> tuple[str, str]:
    known = np.flatnonzero(np.isfinite(found.mean))
    if len(known) == 0:
        return "–", ""
    least, mean, greatest = (float(part[known[-1]]) for part in (found.least, found.mean, found.greatest))
    return _value(mean, column), f"{_value(least, column)} – {_value(greatest, column)}"
