"""`python -m vqcore starts`: lists the starts, and recomputes what they claim."""

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from tqdm import tqdm

from vqcore.repository import commit_of_code
from vqcore.starts.catalogue import STARTS, find_start
from vqcore.starts.checking import failed, judged, rows_of
from vqcore.starts.recorded import table_text
from vqcore.starts.start import Start
from vqcore.training.recipe import written

DEFAULT_SEEDS = range(100, 120)
"""Those of the recorded table: no setting and no threshold was chosen on them."""


def add_words(parser: argparse.ArgumentParser) -> None:
    """The arguments of the verb."""
    parser.add_argument(
        "--check",
        nargs="?",
        const="",
        metavar="NAME",
        help="recompute the claims of one start, or of all; exit code 1 if one fails on over a tenth of the seeds",
    )
    parser.add_argument("--seeds", metavar="FIRST-LAST", help="with --check: which (default: 100-119)")


def starts(options: argparse.Namespace, seeds_of: Callable[[str], Sequence[int]]) -> tuple[Any, str, int]:
    """The report, its text and the exit code; `seeds_of` reads the words of `--seeds`.

    Raises:
        ValueError: for an unknown start, or `--seeds` that are none or come without `--check`.
    """
    if options.check is None:
        if options.seeds is not None:
            raise ValueError("`--seeds` needs --check: the list of starts has none.")
        return {"starts": [start.as_json() for start in STARTS]}, "\n\n".join(map(_listed, STARTS)), 0
    chosen = (find_start(options.check),) if options.check else STARTS
    seeds = DEFAULT_SEEDS if options.seeds is None else seeds_of(options.seeds)
    commit, tables = commit_of_code(), _tables(chosen, seeds)
    fails = [sentence for table in tables for sentence in failed(table)]
    command = " ".join(["python -m vqcore starts --check", *filter(None, [options.check]), f"--seeds {_said(seeds)}"])
    report = {"date": date.today().isoformat(), "commit": commit, "command": command, "starts": tables}
    text = "\n\n".join([*map(table_text, tables), *fails])
    return _finite(report), text, 1 if fails else 0


def _tables(chosen: Sequence[Start], seeds: Sequence[int]) -> list[dict[str, Any]]:
    work = sum(len(start.experiments) for start in chosen) * len(seeds)
    with tqdm(total=work, unit="experiment", file=sys.stderr, disable=None, leave=False) as progress:
        return [_table(start, seeds, progress.update, progress.set_description) for start in chosen]


def _table(
    start: Start, seeds: Sequence[int], tell: Callable[[], object], say: Callable[[str], object]
) -> dict[str, Any]:
    rows = []
    for seed in seeds:
        say(f"{start.name}, seed {seed}")
        rows += rows_of(start, seed, tell=tell)
    return judged(start, rows)


def _listed(start: Start) -> str:
    settings = " ".join(f"{name}={written(value)}" for name, value in start.settings.items())
    lines = [f"{start.name:<18} {start.title}: {start.problem} {settings}".rstrip()]
    lines.append(f"{'':<18} pauses at step {start.pause_at:,}; each experiment trains {start.steps:,} steps:")
    for each in start.experiments:
        changes = " ".join(f"{name}={written(value)}" for name, value in each.changes.items())
        claims = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in each.claims.made().items())
        lines.append(f"{'':<20} {each.name}: {changes or 'no change'}{f' ({claims})' if claims else ''}")
    return "\n".join(lines)


def _said(seeds: Sequence[int]) -> str:
    return f"{seeds[0]}-{seeds[-1]}"


def _finite(value: Any) -> Any:
    """`value` with None for what is not a finite number, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
