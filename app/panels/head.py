"""The head of a panel: a bar of controls whose choices are kept in the URL."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.panels.lecture_places import NOWHERE, place


def view_key(name: str) -> str:
    """The key of the control that sets this part of the view."""
    return f"view-{name}"


def bar(name: str) -> Any:
    """The head of a panel: its controls wrap below its title if the window is narrow."""
    return st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key=f"bar-{name}")


def choose(head: Any, name: str, choices: Sequence[str]) -> Any:
    """A segmented control whose choice is kept in the URL."""
    first = st.session_state["first_view"][name]
    default = first if first in choices else choices[0]
    head = place("view", head)
    if head is NOWHERE:
        return st.session_state.get(view_key(name)) or default
    return head.segmented_control(
        name,
        choices,
        default=default,
        key=view_key(name),
        required=True,
        label_visibility="collapsed",
        persist_state="page",
    )
