"""What a watcher looks at: written by a page's script, carried by the browser, and read by the WebSocket."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.links import live as address
from app.links.selection import LONGEST_PACKED, Choice, Focus, Pin, pack_choice, read_choice, read_pins, write_pins
from app.links.told import a, whole

LONGEST_SENTENCE = 500
TEXTS = ("layers", "variant")
"""The text controls that charts need; choice and pins travel in full, not shortened as in the URL."""

NAMES = (*address.VIEWS, *address.NUMBERS, *TEXTS)
MOST_HANDS = 8


@dataclass(frozen=True, slots=True)
class View:
    """Everything besides the moment that decides what a page shows."""

    controls: Mapping[str, str]
    """Value of every view control, under its name in `address`."""

    focus: Focus = field(default_factory=Focus)
    at: int | None = None
    """The step that the reader went back to; None: live."""

    run: int = 0
    """The run that this step is of."""

    line_is_read: bool = False
    """Whether the reader has closed the line of the first path."""

    hands: Mapping[str, int] = field(default_factory=dict)
    """Time of the reader's last selection on each chart that the page has taken in, by key."""


def write_view(view: View) -> dict[str, Any]:
    """The view as JSON."""
    return {
        "page": "live",
        "controls": {name: view.controls[name] for name in NAMES},
        "level": view.focus.choice.level,
        "choice": pack_choice(view.focus.choice),
        "pins": write_pins(view.focus.pins),
        "sentence": view.focus.sentence,
        "at": view.at,
        "run": view.run,
        "lineIsRead": view.line_is_read,
        "hands": dict(view.hands),
    }


def read_view(told: Mapping[str, Any]) -> View:
    """The view that `write_view` wrote.

    Raises:
        ValueError: for anything else, saying what is wrong.
    """
    sentence = a(str, told, "sentence")
    if len(sentence) > LONGEST_SENTENCE:
        raise ValueError(f"`sentence` must have at most {LONGEST_SENTENCE} characters")
    choice = read_choice(a(str, told, "choice"), whole(told, "level"), longest=LONGEST_PACKED)
    hands = a(dict, told, "hands")
    if len(hands) > MOST_HANDS:
        raise ValueError(f"`hands` must be at most {MOST_HANDS}")
    return View(
        _read_controls(a(dict, told, "controls")),
        Focus(choice, read_pins(a(str, told, "pins")), sentence),
        at=None if told.get("at") is None else whole(told, "at"),
        run=whole(told, "run"),
        line_is_read=a(bool, told, "lineIsRead"),
        hands={str(key): whole(hands, key) for key in hands},
    )


def focus_of(choice: Choice, pins: tuple[Pin, ...], sentence: str) -> Focus:
    """What every panel highlights, with its sentence cut to fit into a message."""
    return Focus(choice, pins, sentence[:LONGEST_SENTENCE])


def _read_controls(told: Mapping[str, Any]) -> dict[str, str]:
    controls = {name: a(str, told, name) for name in NAMES}
    for name, allowed in address.VIEWS.items():
        if controls[name] not in allowed:
            raise ValueError(f"`{name}` must be one of {', '.join(allowed)}")
    for name, numbers in address.NUMBERS.items():
        if not numbers.accepts(controls[name]):
            raise ValueError(f"`{name}` must be a number from {numbers.lowest:g} to {numbers.highest:g}")
    for name in TEXTS:
        address.TEXTS[name](controls[name])
    return controls
