"""The heads of a page and of its panels."""

from typing import Any

import streamlit as st


def bar(name: str) -> Any:
    """The head of a panel: its controls wrap below its title if the window is narrow."""
    return st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key=f"bar-{name}")


def brand(page: str = "") -> str:
    """The product's name as HTML; with `page`, the page's one heading of the first level, which also says that.

    >>> brand()
    "<div class='vq-title'><b>VQ Scope</b></div>"
    """
    if not page:
        return "<div class='vq-title'><b>VQ Scope</b></div>"
    return f"<div class='vq-title'><h1 id='content'>VQ Scope<span class='vq-spoken'> · {page}</span></h1></div>"
