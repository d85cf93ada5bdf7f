"""`vqscope watch` on a folder of TensorBoard's event files: a line for each step, and numbers that are none."""

import argparse
import math
from typing import Any

from vqcore.diagnostics.finding import Finding
from vqcore.diagnostics.wording import digits
from vqcore.files.errors import CheckpointError, shown
from vqcore.runs import webhook
from vqcore.runs.course import Moment as Judged
from vqcore.runs.course import compared
from vqcore.runs.following import Alert, turned_severe
from vqcore.runs.telling import Teller, look_until_stopped
from vqcore.runs.tfevents import Scalars, ScalarTail
from vqcore.runs.watching_checkpoints import changes

MOST_SCALARS = 6
"""Scalars of one line."""

NO_CODEBOOK = "scalars alone do not tell how a codebook fares: watch the checkpoints, or call vqcore.watch"


class ScalarWatch:
    """A folder, and the newest number of everything that was told in it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.folder, self.teller = options.folder, Teller(options)
        self._tail, self._is_once = ScalarTail(options.folder), bool(options.once)
        self._last: dict[str, Judged] = {}
        self._is_first = True
        self.steps = 0

    @property
    def broken(self) -> dict[str, tuple[Finding, ...]]:
        """By its name, what is now NaN or infinite."""
        return {name: found for last in self._last.values() for name, found in (last.found or {}).items()}

    def look(self) -> None:
        """Tell what has come, and post what is no number any more."""
        fresh: dict[str, list[Judged]] = {}
        for one in self._tail.look(is_last=self._is_once):
            judged = self._judged(one)
            fresh.setdefault(one.run, []).append(judged)
            self.steps += 1
        turned = tuple(
            onset
            for run, moments in fresh.items()
            for onset in turned_severe(moments, self._last[run], is_first=self._is_first)
        )
        if turned:
            self.teller.alarm(Alert(self.folder, turned))
        self._is_first = self._is_first and not fresh

    def _judged(self, one: Scalars) -> Judged:
        last = self._last.get(one.run)
        now = {_name(one, tag): _finding(value) for tag, value in one.values.items()}
        still = {} if last is None else {name: found for name, found in (last.found or {}).items() if name not in now}
        found = still | {name: (finding,) for name, finding in now.items() if finding is not None}
        self._last[one.run] = judged = compared({"step": one.step}, found, last)
        self.teller.tell([_line(one), *changes(judged)])
        return judged


def watch_scalars(options: argparse.Namespace) -> tuple[Any, str, int]:
    """Tell every step that comes until Ctrl-C; the third value is the exit code.

    Raises:
        ValueError: for a folder without scalars, without TensorBoard, or for a webhook that is no address.
    """
    watched = ScalarWatch(options)
    seconds = None if options.once else options.seconds
    look_until_stopped(watched.look, seconds, has_news=lambda: watched.steps > 0)
    if not watched.steps:
        raise CheckpointError(f"`{shown(watched.folder)}` holds event files, but no scalar yet.")
    broken = watched.broken
    said = [f"{shown(name)}: {found[0].title}" for name, found in broken.items()]
    text = "\n".join(
        ["VERDICT  " + (f"{len(broken)} scalars are broken" if broken else "unknown"), *said, NO_CODEBOOK]
    )
    severity, condition = ("severe", "broken-numbers") if broken else ("unknown", "not-enough-data")
    report = {
        "folder": str(watched.folder),
        "steps": watched.steps,
        "verdict": {"severity": severity, "condition": condition, "title": said[0] if said else NO_CODEBOOK},
        "broken": list(broken),
        "alerts": [one for alert in watched.teller.alerts for one in webhook.payload(alert)["findings"]],
    }
    return report, text, int(bool(broken))


def _finding(value: float) -> Finding | None:
    """What is wrong with a scalar; None if it is a number."""
    if math.isfinite(value):
        return None
    return Finding(
        condition="broken-numbers",
        severity="severe",
        title=f"The training told {value} instead of a number.",
        numbers=(),
        cause="A step divided by zero, or its numbers outgrew their type.",
        remedies=(),
        source="",
    )


def _name(one: Scalars, tag: str) -> str:
    return f"{one.run}/{tag}" if one.run else tag


def _line(one: Scalars) -> str:
    more = len(one.values) - MOST_SCALARS
    told = [f"{shown(tag)} {digits(value)}" for tag, value in list(one.values.items())[:MOST_SCALARS]]
    of = [shown(one.run)] if one.run else []
    return " · ".join([f"step {one.step:>9,}", *of, *told, *([f"{more} more"] if more > 0 else [])])
