"""The findings of lessons, as text and as plain values for JSON. Every number comes from the records."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from demos.lesson import Lesson
from demos.running import Examined

Found = tuple[Lesson, int, list[Examined]]
"""A lesson, a seed and the findings of its claims there."""


def lesson_text(lesson: Lesson, seed: int, examined: Sequence[Examined]) -> str:
    """The lesson as a reader sees it, each claim with what was measured."""
    lines = [f"{lesson.title}, seed {seed}", lesson.about]
    for number, step in enumerate(lesson.steps, start=1):
        lines += ["", f"{number}. {step.title}", f"   {step.text}"]
        for each in examined:
            if each.number == number:
                lines += [f"   {_mark(each)} {each.claim.says}", f"       {_said(each)}"]
    held = sum(bool(each.finding and each.finding.held) for each in examined)
    return "\n".join([*lines, "", f"{held} of {len(examined)} claims held."])


def lesson_report(lesson: Lesson, seed: int, examined: Sequence[Examined]) -> dict[str, Any]:
    """The same for JSON."""
    return {
        "lesson": lesson.name,
        "title": lesson.title,
        "seed": seed,
        "claims": [
            {
                "step": each.number,
                "claim": each.claim.says,
                "held": None if each.finding is None else each.finding.held,
                "measured": _said(each),
                "numbers": {} if each.finding is None else dict(each.finding.numbers),
            }
            for each in examined
        ],
    }


def table(found: Sequence[Found]) -> list[dict[str, Any]]:
    """A row for every claim: on how many seeds it was computed and on how many it held."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for lesson, seed, examined in found:
        for each in examined:
            row = rows.setdefault(
                (lesson.name, each.claim.says),
                {"lesson": lesson.name, "step": each.number, "claim": each.claim.says, "held": 0, "seeds": 0}
                | {"failed_on": [], "errors": [], "numbers": []},
            )
            row["seeds"] += 1
            if each.finding is None:
                row["errors"].append(each.error)
            elif each.finding.held:
                row["held"] += 1
            else:
                row["failed_on"].append(seed)
            row["numbers"].append({} if each.finding is None else dict(each.finding.numbers))
    return list(rows.values())


def table_text(rows: Iterable[dict[str, Any]]) -> str:
    """The table as text, naming the seeds on which a claim did not hold."""
    lines: list[str] = []
    for name, of_lesson in groupby(rows, key=lambda row: row["lesson"]):
        lines += ["", name]
        for row in of_lesson:
            missed = f"  (not on seed {', '.join(map(str, row['failed_on']))})" if row["failed_on"] else ""
            lines.append(f"  {row['held']} of {row['seeds']}  step {row['step']}  {row['claim']}{missed}")
            lines += [f"          {error}" for error in row["errors"][:1]]
    return "\n".join(lines[1:])


def _mark(each: Examined) -> str:
    if each.finding is None:
        return "[?]"
    return "[x]" if each.finding.held else "[ ]"


def _said(each: Examined) -> str:
    return each.error if each.finding is None else each.finding.sentence()
