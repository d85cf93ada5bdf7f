"""The invisible element that holds a page's live WebSocket and hands what arrives to the other elements, by key."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.live_plot.browser_code import javascript

_mount = st.components.v2.component(
    "vq_conductor",
    js=javascript("app_root.js", "stage.js", "wire.js", "address.js", "conductor.js"),
    isolate_styles=False,
)
_mount_caller = st.components.v2.component(
    "vq_script_caller", js=javascript("stage.js", "script_caller.js"), isolate_styles=False
)


def conductor(
    session: str,
    *,
    address: Mapping[str, str],
    view: Mapping[str, Any],
    wanted: Sequence[str],
    controls: str,
    rate: float,
    key: str,
) -> None:
    """Make the page follow `session`; drawn once, anywhere on the page, along with a `script_caller`.

    Args:
        session: the session's id on the WebSocket.
        address: the query of the page's URL, see `address.show_address`.
        view: what the page shows, as JSON.
        wanted: the keys of the elements that the page has placed.
        controls: what the page's controls were drawn for; if a frame says otherwise, the page's script is run.
        rate: frames per second at most.
        key: names the element.
    """
    told = {
        "session": session,
        "address": dict(address),
        "view": view,
        "wanted": [*wanted],
        "controls": controls,
        "rate": rate,
    }
    _mount(key=key, data=told)


def script_caller(key: str) -> None:
    """Reruns the page's script for the conductor; drawn outside every fragment, so that all of it runs."""
    _mount_caller(key=key, on_called_change=lambda: None)
