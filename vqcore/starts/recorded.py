"""The recorded tables that are shipped: what `python -m vqcore starts --check` found, and when."""

import json
import statistics
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple


class Recorded(NamedTuple):
    """One start's table and where it comes from."""

    table: dict[str, Any]
    """As `checking.judged` makes it."""

    date: str
    commit: str
    command: str


@cache
def recorded(name: str) -> Recorded | None:
    """The shipped table of the start called `name`; None if none was recorded."""
    file = files("vqcore.starts") / "recorded" / f"{name}.json"
    if not file.is_file():
        return None
    report = json.loads(file.read_text(encoding="utf-8"))
    (table,) = report["starts"]
    return Recorded(table, report["date"], report["commit"], report["command"])


HEADS = (
    "experiment",
    "loss / left alone",
    "in use",
    "perplexity",
    "right",
    "claims, and on how many seeds each held",
)


def table_rows(table: dict[str, Any]) -> list[tuple[str, ...]]:
    """A row of words for each experiment: medians and ranges over the seeds, in the order of `HEADS`."""
    return [_row(each) for each in table["experiments"]]


def table_text(table: dict[str, Any]) -> str:
    """The table in columns, for a terminal."""
    rows = [HEADS, *table_rows(table)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    seeds, with_symptom = table["seeds"], table["with_symptom"]
    showing = "" if with_symptom is None else f"; {with_symptom} of {len(seeds)} collapsed as the start says"
    return "\n".join([f"{table['name']}, seeds {seeds[0]}-{seeds[-1]}{showing}", *lines])


def _row(experiment: dict[str, Any]) -> tuple[str, ...]:
    seeds = experiment["seeds"]
    ratio = _spread((each["against"]["task_loss_ratio_below"] for each in seeds), ".2f")
    right = [each["accuracy"] for each in seeds if each["accuracy"] is not None]
    return (
        experiment["name"],
        ratio,
        _spread((each["active_codes"] for each in seeds), ".0f"),
        _spread((each["perplexity"] for each in seeds), ".0f"),
        _spread(right, ".0%") if right else "–",
        "; ".join(map(_claim, experiment["claims"])) or "–",
    )


def _claim(claim: dict[str, Any]) -> str:
    words = claim["claim"].replace("task_loss_ratio", "loss").replace("active_codes_ratio", "in use ×")
    return f"{words.replace('_', ' ')} {claim['threshold']:g}: {claim['held']} of {claim['of']}"


def _spread(values: Iterable[float | None], form: str) -> str:
    finite: Sequence[float] = [value for value in values if value is not None]
    if not finite:
        return "–"
    return f"{statistics.median(finite):{form}} [{min(finite):{form}}, {max(finite):{form}}]"
