"""`vqscope runs FOLDER`: the runs below a folder, newest first, each in a line with its verdict, or exported."""

import argparse
import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from vqcore.arguments import named_path
from vqcore.diagnostics.wording import digits
from vqcore.files.errors import CheckpointError, shown
from vqcore.runs.exporting import Named, export
from vqcore.runs.listing import Listed, RunList
from vqcore.runs.reading import load_run

DEFAULT_FOLDER = Path("runs")
DEFAULT_MOST = 20
BARS = "▁▂▃▄▅▆▇█"
SPARK = 16
"""Letters of the sparkline."""

HOW_TO = """There is no run below {folder}. Three lines in a training write one:
  probe = vqcore.watch(model, out="runs/first")
  probe.step(loss=loss)  # after each step
  probe.close()
or train one of ours: vqscope train digits --out runs/first"""


def add_words(parser: argparse.ArgumentParser) -> None:
    """The words of the verb."""
    parser.add_argument(
        "folder", type=named_path, nargs="?", default=DEFAULT_FOLDER, metavar="FOLDER", help="default: runs"
    )
    parser.add_argument("--search", default="", metavar="TEXT", help="only those with this in their name")
    parser.add_argument("--most", type=int, default=DEFAULT_MOST, metavar="N", help="the newest N (default: 20)")
    parser.add_argument(
        "--export",
        type=named_path,
        metavar="FILE",
        help="instead write what these runs recorded: a row for each step to FILE.csv or FILE.parquet, or scalars "
        "for TensorBoard to the folder FILE.tfevents",
    )


def runs(options: argparse.Namespace) -> tuple[Any, str]:
    """The list, as values and as a table.

    Raises:
        CheckpointError: if the folder cannot be listed.
        ValueError: for `--most` below 1, or an export that cannot be written.
    """
    if options.most < 1:
        raise ValueError(f"`--most` must be a whole number from 1 up, but got {options.most}.")
    below = RunList(options.folder)
    try:
        every = [one for one in below.look() if options.search.casefold() in one.name.casefold()]
    except FileNotFoundError:
        every = []
    except OSError as error:
        raise CheckpointError(f"`{shown(options.folder)}` cannot be listed: {error.strerror}.") from error
    if options.export is not None:
        return _exported(options, every[: options.most])
    newest = [below.judge(one) for one in every[: options.most]]
    told = [_table(newest)] if newest else [HOW_TO.format(folder=shown(options.folder))]
    told += [f"{len(every) - len(newest):,} older ones: --most N lists more."] if len(every) > len(newest) else []
    told += [*below.refused[:5], *([f"{len(below.refused) - 5:,} more like these."] if below.refused[5:] else [])]
    return {"runs": [_values(one) for one in newest], "refused": list(below.refused)}, "\n".join(told)


def _exported(options: argparse.Namespace, listed: Sequence[Listed]) -> tuple[Any, str]:
    if not listed:
        raise CheckpointError(f"There is no run to export below `{shown(options.folder)}`.")
    table = export(options.export, [Named(one.name, load_run(one.folder)) for one in listed])
    report = {"file": str(options.export), "runs": [one.name for one in listed], "rows": len(table["step"])}
    of_runs = "one run" if len(listed) == 1 else f"{len(listed):,} runs, the newest first"
    text = f"{shown(options.export)}: {report['rows']:,} recorded steps of {of_runs}"
    return {**report, "columns": list(table)}, text


def sparkline(values: Sequence[float]) -> str:
    """Shares from 0 to 1 as bars, the newest last.

    >>> sparkline([0, 0.5, 1])
    '▁▅█'
    """
    kept = values[:: -(-len(values) // SPARK) or 1]
    return "".join(BARS[min(7, max(0, round(7 * value)))] if math.isfinite(value) else " " for value in kept)


def _table(newest: Sequence[Listed]) -> str:
    rows = [_cells(one) for one in newest]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def _cells(one: Listed) -> list[str]:
    ranks = f" ({one.ranks} ranks)" if one.ranks > 1 else ""
    verdict = f"{one.verdict.severity.upper()} {one.verdict.title}" if one.verdict else ""
    return [
        f"{datetime.fromtimestamp(one.created):%Y-%m-%d %H:%M}",
        f"{shown(one.name)}{ranks}",
        one.state,
        "" if one.step is None else f"step {one.step:,}",
        one.sizes,
        sparkline(one.in_use),
        f"{one.in_use[-1]:.0%} in use" if one.in_use else "",
        "" if one.loss is None else f"loss {digits(one.loss)}",
        verdict,
    ]


def _values(one: Listed) -> dict[str, Any]:
    values = asdict(one) | {"folder": str(one.folder), "in_use": list(one.in_use)}
    values["loss"] = one.loss if one.loss is not None and math.isfinite(one.loss) else None
    verdict = one.verdict
    values["verdict"] = None if verdict is None else {"severity": verdict.severity, "title": verdict.title}
    return values
