"""A recorded ablation: what was trained and what came of it, in one JSON file that anybody may open."""

import base64
import binascii
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from vqcore.ablation.significance import Compared, compared

FORMAT = 1
MOST_BYTES = 64 * 2**20

METRICS = {
    "task_loss": "task loss",
    "accuracy": "accuracy",
    "perplexity": "perplexity",
    "active_codes": "in use",
    "quantization_error": "‖z_e − z_q‖²",
    "relative_error": "relative error",
    "commitment_loss": "commitment loss",
    "gradient_gap": "gradient gap",
    "seconds": "seconds",
}
"""The columns of the table with their headings."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One number of one row over its seeds."""

    mean: float
    std: float
    """NaN for a single seed."""


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One line of the table with all its trainings."""

    name: str
    changes: Mapping[str, Any]
    cells: Mapping[int, Mapping[str, Any]]
    """By seed, what `vqcore.ablation.cell.trained` returns."""

    @property
    def broken(self) -> list[int]:
        """Seeds whose training became NaN or infinite."""
        return [seed for seed, cell in self.cells.items() if "broken" in cell]

    def values(self, metric: str) -> dict[int, float]:
        """By seed; without those that broke or have no such number."""
        found = {}
        for seed, cell in self.cells.items():
            value = cell.get("seconds") if metric == "seconds" else cell.get("metrics", {}).get(metric)
            if isinstance(value, int | float) and math.isfinite(value):
                found[seed] = float(value)
        return found

    def curve(self, quantity: str) -> list[tuple[list[int], list[float]]]:
        """Steps and values of each seed that has such a curve."""
        found = []
        for cell in self.cells.values():
            curve = (cell.get("curves") or {}).get(quantity) or {}
            steps, values = curve.get("step") or [], curve.get("value") or []
            numbers = all(isinstance(value, int | float) for value in (*steps, *values))
            if steps and len(steps) == len(values) and numbers:
                found.append((steps, values))
        return found

    def picture(self, part: str) -> bytes | None:
        """The PNG of the first seed that the file has under `part`, `given` or `found`; nobody has decoded it yet."""
        text = (next(iter(self.cells.values()), {}).get("images") or {}).get(part)
        try:
            return base64.b64decode(text, validate=True) if isinstance(text, str) else None
        except binascii.Error:
            return None

    def summary(self, metric: str) -> Summary | None:
        """Over the seeds; None without any number."""
        values = [*self.values(metric).values()]
        return Summary(mean(values), stdev(values) if len(values) > 1 else math.nan) if values else None


@dataclass(frozen=True, slots=True)
class Results:
    """A whole ablation."""

    about: Mapping[str, Any]
    """Problem, steps, command, version, and so on, as `command.py` writes them."""

    rows: tuple[ResultRow, ...]

    @property
    def metrics(self) -> list[str]:
        """The columns that any row has a number for."""
        return [name for name in METRICS if any(row.values(name) for row in self.rows)]

    @property
    def judged_by(self) -> str:
        """The column that the rows are compared in."""
        return "accuracy" if "accuracy" in self.metrics else "task_loss"

    def compared(self) -> dict[str, Compared]:
        """Every row but the first, by name, beside the first."""
        if not self.rows:
            return {}
        first, *others = self.rows
        found = compared(first.values(self.judged_by), [row.values(self.judged_by) for row in others])
        return {row.name: each for row, each in zip(others, found, strict=True)}


def write_results(path: Path, results: Results) -> None:
    """Replace the file in one act.

    Raises:
        OSError: if writing fails.
    """
    rows = [
        {"name": row.name, "set": dict(row.changes), "cells": {str(seed): cell for seed, cell in row.cells.items()}}
        for row in results.rows
    ]
    replace_file(path, json.dumps({"format": FORMAT, "about": dict(results.about), "rows": rows}, ensure_ascii=False))


def replace_file(path: Path, text: str) -> None:
    """Write `text` so that whoever reads `path`, after whatever end, finds the old text or the new one."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read_results(data: bytes, name: str) -> Results:
    """The ablation in a file called `name`. What it holds is data: nothing in it is run.

    Raises:
        ValueError: if it is none.
    """
    if len(data) > MOST_BYTES:
        raise ValueError(f"A result file has at most {MOST_BYTES // 2**20} MiB, but {name} has more. Name another.")
    try:
        found = json.loads(data)
        if found["format"] != FORMAT:
            raise ValueError(found["format"])
        return Results(_checked(found["about"]), tuple(_rows(found["rows"])))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"A result file is what `python -m vqcore ablation` writes, but {name} is not. Name its results.json."
        ) from error


def _rows(rows: Sequence[Any]) -> Iterator[ResultRow]:
    for row in rows:
        cells = {int(seed): _checked(cell) for seed, cell in row["cells"].items()}
        for cell in cells.values():
            for part in ("curves", "images"):
                _checked(cell.get(part) or {})
            if not all(isinstance(value, int | float | type(None)) for value in cell.get("metrics", {}).values()):
                raise ValueError("a metric that is no number")
        yield ResultRow(str(row["name"]), _checked(row["set"]), cells)


def _checked(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("not a mapping")
    return value
