"""A lesson's words as HTML, every one escaped: lesson files are written by others. Knows no widget."""

import html
from collections.abc import Sequence

from demos.lesson import Note, Step
from demos.running import Examined


def way(number: int, last: int, furthest: int) -> str:
    """The progress line: a mark for each step, and where the reader is; at 0 before the first."""
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


def findings(examined: Sequence[Examined]) -> str:
    """What each claim found in this run; never the claim without it."""
    return _lesson("".join(_finding(each) for each in examined))


def notes(title: str, found: Sequence[Note]) -> str:
    """What is known, or contested, with where it is said."""
    parts = "".join(
        f"<p class='note'>{html.escape(note.text)} "
        f"<a href='{html.escape(note.url)}' target='_blank' rel='noreferrer'>{html.escape(note.source)}</a></p>"
        for note in found
    )
    return _lesson(f"<h2>{html.escape(title)}</h2>{parts}")


def over_seeds(says: str, held: int, seeds: int, failed_on: Sequence[int], errors: int) -> str:
    """How often a claim held.

    >>> print(over_seeds("Codes die.", 4, 5, [3], 0))
    Codes die. Held on 4 of 5 seeds, not on seed 3.
    """
    missed = f", not on seed {', '.join(map(str, failed_on))}" if failed_on else ""
    failed = f", not computed on {errors}" if errors else ""
    return f"{says} Held on {held} of {seeds} seeds{missed}{failed}."


def _finding(each: Examined) -> str:
    if each.finding is None:
        return f"<p class='found none'>{html.escape(each.error)}</p>"
    return f"<p class='found{'' if each.finding.held else ' not'}'>{html.escape(each.finding.sentence())}</p>"


def _lesson(inside: str) -> str:
    return f"<div class='vq-lesson'>{inside}</div>"
