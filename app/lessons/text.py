"""A lesson's words as HTML, all escaped since lesson files are written by others."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

from demos.lesson import Note, Step
from demos.running import Examined


def way(number: int, last: int, furthest: int) -> str:
    """The progress line: a mark for each step, and where the reader is; 0: before the first."""
    words = f"step {number} of {last}" if number else f"{last} steps"
    marks = "".join(
        f"<li class='{'now' if each == number else 'read' if each <= furthest else ''}'></li>"
        for each in range(1, last + 1)
    )
    return f"<div class='vq-way'><ol aria-hidden='true'>{marks}</ol><span>{words}</span></div>"


def step_text(number: int, step: Step) -> str:
    """Title and text."""
    return _lesson(f"<h2>{number} · {html.escape(step.title)}</h2><p>{html.escape(step.text)}</p>")


def asking(question: str) -> str:
    """A question above its choices."""
    return _lesson(f"<p class='ask'>{html.escape(question)}</p>")


def revealed(guess: str | None, right: str) -> str:
    """Whether the guess was right, as computed.

    >>> revealed("Up", "Down")
    "<div class='vq-lesson'><p class='found not'>You guessed: Up. Here it is: <b>Down</b>.</p></div>"
    """
    answer = html.escape(right.rstrip("."))
    if guess is None:
        return _lesson(f"<p class='found'>Here it is: <b>{answer}</b>.</p>")
    if guess == right:
        return _lesson(f"<p class='found'>You guessed right: <b>{answer}</b>.</p>")
    return _lesson(f"<p class='found not'>You guessed: {html.escape(guess)}. Here it is: <b>{answer}</b>.</p>")


def findings(examined: Sequence[Examined], counts: Mapping[str, str]) -> str:
    """What each claim found in this run, never the bare claim; below it, if known, the count over seeds."""
    return _lesson("".join(_finding(each, counts.get(each.claim.says, "")) for each in examined))


def notes(title: str, found: Sequence[Note]) -> str:
    """What is known or contested, with its source."""
    parts = "".join(
        f"<p class='note'>{html.escape(note.text)} "
        f"<a href='{html.escape(note.url)}' target='_blank' rel='noreferrer'>{html.escape(note.source)}</a></p>"
        for note in found
    )
    return _lesson(f"<h2>{html.escape(title)}</h2>{parts}")


def over_seeds(row: Mapping[str, Any]) -> str:
    """How often a claim held, from a row of `demos.report.table`.

    >>> over_seeds({"claim": "Codes die.", "held": 4, "seeds": 5, "failed_on": [3], "errors": []})
    'Codes die. On 4 of 5 seeds, not on seed 3.'
    """
    missed = f", not on seed {', '.join(map(str, row['failed_on']))}" if row["failed_on"] else ""
    failed = f", not computed on {len(row['errors'])}" if row["errors"] else ""
    return f"{row['claim']} On {row['held']} of {row['seeds']} seeds{missed}{failed}."


def _finding(each: Examined, count: str) -> str:
    small = f"<small>{html.escape(count)}</small>" if count else ""
    if each.finding is None:
        return f"<p class='found none'>{html.escape(each.error)}{small}</p>"
    kind = "found" if each.finding.held else "found not"
    return f"<p class='{kind}'>{html.escape(each.finding.sentence())}{small}</p>"


def _lesson(inside: str) -> str:
    return f"<div class='vq-lesson'>{inside}</div>"
