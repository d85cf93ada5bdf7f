"""What a watcher looks at: written by a page's script, carried by the browser, and read by the WebSocket."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.links.live import VIEW_TABLE
from app.links.selection import Choice, Focus, Pin
from app.links.selection_text import LONGEST_PACKED, pack_choice, read_choice, read_pins, write_pins
from app.links.told import a, control, whole

LONGEST_SENTENCE = 500
CARRIED = tuple(field for field in VIEW_TABLE if field.name not in ("select", "pins"))
"""The view controls that charts need; choice and pins travel whole, not as the URL has them."""

MOST_HANDS = 8


@dataclass(frozen=True, slots=True)
class View:
    """Everything besides the moment that decides what a page shows."""

    controls: Mapping[str, str]
    """What every view control says, as the link names them."""

    focus: Focus = field(default_factory=Focus)
    at: int | None = None
    """The step that the reader went back to; None: live."""

    run: int = 0
    """The run that this step is of."""

    hands: Mapping[str, int] = field(default_factory=dict)
    """Time of the reader's last selection on each chart that the page has taken in, by key."""


def write_view(view: View) -> dict[str, Any]:
    """The view as JSON."""
    return {
        "page": "live",
        "controls": {field.name: view.controls[field.name] for field in CARRIED},
        "level": view.focus.choice.level,
        "choice": pack_choice(view.focus.choice),
        "pins": write_pins(view.focus.pins),
        "sentence": view.focus.sentence,
        "at": view.at,
        "run": view.run,
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
    controls, hands = a(dict, told, "controls"), a(dict, told, "hands")
    if len(hands) > MOST_HANDS:
        raise ValueError(f"`hands` must be at most {MOST_HANDS}")
    return View(
        {field.name: control(controls, field) for field in CARRIED},
        Focus(choice, read_pins(a(str, told, "pins")), sentence),
        at=None if told.get("at") is None else whole(told, "at"),
        run=whole(told, "run"),
        hands={str(key): whole(hands, key) for key in hands},
    )


def focus_of(choice: Choice, pins: tuple[Pin, ...], sentence: str) -> Focus:
    """What every panel highlights, with its sentence cut to fit into a message."""
    return Focus(choice, pins, sentence[:LONGEST_SENTENCE])
