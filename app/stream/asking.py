"""What a watcher asks for, parsed from an untrusted message."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.links.compare_view import CompareView, read_compare_view
from app.links.lesson_view import LessonView, read_lesson_view
from app.links.live_view import View, read_view
from app.links.runs import RunView, read_run_view

LONGEST_ID = 64
LONGEST_REVISION = 400
MOST_PARTS = 64


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for a frame."""

    number: int
    session: str
    view: View | CompareView | LessonView | RunView
    wanted: frozenset[str]
    """The keys of the elements on the page."""

    have: Mapping[str, str]
    """Revisions of the parts that the page shows."""

    controls: str
    """What the page's controls were drawn for, as the last frame said."""

    hands: Mapping[str, int]
    """The selections (`hands`) that the last frame knew of."""

    now: bool
    """Whether a person waits for it, so that it is answered at once even without news."""


def read_ask(text: str) -> Ask:
    """The request that a message means.

    Raises:
        ValueError: for an invalid message, saying what is wrong with it.
    """
    try:
        told = json.loads(text)
    except ValueError as error:
        raise ValueError("A request must be JSON") from error
    except RecursionError as error:
        raise ValueError("A request must not be nested so deeply") from error
    if not isinstance(told, dict):
        raise ValueError("A request must be an object")
    have, wanted, hands = told.get("have"), told.get("wanted"), told.get("hands")
    if not isinstance(wanted, list) or len(wanted) > MOST_PARTS or not all(_is_short(key) for key in wanted):
        raise ValueError(f"`wanted` must be a list of at most {MOST_PARTS} keys")
    if not isinstance(have, dict) or len(have) > MOST_PARTS or not all(_is_text(value) for value in have.values()):
        raise ValueError(f"`have` must say the revisions of at most {MOST_PARTS} parts")
    if not isinstance(hands, dict) or len(hands) > MOST_PARTS:
        raise ValueError("`hands` must be an object")
    if not _is_short(told.get("session")) or not _is_text(told.get("controls")):
        raise ValueError("`session` and `controls` must be short texts")
    if type(told.get("n")) is not int or type(told.get("now")) is not bool:
        raise ValueError("`n` must be a whole number, and `now` true or false")
    return Ask(
        number=told["n"],
        session=told["session"],
        view=_read_view(told.get("view")),
        wanted=frozenset(wanted),
        have=have,
        controls=told["controls"],
        hands=hands,
        now=told["now"],
    )


def _read_view(told: Any) -> View | CompareView | LessonView | RunView:
    if not isinstance(told, dict):
        raise ValueError("`view` must be an object")
    if told.get("page") == "compare":
        return read_compare_view(told)
    if told.get("page") == "runs":
        return read_run_view(told)
    return read_lesson_view(told) if told.get("page") == "lesson" else read_view(told)


def _is_short(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_ID


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_REVISION
