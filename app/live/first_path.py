"""The first path on the Live page: a session that collapses as it is watched, and the switches offered then."""

from collections.abc import Sequence

import streamlit as st

from app.live.state import FIRST_VIEW, live_state
from app.live.twin import throwing
from app.panels.story_reading import OFFERS, PAUSES_AT
from app.sessions.entry import Entry
from app.sessions.registry import registry
from vqcore.training.commands import ResumeCommand, SpeedCommand, change
from vqcore.training.recipe import Recipe

WATCHABLE, AFTERWARDS = 3.0, 10.0
"""Steps per second before and after a switch is thrown."""

CLOSE_HELP = "Offer no switches here; they are all in the sidebar"


def begin_first_path(recipe: Recipe) -> Entry:
    """Start a session that visibly collapses and then waits for its reader; usage is shown through time."""
    state = live_state()
    state.first_view = {**(state.first_view or FIRST_VIEW), "bars": "time"}
    return registry().begin(recipe, pauses_at=PAUSES_AT, steps_per_second=WATCHABLE)


def offer(entry: Entry, names: Sequence[str]) -> None:
    """A button for each of these switches, and one that closes the offer."""
    if not names:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", width="content", key="first-path"):
        for name in names:
            st.button(name, key=f"first-path-{name}", on_click=_throw, args=(entry, name), type="primary")
        st.button(
            "Close",
            icon=":material/close:",
            type="tertiary",
            key="first-path-close",
            help=CLOSE_HELP,
            on_click=_close,
        )


def _throw(entry: Entry, name: str) -> None:
    entry.send(SpeedCommand(AFTERWARDS), *throwing(entry, change(**OFFERS[name])), ResumeCommand())


def _close() -> None:
    live_state().line_is_read = True
