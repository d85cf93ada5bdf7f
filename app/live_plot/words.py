"""Words that change while their place stays: the line below a chart, a verdict, a small table."""

import streamlit as st

from app.live_plot.browser_code import PLACED, as_it_stands, javascript

_mount = st.components.v2.component(
    "vq_words", js=javascript("words.js", *PLACED), css=as_it_stands("words.css"), isolate_styles=False
)


def words_place(key: str, *, look: str = "", height: int | None = None) -> None:
    """The place of words that come by the road of live data, as HTML of this server's own making.

    Args:
        key: names the element and what comes for it.
        look: a class of words.css: ``said`` for the line below a chart, ``why`` for paragraphs.
        height: in pixels; what is higher is scrolled. None: as high as the words.
    """
    _mount(key=key, data={"road": key, "look": look, "height": height})
