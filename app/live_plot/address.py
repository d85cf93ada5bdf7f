"""The URL of a page, which says what its controls say; the browser changes it without an entry in its history."""

from collections.abc import Mapping

import streamlit as st

from app.live_plot.browser_code import javascript

_mount = st.components.v2.component(
    "vq_address", js=javascript("address.js", "address_place.js"), isolate_styles=False
)


def show_address(query: Mapping[str, str], *, key: str) -> None:
    """Have the URL say `query`; for pages without a `conductor`, which does this too.

    Streamlit's own `st.query_params` would add an entry for each change, and *Back* would then take the URL back but
    not the controls.
    """
    _mount(key=key, data={"address": dict(query)})
