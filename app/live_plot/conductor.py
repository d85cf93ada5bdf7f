"""The invisible element of a page that has the road of its live data and hands what comes to the others, by key."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.live_plot.browser_code import javascript

CHANGED = "changed"

_mount = st.components.v2.component(
    "vq_conductor",
    js=javascript("app_root.js", "stage.js", "wire.js", "conductor.js"),
    isolate_styles=False,
)


def conductor(
    session: str, *, view: Mapping[str, Any], wanted: Sequence[str], controls: str, rate: float, key: str
) -> None:
    """Have the page follow `session`; to be drawn once a page, wherever.

    Args:
        session: the id by which the road knows the session.
        view: what the page looks at, as JSON.
        wanted: the keys of the elements that the page has placed.
        controls: what the page's controls were drawn for; where a frame says something else, the page's script is
            run: `has_changed` then says so.
        rate: frames a second at most.
        key: names the element.
    """
    told = {"session": session, "view": view, "wanted": [*wanted], "controls": controls, "rate": rate}
    _mount(key=key, data=told, on_changed_change=lambda: None)


def has_changed(key: str) -> bool:
    """Whether this run of the script is one that the conductor of this key has asked for."""
    return bool(st.session_state.get(key, {}).get(CHANGED))
