"""The rows of an ablation: a name, and what differs from the problem's defaults."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vqcore.training.recipe import Recipe, changed

BETAS = (0.9, 0.95, 0.99, 0.995)
"""Of the baseline: its strongest knob."""

REPLACEMENT = {"replace_every": 20}
AFFINE = {"affine": "learned", "affine_lr_scale": 10.0}
ALTERNATING = {"inner_steps": 1, "inner_lr": 50.0, "inner_momentum": 0.9}
"""As its authors run it in VQTorch's example."""

SYNC = {"sync": 0.5}
OPT = {**ALTERNATING, **SYNC}
KMEANS = {"code_init": "kmeans"}

MOST_ROWS = 64
MOST_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    name: str
    changes: Mapping[str, Any] = field(default_factory=dict)

    def recipe(self, base: Recipe, seed: int) -> Recipe:
        """What it trains, for one seed."""
        return changed(base, {**self.changes, "seed": seed})


def default_rows() -> tuple[Row, ...]:
    """The paper's ladder; the first is what the others are compared with."""
    return (
        *(Row(f"baseline, β = {beta:g}", {"beta": beta}) for beta in BETAS),
        Row("replacement", REPLACEMENT),
        Row("affine, learned", AFFINE),
        Row("affine, running", {"affine": "running"}),
        Row("alternating", ALTERNATING),
        Row("sync", SYNC),
        Row("OPT: alternating + sync", OPT),
        Row("affine + OPT", {**AFFINE, **OPT}),
        Row("affine + OPT + replacement", {**AFFINE, **OPT, **REPLACEMENT}),
        Row("k-means start", KMEANS),
        Row("k-means + affine + OPT", {**KMEANS, **AFFINE, **OPT}),
        Row("k-means + affine + OPT + replacement", {**KMEANS, **AFFINE, **OPT, **REPLACEMENT}),
        Row("no quantizer", {"bypass": True}),
    )


def read_rows(path: Path) -> tuple[Row, ...]:
    """The rows of a JSON file: `[{"name": "baseline", "set": {}}, {"name": "sync", "set": {"sync": 0.5}}]`.

    Raises:
        ValueError: if it is no such list, or names a row twice.
        OSError: if it cannot be read.
    """
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(
            f"`--grid` must be at most {MOST_BYTES // 2**20} MiB, but {path} is larger. Name another file."
        )
    try:
        rows = tuple(Row(entry["name"], dict(entry.get("set", {}))) for entry in json.loads(path.read_bytes()))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(
            f'`--grid` must be a JSON list such as [{{"name": "sync", "set": {{"sync": 0.5}}}}], but {path} is not.'
        ) from error
    names = [row.name for row in rows]
    if not 1 <= len(rows) <= MOST_ROWS or not all(isinstance(name, str) and name for name in names):
        raise ValueError(
            f"`--grid` must have 1 to {MOST_ROWS} rows with a name each, but {path} has {len(rows)} rows."
        )
    if len(set(names)) < len(names):
        raise ValueError(f"`--grid` must name each row once, but {path} does not. Rename one of them.")
    return rows
