"""`vqscope watch` on a folder of checkpoints: a line for each new one, and what the doctor finds in it."""

import argparse
from typing import Any

from vqcore.diagnostics.wording import digits
from vqcore.doctor.following import Moment
from vqcore.doctor.tailing import Arrived, CheckpointTail
from vqcore.files.errors import CheckpointError, shown
from vqcore.files.series import Skipped
from vqcore.runs import webhook
from vqcore.runs.course import Moment as Judged
from vqcore.runs.course import compared, worst
from vqcore.runs.following import Alert, turned_severe
from vqcore.runs.telling import Teller, look_until_stopped

MOST_CODEBOOKS = 3
"""Codebooks described in one line."""


class CheckpointWatch:
    """A folder, and what was found in its checkpoints so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.folder, self._teller = options.folder, Teller(options)
        self._tail, self._is_once = CheckpointTail(options.folder), bool(options.once)
        self._is_first = True
        self._last: Judged | None = None
        self.unit = "step"
        self.steps: list[int] = []
        self.skipped: list[Skipped] = []

    def look(self) -> None:
        """Tell what has come, and post what turned severe: on the first look, what is severe in the newest one."""
        fresh: list[Judged] = []
        try:
            for one in self._tail.look(is_last=self._is_once):
                if isinstance(one, Skipped):
                    self.skipped.append(one)
                    self._teller.tell([f"skipped  {one.reason}"])
                else:
                    fresh.append(self._judged(one))
        except CheckpointError:
            if self._is_first:  # later, it is empty for a moment
                raise
        turned = turned_severe(fresh, self._last, is_first=self._is_first)
        if turned:
            self._teller.alarm(Alert(self.folder, turned))
        self._is_first = False

    def _judged(self, arrived: Arrived) -> Judged:
        point = arrived.point
        judged = compared({"step": point.step}, arrived.found, None if arrived.begins else self._last)
        again = [f"a training begins again at {point.unit} {point.step:,}"] if arrived.begins and self.steps else []
        self._teller.tell([*again, *_described(arrived, judged)])
        self.unit, self._last = point.unit, judged
        self.steps.append(point.step)
        return judged

    def report(self) -> tuple[Any, str, int]:
        """As values, in words, and the exit code of the newest.

        Raises:
            CheckpointError: if none could be read.
        """
        if self._last is None or self._last.found is None:
            said = f" The first says: {self.skipped[0].reason}" if self.skipped else ""
            raise CheckpointError(f"`{shown(self.folder)}` holds no checkpoint with a codebook.{said}")
        _, verdict = worst(self._last.found)
        text = f"VERDICT  {verdict.title}\nfolder   {shown(self.folder)}, newest {self.unit} {self._last.step:,}"
        report = {
            "folder": str(self.folder),
            "unit": self.unit,
            "steps": self.steps,
            "skipped": [{"file": str(one.path), "reason": one.reason} for one in self.skipped],
            "verdict": {"severity": verdict.severity, "condition": verdict.condition, "title": verdict.title},
            "codebooks": {
                name: [{"severity": each.severity, "condition": each.condition} for each in findings]
                for name, findings in self._last.found.items()
            },
            "alerts": [one for alert in self._teller.alerts for one in webhook.payload(alert)["findings"]],
        }
        return report, text, int(verdict.severity == "severe")


def watch_checkpoints(options: argparse.Namespace) -> tuple[Any, str, int]:
    """Examine every checkpoint that comes until Ctrl-C; the third value is the exit code.

    Raises:
        ValueError: for a folder without one that can be read, or a webhook that is no address.
    """
    watched = CheckpointWatch(options)
    seconds = None if options.once else options.seconds
    look_until_stopped(watched.look, seconds, has_news=lambda: bool(watched.steps))
    return watched.report()


def _described(arrived: Arrived, judged: Judged) -> list[str]:
    """A line for the checkpoint, and one for each finding that came or went."""
    more = len(arrived.moments) - MOST_CODEBOOKS
    books = [*map(_numbers, arrived.moments[:MOST_CODEBOOKS]), *([f"{more} more"] if more > 0 else [])]
    point = arrived.point
    lines = [" · ".join([f"{point.unit} {point.step:>9,}", shown(point.path.name), *books])]
    return lines + changes(judged, point.unit)


def changes(judged: Judged, unit: str = "step") -> list[str]:
    """A line for each finding that came or went."""
    since = "" if judged.before is None else f", since {unit} {judged.before:,} to {judged.step:,}"
    lines = [
        f"  {one.severity.upper()}  {shown(name)}: {one.title.removesuffix('.')}{since}" for name, one in judged.began
    ]
    return lines + [f"  gone  {shown(name)}: {condition}" for name, condition in judged.ended]


def _numbers(one: Moment) -> str:
    parts = [f"{one.num_codes:,} × {one.dim:,}"]
    parts += [f"{one.usage.used:,} used"] if one.usage is not None else []
    parts += [f"moved {digits(one.moved.relative)} of its spread"] if one.moved is not None else []
    return f"{shown(one.codebook)}: {', '.join(parts)}"
