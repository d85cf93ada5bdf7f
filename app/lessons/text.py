"""A lesson's words as HTML, all escaped since lesson files are written by others."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from app.glossary import Term, pieces
from demos.catalogue import Unusable
from demos.lesson import Formula, Lesson, Note, Step
from demos.recorded import Count
from demos.running import Examined
from vqcore.markup import fragment


class Guessed(NamedTuple):
    """A question that the reader has answered."""

    asks: str
    guess: str
    right: str


TEMPLATE = Path(__file__).with_name("text.html.j2")


def way(number: int, last: int, furthest: int) -> str:
    """The progress line: a mark for each step, and where the reader is; 0: before the first."""
    words = f"step {number} of {last}" if number else f"{last} steps"
    return fragment(TEMPLATE, "way", words=words, last=last, number=number, furthest=furthest)


def heading(title: str) -> str:
    """The lesson's title above all its steps."""
    return fragment(TEMPLATE, "heading", title=title)


def front() -> str:
    """What stands above the list of lessons."""
    return fragment(TEMPLATE, "front")


def card(lesson: Lesson) -> str:
    """A lesson in the list."""
    return fragment(TEMPLATE, "card", lesson=lesson)


def unusable_card(unusable: Unusable) -> str:
    """A file in the list that gives no lesson."""
    return fragment(TEMPLATE, "unusable_card", unusable=unusable)


def step_text(number: int, step: Step) -> str:
    """Title and text, in which the words of the glossary are underlined."""
    return fragment(TEMPLATE, "step_text", number=number, step=step, words=[*pieces(step.text)])


def qr_code(picture: str) -> str:
    """The place of a QR code, whose address holds it whole."""
    return fragment(TEMPLATE, "qr_code", picture=picture)


def under_formula(formula: Formula, numbers: Sequence[str]) -> str:
    """The run's numbers, what else there is to say, and the source."""
    return fragment(TEMPLATE, "under_formula", formula=formula, numbers=numbers)


def table(rows: Sequence[Sequence[str]]) -> str:
    """The numbers of a step's trainings, the first row its heads; empty without rows."""
    return fragment(TEMPLATE, "table", rows=rows)


def words_explained() -> str:
    """What stands above the glossary."""
    return fragment(TEMPLATE, "words_explained")


def explained(term: Term) -> str:
    """One word of the glossary."""
    return fragment(TEMPLATE, "explained", term=term)


def asking(question: str) -> str:
    """A question above its choices."""
    return fragment(TEMPLATE, "asking", question=question)


def revealed(guess: str | None, right: str) -> str:
    """Whether the guess was right, as computed.

    >>> revealed("Up", "Down")
    '<div class="vq-lesson"><p class="found not">You guessed: Up. Here it is: <b>Down</b>.</p></div>'
    """
    return fragment(TEMPLATE, "revealed", guess=guess, right=right, answer=right.rstrip("."))


def findings(examined: Sequence[Examined], counts: Mapping[str, Sequence[str]]) -> str:
    """What each claim found in this run, never the claim without it; below, where known, its counts over seeds."""
    return fragment(TEMPLATE, "findings", examined=examined, counts=counts)


def recorded(says: str, count: Count) -> str:
    """How often a claim held when it was recorded.

    >>> recorded("Codes die.", Count(19, 20, 100, 119, "5a02d9b0c1", "2026-11-28"))
    'Codes die. Held on 19 of 20 seeds, 100–119.'
    """
    return f"{says} Held on {count.held} of {count.seeds} seeds, {count.first_seed}–{count.last_seed}."


def recorded_when(count: Count) -> str:
    """When the counts of a lesson were recorded, and with which code.

    >>> recorded_when(Count(19, 20, 100, 119, "5a02d9b0c1", "2026-11-28"))
    'Seeds 100–119 were recorded on 2026-11-28 with commit 5a02d9b.'
    """
    code = f" with commit {count.commit[:7]}" if count.commit else ""
    return f"Seeds {count.first_seed}–{count.last_seed} were recorded on {count.date}{code}."


def quiz(guessed: Sequence[Guessed]) -> str:
    """What the reader guessed in this lesson, and what was right.

    >>> "1 of 2" in quiz([Guessed("Up?", "Up", "Up"), Guessed("Down?", "Down", "Up")])
    True
    """
    return fragment(TEMPLATE, "quiz", guessed=guessed, right=sum(each.guess == each.right for each in guessed))


def try_it(text: str) -> str:
    """What a reader may do alone."""
    return fragment(TEMPLATE, "try_it", text=text)


def notes(title: str, found: Sequence[Note]) -> str:
    """What is known, or contested, with where it is said."""
    return fragment(TEMPLATE, "notes", title=title, found=found)


def hidden(text: str) -> str:
    """In place of charts that are not to be seen yet."""
    return fragment(TEMPLATE, "hidden", text=text)


def over_seeds(row: Mapping[str, Any]) -> str:
    """How often a claim held, from a row of `demos.report.table`.

    >>> over_seeds({"claim": "Codes die.", "held": 4, "seeds": 5, "failed_on": [3], "errors": []})
    'Here: on 4 of 5 seeds, 0–4, not on seed 3.'
    """
    missed = f", not on seed {', '.join(map(str, row['failed_on']))}" if row["failed_on"] else ""
    failed = f", not computed on {len(row['errors'])}" if row["errors"] else ""
    return f"Here: on {row['held']} of {row['seeds']} seeds, 0–{row['seeds'] - 1}{missed}{failed}."
