"""The buttons that command a training; each click is obeyed once and in order, however fast they come.

A click on a button of Streamlit's own is lost where it meets the end or the start of a run of the page's script. The
state of these buttons is the numbered list of clicks that the script has not taken yet: Streamlit may send it late or
merge it with a newer one, which has the same clicks again, but does not drop it.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import streamlit as st

from app.live_plot.browser_code import as_it_stands, javascript
from app.page_state import said_by, state_of

Name = Literal["play", "step", "restart", "undo", "apply", "discard"]

MEANINGS = ("pause", "resume", "step", "restart", "undo", "apply", "discard")
"""What a click can mean. *Play* means one of the first two, which the browser decides when it is clicked."""

MOST_CLICKS = 2000
"""Clicks taken at once; a hand has no more."""

_mount = st.components.v2.component(
    "vq_transport",
    js=javascript("clicks.js", "stage.js", "transport.js"),
    css=as_it_stands("transport.css"),
    isolate_styles=False,
)


@dataclass(frozen=True, slots=True)
class Button:
    """One of the buttons."""

    name: Name
    help: str
    "Its tooltip, and its name for screen readers; of *play*: while nothing is trained."
    disabled: bool = False
    help_running: str = ""
    "The same of *play* while something is trained."
    label: str = ""
    "Words on it; without any it shows its icon alone."


@dataclass(frozen=True, slots=True)
class Training:
    """What the buttons command, as far as they show it."""

    running: bool = False
    settled: bool = True
    "Whether all that was clicked is done. Until then the browser knows better whether it runs."
    sent: int = 0
    "How many commands it has been sent; what knows of fewer is out of date."


@dataclass(slots=True)
class ClicksTaken:
    """The number of the last click taken, by the key of its buttons. Changed in place."""

    by_key: dict[str, int] = field(default_factory=dict)


def transport(buttons: Sequence[Button], training: Training, *, key: str) -> None:
    """Draw the buttons side by side; before, the page's script takes their clicks with `new_clicks`.

    Between two runs of the script, *play* follows what comes for `key` by the live WebSocket, from `training_data`.

    Args:
        buttons: from left to right.
        training: what they command.
        key: names the element.
    """
    told: dict[str, Any] = {"buttons": [asdict(button) for button in buttons], "road": key, "taken": taken_of(key)}
    _mount(key=key, data=told | training_data(training), on_clicks_change=lambda: None)


def training_data(training: Training) -> dict[str, Any]:
    """What the browser needs to show it."""
    return asdict(training)


def taken_of(key: str) -> int:
    """The number of the last click taken, which the browser is told."""
    return state_of(ClicksTaken).by_key.get(key, 0)


def new_clicks(key: str, meanings: Collection[str] = MEANINGS) -> list[str]:
    """What the clicks since the last call mean, oldest first; they count as taken from now on."""
    taken = state_of(ClicksTaken).by_key
    clicks = [click for click in _clicks(key, meanings) if click[0] > taken.get(key, 0)]
    if clicks:
        taken[key] = clicks[-1][0]
    return [meaning for _, meaning in clicks]


def _clicks(key: str, meanings: Collection[str]) -> list[tuple[int, str]]:
    """The clicks that the browser has sent, by ascending numbers; what is none is left out."""
    sent = (said_by(key) or {}).get("clicks")
    pairs = [click for click in sent[:MOST_CLICKS] if _is_click(click, meanings)] if isinstance(sent, list) else []
    return sorted((number, meaning) for number, meaning in pairs)


def _is_click(sent: object, meanings: Collection[str]) -> bool:
    return isinstance(sent, list) and len(sent) == 2 and type(sent[0]) is int and sent[1] in meanings
