"""The Lessons page's part of the URL: which lesson, step and seed, and who reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.wording import cut, ignored_names
from demos.lesson import Lesson

LARGEST_SEED = 2**31 - 1
NAMES = ("lesson", "step", "seed", "reader")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reader is."""

    lesson: str | None = None
    """Name of the lesson; None: the list of lessons."""

    number: int = 1
    """Number of the step, from 1; one past the last is the lesson's end."""

    seed: int = 0


def read(query: Mapping[str, str], lessons: Sequence[Lesson]) -> tuple[Place, list[str]]:
    """The place in `query`, and a sentence for what could not be used."""
    refused = ignored_names([name for name in query if name not in NAMES])
    seed = _whole(query, "seed", 0, LARGEST_SEED, 0, refused)
    lesson = next((each for each in lessons if each.name == query.get("lesson")), None)
    if lesson is None:
        if "lesson" in query:
            names = ", ".join(each.name for each in lessons)
            refused.append(f"`lesson` in the link must be one of {names}, but is {query['lesson']!r}: choose one.")
        return Place(None, 1, seed), [cut(sentence) for sentence in refused]
    number = _whole(query, "step", 1, len(lesson.steps) + 1, 1, refused)
    return Place(lesson.name, number, seed), [cut(sentence) for sentence in refused]


def write(place: Place, reader: str | None = None) -> dict[str, str]:
    """The query that `read` turns back into the same place; without `reader` for a link to share."""
    query = {} if place.lesson is None else {"lesson": place.lesson, "step": str(place.number)}
    query |= {"seed": str(place.seed)} if place.seed else {}
    return query | ({"reader": reader} if reader else {})


def _whole(query: Mapping[str, str], name: str, lowest: int, highest: int, first: int, refused: list[str]) -> int:
    text = query.get(name, str(first))
    if text.isascii() and text.isdecimal() and len(text) < 15 and lowest <= int(text) <= highest:
        return int(text)
    refused.append(
        f"`{name}` in the link must be a whole number from {lowest} to {highest}, but is {text!r}: {first} is shown."
    )
    return first
