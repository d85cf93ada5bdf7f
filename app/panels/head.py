"""The heads of a page and of its panels."""

from typing import Any

import streamlit as st


def bar(name: str) -> Any:
    """The head of a panel: its controls wrap below its title if the window is narrow."""
    return st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key=f"bar-{name}")


def brand(page: str = "", start: str = "./") -> str:
    """The product's name as HTML, a link to the start cards; with `page`, the page's one heading of the first level.

    Args:
        page: said beside the name, for screen readers.
        start: where the start cards are, seen from this page: behind a proxy nobody knows the whole path.

    >>> brand()
    "<div class='vq-title'><b><a href='./' target='_self'>VQ Scope</a></b></div>"
    """
    name = f"<a href='{start}' target='_self'>VQ Scope</a>"
    if not page:
        return f"<div class='vq-title'><b>{name}</b></div>"
    return f"<div class='vq-title'><h1 id='content'>{name}<span class='vq-spoken'> · {page}</span></h1></div>"
