"""What a training of our own leaves beside its run: its report, its curves and its weights, for other tools."""

import csv
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vqcore.history import History
from vqcore.runs.layout import ABOUT, METRICS

REPORT = "report.json"
"""What the command line says at the end of a training."""

FORMULA_BEGINNINGS = tuple("=+-@\t\r\n＝＋－＠")


def check_free(folder: Path) -> None:
    """Refuse a folder that already holds a run, before anything is trained.

    Raises:
        ValueError: if `folder` holds a run or is a file.
    """
    if any((folder / name).exists() for name in (REPORT, ABOUT, METRICS)):
        raise ValueError(f"`--out` must name a new folder, but {folder} already holds a run. Name another.")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"`--out` must name a folder, but {folder} is a file.")


def save_results(folder: Path, report: dict[str, Any], history: History, weights: dict[str, Tensor]) -> None:
    """Write `report.json`, `losses.csv`, `measured.csv` and `weights.pt`.

    `weights.pt` holds only tensors: `torch.load(…, weights_only=True)` reads it.

    Raises:
        OSError: if writing fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _save_columns(folder / "losses.csv", {"step": history.step, **history.losses})
    _save_columns(folder / "measured.csv", {"step": history.measured_at, **history.measured})
    with (folder / "weights.pt").open("wb") as file:  # of a full disk, torch tells only by a file that is open
        torch.save({name: tensor.cpu() for name, tensor in weights.items()}, file)
    (folder / REPORT).write_text(json.dumps(report, indent=2) + "\n")


def harmless(text: str) -> str:
    """A text for a CSV cell that no spreadsheet interprets as a formula, following OWASP.

    >>> harmless("=1+1"), harmless("task loss")
    ("'=1+1", 'task loss')
    """
    return f"'{text}" if text.startswith(FORMULA_BEGINNINGS) else text


def _save_columns(path: Path, columns: dict[str, Any]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(map(harmless, columns))
        writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
