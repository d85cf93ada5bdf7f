"""Words that change while their place stays: the line below a chart, a verdict, a small table."""

import streamlit as st

from app.live_plot.browser_code import PLACED, as_it_stands, javascript

_mount = st.components.v2.component(
    "vq_words", js=javascript("words.js", *PLACED), css=as_it_stands("words.css"), isolate_styles=False
)


def words_place(key: str, *, look: str = "", height: int | None = None) -> None:
    """The place of text that comes by the live WebSocket, as HTML made by this server.

    Args:
        key: names the element and its data.
        look: a class of words.css: ``said`` for the line below a chart, ``why`` for paragraphs.
        height: in pixels; longer text scrolls. None: as high as the text.
    """
    _mount(key=key, data={"road": key, "look": look, "height": height})
