"""How far a layout is that takes long, and the way out of it: a slim bar over the map, which moves nothing."""

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
    """The place of the bar, which comes by the road of live data.

    `cancel` is called if the reader gives a layout up, `start` if they do not want to wait for a stopped UMAP.
    """
    _mount(key=key, data={"road": key}, on_cancel_change=cancel, on_start_change=start)
