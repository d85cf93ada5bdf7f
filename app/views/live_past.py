"""Going back in time on the Live page: which moment is on show, and the bar that chooses it."""

import streamlit as st

from app import wording
from app.control_state import go_live, go_to, step_chosen
from app.live_plot.time_bar import time_bar
from app.services import Entry
from vqcore.snapshot import Snapshot
from vqcore.training.session import Status


def moment_shown(entry: Entry, newest: Snapshot, status: Status) -> Snapshot:
    """The moment that the reader went back to, else `newest`. Where its run is no more, the page goes live.

    It is held here for as long as it is on show: the session's own timeline thins out meanwhile.
    """
    step = step_chosen()
    if step is None:
        return newest
    of = (entry.id, status.run)
    if st.session_state.setdefault("past_run", of) != of or step > newest.step:
        go_live()
        return newest
    held: tuple[object, Snapshot] | None = st.session_state.get("past")
    if held is None or held[0] != (*of, step, newest.level, newest.variant):
        past = entry.session.at(step, level=newest.level) or newest
        go_to(past.step)  # the step asked for may not be among those kept
        st.session_state["past"] = held = (*of, past.step, newest.level, newest.variant), past
    return held[1]


def past_bar(entry: Entry, newest: Snapshot, shown: Snapshot) -> None:
    """Play, slider and *live*, over the moments of this run that are kept."""
    time_bar(
        [(moment.step, moment.seconds) for moment in entry.session.moments()],
        newest=newest.step,
        shown=None if step_chosen() is None else shown.step,
        marks=[event.step for event in newest.events],
        help=wording.TIMELINE_HELP,
        go=lambda step: go_live() if step is None else go_to(step),
        key="time-bar",
    )
