"""A table of runs against the lines that were recorded, read back by other readers."""

import contextlib
import csv
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet
from test_run_on_disk import ABOUT_RUN

from vqcore.cli import main
from vqcore.runs.writing import RunWriter

HOSTILE = 'a,"b"\n<b>'
LINES = {
    "first": [
        {"step": 0, "loss": 1 / 3, "tokens": 3, "codebooks": {"q": {"in_use": 3, "perplexity": math.nan}}},
        {"step": 50, "loss": math.inf, "codebooks": {"q": {"in_use": 2, "perplexity": 1.7}}, "snapshot": HOSTILE},
    ],
    HOSTILE: [{"step": 7, "tokens": 2**53 + 1, "codebooks": {"q": {"in_use": 1}, "r": {"z_e_dtype": "bfloat16"}}}],
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for day, (name, lines) in enumerate(LINES.items(), start=1):
        writer = RunWriter(tmp_path / "runs" / name, {**ABOUT_RUN, "created": f"2026-01-0{day}T00:00:00Z"})
        for line in [*lines, {"ended": 1.0, "error": ""}]:
            writer.append(line)
        writer.close()
    return tmp_path / "runs"


def recorded() -> list[dict[str, object]]:
    """Rows, newest run first, as the lines have them."""
    return [
        {"run": name}
        | {key: value for key, value in line.items() if key != "codebooks"}
        | {f"{book}/{key}": value for book, told in line["codebooks"].items() for key, value in told.items()}
        for name, lines in reversed(LINES.items())
        for line in lines
    ]


def read_csv(file: Path) -> list[dict[str, object]]:
    def value(cell: str) -> object:
        for kind in (int, float):
            with contextlib.suppress(ValueError):
                return kind(cell)
        return cell or None

    with file.open(newline="") as opened:
        return [{name: value(cell) for name, cell in row.items()} for row in csv.DictReader(opened)]


READ = {"csv": read_csv, "parquet": lambda file: parquet.read_table(file).to_pylist()}


@pytest.mark.parametrize("suffix", READ)
def test_a_table_holds_what_was_recorded_to_the_last_bit(root, tmp_path, suffix, capsys):
    file = tmp_path / f"all.{suffix}"
    assert main(["runs", str(root), "--export", str(file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    found = READ[suffix](file)
    assert (len(found), told["rows"]) == (3, 3)
    for row, expected in zip(found, recorded(), strict=True):
        assert list(row) == told["columns"]
        there = {name: repr(value) for name, value in row.items() if value is not None}
        assert there == {name: repr(value) for name, value in expected.items()}


def test_tensorboard_reads_what_was_recorded_in_its_single_precision(root, tmp_path):
    pytest.importorskip("tensorboard", reason="tests/requirements.txt installs it")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "all.tfevents"
    assert main(["runs", str(root), "--export", str(folder)]) == 0
    for name in LINES:
        read = EventAccumulator(str(folder / name)).Reload()
        found = {(tag, one.step, repr(one.value)) for tag in read.Tags()["scalars"] for one in read.Scalars(tag)}
        rows = [row for row in recorded() if row["run"] == name]
        assert found == {
            (tag, row["step"], repr(float(np.float32(value))))
            for row in rows
            for tag, value in row.items()
            if tag != "step" and isinstance(value, int | float)
        }


def test_search_and_most_choose_the_runs(root, tmp_path):
    assert main(["runs", str(root), "--search", "first", "--export", str(tmp_path / "one.csv")]) == 0
    assert {row["run"] for row in read_csv(tmp_path / "one.csv")} == {"first"}


def test_what_cannot_be_exported_is_one_sentence_and_no_file_is_overwritten(root, tmp_path, capsys, monkeypatch):
    there = tmp_path / "there.csv"
    there.write_text("mine")
    (tmp_path / "empty").mkdir()
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    without = tmp_path / "x.tfevents"
    for folder, file in (
        (root, there),
        (root, tmp_path / "x.xls"),
        (tmp_path / "empty", tmp_path / "x.csv"),
        (root, without),
    ):
        assert main(["runs", str(folder), "--export", str(file)]) == 2
    assert capsys.readouterr().err.count("\n") == 4
    assert there.read_text() == "mine"
    assert not (tmp_path / "x.csv").exists()
    assert not without.exists()
