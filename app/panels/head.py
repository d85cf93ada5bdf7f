"""The head of a panel: a bar of controls."""

from typing import Any

import streamlit as st


def bar(name: str) -> Any:
    """The head of a panel: its controls wrap below its title if the window is narrow."""
    return st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key=f"bar-{name}")
