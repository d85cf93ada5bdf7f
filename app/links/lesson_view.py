"""What a watcher of a lesson looks at, as `live_view` has it for the Live page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.links.told import whole


@dataclass(frozen=True, slots=True)
class LessonView:
    """The step on the page. Lesson and seed are those of the run that is followed."""

    number: int
    """From 1."""

    controls: Mapping[str, str] = field(default_factory=dict)
    """None yet: a lesson's file says how its charts are drawn."""

    hands: Mapping[str, int] = field(default_factory=dict)
    """None: nothing can be selected in a lesson's charts."""


def write_lesson_view(view: LessonView) -> dict[str, Any]:
    """The view as JSON."""
    return {"page": "lesson", "number": view.number}


def read_lesson_view(told: Mapping[str, Any]) -> LessonView:
    """The view that `write_lesson_view` wrote.

    Raises:
        ValueError: for anything else, saying what is wrong.
    """
    return LessonView(whole(told, "number"))
