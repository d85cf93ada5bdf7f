"""What runs recorded, for other tools: as one table, a row for each recorded step; or as scalars for TensorBoard."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vqcore.files.errors import CheckpointError, shown
from vqcore.runs.reading import Run, as_number
from vqcore.runs.tfevents import check_tensorboard, write_scalars

SUFFIXES = (".csv", ".parquet", ".tfevents")
NOT_FINITE = {"nan", "inf", "-inf"}
LARGEST_WHOLE = 2**63

Column = list[int | None] | list[float | None] | list[str | None]


class Named(NamedTuple):
    """A run and what the table calls it."""

    name: str
    run: Run


def columns(runs: Sequence[Named]) -> dict[str, Column]:
    """The table of `runs`, by column; None where nothing was recorded.

    First `run` and `step`, then what the training gave under its name, and `CODEBOOK/NAME` for what one codebook is.
    A column is of whole numbers, of numbers, or of text.
    """
    rows = [{"run": one.name} | _flat(line) for one in runs for line in one.run.lines]
    names = dict.fromkeys(["run", "step", *(name for row in rows for name in row)])
    return {name: _column([row.get(name) for row in rows]) for name in names}


def export(path: Path, runs: Sequence[Named]) -> dict[str, Column]:
    """Write the table of `runs` to `path`, in the format that its suffix names; what was written.

    Raises:
        ValueError: for another suffix, a file that is there already, or without the library that writes the format.
        OSError: if it cannot be written.
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(f"`--export` must name a file that ends in {' or '.join(SUFFIXES)}, but got {shown(path)}.")
    table = columns(runs)
    try:
        if path.suffix == ".tfevents":
            _export_scalars(path, runs)
        else:
            _export_table(path, table)
    except FileExistsError as error:
        raise CheckpointError(f"`{shown(path)}` is there already. Name another file for `--export`.") from error
    return table


def _export_table(path: Path, table: Mapping[str, Column]) -> None:
    content = _as_csv(table) if path.suffix == ".csv" else _as_parquet(table)
    with path.open("xb") as file:
        file.write(content)


def _export_scalars(path: Path, runs: Sequence[Named]) -> None:
    """A folder with one below it for each run, as TensorBoard takes them; numbers are in single precision there."""
    check_tensorboard()
    path.mkdir()
    for one in runs:
        write_scalars(path / one.name, columns([one]))


def _flat(line: Mapping[str, Any]) -> dict[str, Any]:
    of_training = {name: value for name, value in line.items() if name != "codebooks"}
    of_codebooks = {
        f"{book}/{name}": value for book, told in line["codebooks"].items() for name, value in told.items()
    }
    return of_training | of_codebooks


def _column(values: list[Any]) -> Column:
    there = [value for value in values if value is not None]
    if all(type(value) is int and -LARGEST_WHOLE <= value < LARGEST_WHOLE for value in there):
        return values
    if all(isinstance(value, int | float) or (isinstance(value, str) and value in NOT_FINITE) for value in there):
        numbers = [as_number(value) for value in values]
        if numbers.count(None) == values.count(None):  # a whole number beyond every float stays text
            return numbers
    return [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]


def _as_csv(table: Mapping[str, Column]) -> bytes:
    """An empty cell is what was not recorded; floats are written so that they read back the same."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return text.getvalue().encode()


def _as_parquet(table: Mapping[str, Column]) -> bytes:
    try:
        import pyarrow  # type: ignore[import-untyped]
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise ValueError(
            "Parquet is written by pyarrow. Install it (pip install pyarrow), or export .csv."
        ) from error
    sink = io.BytesIO()
    parquet.write_table(pyarrow.table(dict(table)), sink)
    return sink.getvalue()
