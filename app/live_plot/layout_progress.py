"""Progress of a slow layout, with a button that cancels it: a slim bar laid over the map."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from app.live_plot.browser_code import PLACED, as_it_stands, javascript

_mount = st.components.v2.component(
    "vq_layout_progress",
    js=javascript("layout_progress.js", *PLACED),
    css=as_it_stands("layout_progress.css"),
    isolate_styles=False,
)


def progress_place(key: str, *, cancel: Callable[[], Any], start: Callable[[], Any]) -> None:
    """The place of the bar, whose data come by the live WebSocket.

    `cancel` is called if the reader cancels a layout, `start` if they do not want to wait for a stopped UMAP.
    """
    _mount(key=key, data={"road": key}, on_cancel_change=cancel, on_start_change=start)
