"""Redraws a part of a page while what it shows is being computed: the browser asks once it has drawn.

For jobs of seconds or minutes. Running trainings use the live WebSocket (`app.stream`) instead.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import streamlit as st

from app.live_plot.browser_code import as_it_stands
from app.page_state import state_of

_mount = st.components.v2.component("vq_again", js=as_it_stands("again.js"), isolate_styles=False)


def polled(draw: Callable[..., Any], seconds: float | None, key: str) -> Callable[..., Any]:
    """`draw` as a fragment that is run again `seconds` after it was drawn; None: only when it is used."""

    @wraps(draw)
    def drawn(*arguments: Any) -> None:
        draw(*arguments)
        if seconds is not None:
            _again(seconds, key)

    return st.fragment(drawn)


@dataclass(slots=True)
class Runs:
    """How often each part was drawn, by its key. Changed in place."""

    by_key: Counter[str] = field(default_factory=Counter)


def _again(seconds: float, key: str) -> None:
    runs = state_of(Runs).by_key
    runs[key] += 1
    _mount(key=key, data={"seconds": seconds, "run": runs[key]}, on_again_change=lambda: None)
