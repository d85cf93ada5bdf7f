"""The picture as a Streamlit element, which reports what was dragged and nothing else."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from app.page_state import said_by
from app.trajectory_plot.browser_code import javascript, stylesheet

_mount = st.components.v2.component(
    "vq_trajectories", js=javascript("streamlit_mount.js"), css=stylesheet(), isolate_styles=False
)

Places = Mapping[str, Sequence[Sequence[float]]]


def trajectory_plot(
    picture: Mapping[str, Any], *, key: str, revision: str, on_moved: Callable[[], None] | None = None
) -> None:
    """Draw `picture`, played in the browser without the server.

    Args:
        picture: from `app.trajectory_plot.picture.picture`.
        key: names the element; the same key keeps the same one.
        revision: an unchanged one tells the browser that there is nothing new.
        on_moved: called after starts or codes were dragged; `moved_places` then returns them. None: nothing
            can be dragged.
    """
    data = {"picture": picture, "revision": revision, "fixed": on_moved is None}
    _mount(key=key, data=data, on_moved_change=on_moved or (lambda: None))


def moved_places(key: str) -> Places:
    """All starts or all codes (by that name) after the drag just reported, as pairs in the plane's units."""
    return said_by(key).moved or {}
