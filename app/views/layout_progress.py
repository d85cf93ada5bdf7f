"""How far a layout is that takes long, and the way out of it: a slim bar over the map, which moves nothing."""

import time

import streamlit as st

from app.control_state import view_key
from app.views.scene import redraw_heads
from vqcore.projection.service import ProjectionService

PATIENCE_SECONDS = 1.0
"""A layout that is done sooner shows no bar: it would only flicker."""


def layout_progress(projection: ProjectionService, stream: str) -> None:
    """The bar of the layout in the making for `stream`, where it has been that for `PATIENCE_SECONDS`."""
    progress, now = projection.progress(stream), time.monotonic()
    place = st.container(key="map-progress")  # there when empty, that the chart keeps its place
    if progress is None:
        st.session_state.pop("layout_seen", None)
        return
    seen, since = st.session_state.get("layout_seen", (None, now))
    if seen != progress.id:
        since = now
    st.session_state["layout_seen"] = (progress.id, since)
    if now - since < PATIENCE_SECONDS:
        return
    with place.container(horizontal=True, vertical_alignment="center", gap="small"):
        said = f"UMAP, epoch {progress.done} of {progress.total}" if progress.done else "UMAP, finding neighbours"
        st.progress(progress.done / progress.total, text=said)
        st.button(
            "Cancel",
            key="cancel-layout",
            type="tertiary",
            help="Give this layout up and show PCA",
            on_click=_show_pca,
        )


def _show_pca() -> None:
    """The map gives up a layout that its plane no longer needs."""
    st.session_state[view_key("map")] = "PCA"
    redraw_heads()
