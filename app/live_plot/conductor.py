"""The invisible element of a page that has the road of its live data and hands what comes to the others, by key."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.live_plot.browser_code import javascript

_mount = st.components.v2.component(
    "vq_conductor",
    js=javascript("app_root.js", "stage.js", "wire.js", "conductor.js"),
    isolate_styles=False,
)
_mount_caller = st.components.v2.component(
    "vq_script_caller", js=javascript("stage.js", "script_caller.js"), isolate_styles=False
)


def conductor(
    session: str, *, view: Mapping[str, Any], wanted: Sequence[str], controls: str, rate: float, key: str
) -> None:
    """Have the page follow `session`; to be drawn once a page, wherever. The page has a `script_caller`, too.

    Args:
        session: the id by which the road knows the session.
        view: what the page looks at, as JSON.
        wanted: the keys of the elements that the page has placed.
        controls: what the page's controls were drawn for; where a frame says otherwise, the page's script is run.
        rate: frames a second at most.
        key: names the element.
    """
    told = {"session": session, "view": view, "wanted": [*wanted], "controls": controls, "rate": rate}
    _mount(key=key, data=told)


def script_caller(key: str) -> None:
    """What the conductor has the page's script run with; drawn outside of every fragment, so that all of it runs."""
    _mount_caller(key=key, on_called_change=lambda: None)
