"""The first path on the Live page: its session, its line, and the switches that the line offers."""

import streamlit as st

from app.live.state import FIRST_VIEW, live_state
from app.live_plot.words import words_place
from app.panels.first_path_line import OFFERS, PAUSES_AT, Line
from app.sessions.entry import Entry
from app.sessions.registry import registry
from vqcore.training.commands import ResumeCommand, SpeedCommand, change
from vqcore.training.recipe import Recipe

WATCHABLE, AFTERWARDS = 3.0, 10.0
"""Steps per second before and after a switch is thrown."""

CLOSE_HELP = "Close this line; the time bar takes its place"


def begin_first_path(recipe: Recipe) -> Entry:
    """Start a session that visibly collapses and then waits for its reader; usage is shown through time."""
    state = live_state()
    state.first_view = {**(state.first_view or FIRST_VIEW), "bars": "time"}
    return registry().begin(recipe, pauses_at=PAUSES_AT, steps_per_second=WATCHABLE)


def first_path(entry: Entry, line: Line) -> None:
    """The place of the line, the switches that it offers now, and a button that closes it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="first-path"):
        words_place("first-path-line")
        for name in line.offers:
            st.button(name, key=f"first-path-{name}", on_click=_throw, args=(entry, name))
        st.button(
            "", icon=":material/close:", type="tertiary", key="first-path-close", help=CLOSE_HELP, on_click=_close
        )


def _throw(entry: Entry, name: str) -> None:
    entry.send(SpeedCommand(AFTERWARDS))
    entry.send(change(**OFFERS[name]))
    entry.send(ResumeCommand())  # last: while one is on its way, the page leaves the controls as they are


def _close() -> None:
    live_state().line_is_read = True
