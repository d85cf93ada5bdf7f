"""The bar for going back in time: play, a slider over the kept moments, and back to live."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from app.live_plot.browser_code import PLACED, as_it_stands, javascript
from app.page_state import said_by

LIVE = "live"

_mount = st.components.v2.component(
    "vq_time_bar",
    js=javascript("palette.js", "time_bar.js", *PLACED),
    css=as_it_stands("time_bar.css"),
    isolate_styles=False,
)


def time_bar_place(key: str, *, help: str, go: Callable[[int | None], Any]) -> None:
    """The place of the bar, whose data, from `bar_data`, come by the live WebSocket.

    Args:
        key: names the element.
        help: tooltip of the slider.
        go: called with the step that the reader went to; None: live.
    """

    def went() -> None:
        asked = said_by(key)["go"]
        go(None if asked == LIVE else int(asked))

    _mount(key=key, data={"road": key, "help": help}, on_go_change=went)


def bar_data(
    moments: Sequence[tuple[int, float]], *, newest: int, shown: int | None, marks: Sequence[int]
) -> dict[str, Any]:
    """What the bar shows.

    Args:
        moments: step and seconds of training of each moment kept, oldest first; playing follows the seconds.
        newest: the step that training has reached.
        shown: the step shown; None: live.
        marks: steps at which switches were thrown.
    """
    return {
        "steps": [step for step, _ in moments],
        "seconds": [round(seconds, 3) for _, seconds in moments],
        "newest": newest,
        "shown": shown,
        "marks": [*marks],
    }
