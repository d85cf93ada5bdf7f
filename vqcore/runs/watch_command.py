"""`vqscope watch FOLDER`: a line for each recorded step of a run, and findings as they come and go."""

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vqcore.arguments import named_path
from vqcore.diagnostics.wording import digits
from vqcore.files.errors import CheckpointError, shown
from vqcore.runs.course import Found, Moment, moments, worst
from vqcore.runs.layout import ABOUT
from vqcore.runs.reading import Run, load_run

MOST_CODEBOOKS = 3
"""Codebooks described in one line; the least used ones of more."""


def add_words(parser: argparse.ArgumentParser) -> None:
    """The words of the verb."""
    parser.add_argument("folder", type=named_path, metavar="FOLDER", help="of a run, as vqcore.watch writes it")
    parser.add_argument("--once", action="store_true", help="tell what is there and do not wait for more")
    parser.add_argument("--seconds", type=float, default=2.0, help="between two looks (default: 2)")
    parser.epilog = "Exit code: 0; 1 if a finding at the newest step is severe; 2 if the folder holds no run."


def watch(options: argparse.Namespace) -> tuple[Any, str, int]:
    """Follow the run until its training ends; the third value is the exit code, as the doctor's.

    Raises:
        ValueError: for a folder without a run, or a run without a snapshot.
    """
    tell = (lambda text: None) if options.json else (lambda text: print(text, flush=True))
    folder = options.folder
    if not (folder / ABOUT).exists() and (folder / "rank0" / ABOUT).exists():
        folder = folder / "rank0"
    run, newest = _told(folder, tell, wait=None if options.once else options.seconds)
    if newest is None:
        raise CheckpointError(f"`{shown(folder)}` holds no snapshot {'yet' if run.state == 'running' else 'at all'}.")
    _, verdict = worst(newest)
    ended = f"{run.state}{f': {shown(run.ending)}' if run.ending else ''}"
    text = "\n".join([f"VERDICT  {verdict.title}", f"run      {shown(folder)}, {ended}", *run.notes])
    report = {
        "folder": str(folder),
        "state": run.state,
        "ending": run.ending,
        "notes": list(run.notes),
        "steps": [int(line["step"]) for line in run.lines],
        "verdict": {"severity": verdict.severity, "condition": verdict.condition, "title": verdict.title},
        "codebooks": {
            name: [{"severity": each.severity, "condition": each.condition} for each in findings]
            for name, findings in newest.items()
        },
    }
    return report, text, int(verdict.severity == "severe")


def described(run: Run, moment: Moment) -> list[str]:
    """A line for the step, and one for each finding that came or went."""
    sizes = {str(one["name"]): int(one["num_codes"]) for one in run.about["codebooks"]}
    numbers: Mapping[str, Mapping[str, Any]] = moment.line["codebooks"]
    least = sorted(numbers, key=lambda name: numbers[name].get("perplexity", 0) / sizes.get(name, 1))
    told = [_numbers(name, numbers[name], sizes.get(name, 0)) for name in least[:MOST_CODEBOOKS]]
    more = [f"{len(numbers) - MOST_CODEBOOKS} more"] if len(numbers) > MOST_CODEBOOKS else []
    loss = [f"loss {digits(float(moment.line['loss']))}"] if "loss" in moment.line else []
    lines = [" · ".join([f"step {moment.line['step']:>9,}", *loss, *told, *more])]
    since = "" if moment.before is None else f", since step {moment.before:,} to {moment.line['step']:,}"
    lines += [f"  {one.severity.upper()}  {shown(name)}: {one.title}{since}" for name, one in moment.began]
    return lines + [f"  gone  {shown(name)}: {condition}" for name, condition in moment.ended]


def _told(folder: Path, tell: Callable[[str], None], *, wait: float | None) -> tuple[Run, Found | None]:
    """Tell every recorded step, waiting for more while the run is written; the run and its newest diagnosis."""
    seen, last = 0, None
    while True:
        run = load_run(folder)
        for moment in moments(run, after=seen, last=last):
            tell("\n".join(described(run, moment)))
            last = moment if moment.found is not None else last
        seen = len(run.lines)
        if wait is None or run.state != "running":
            return run, None if last is None else last.found
        try:
            time.sleep(wait)
        except KeyboardInterrupt:
            print("stopped watching; the training goes on.", file=sys.stderr)
            return run, None if last is None else last.found


def _numbers(name: str, values: Mapping[str, Any], num_codes: int) -> str:
    parts = [f"{values['in_use']:,} of {num_codes:,} in use"] if "in_use" in values else ["table only"]
    parts += [f"perplexity {digits(float(values['perplexity']))}"] if "perplexity" in values else []
    parts += [f"relative error {digits(float(values['relative_error']))}"] if "relative_error" in values else []
    return f"{shown(name)}: {', '.join(parts)}"
