"""Going back in time on the Live page: which moment is shown, and the bar that chooses it."""

import streamlit as st

from app import wording
from app.live.state import go_live, go_to, step_chosen
from app.live_plot.time_bar import time_bar_place
from app.panels.scene import past_moment
from app.sessions.entry import Entry
from vqcore.snapshot import Snapshot
from vqcore.training.status import Status


def moment_shown(entry: Entry, newest: Snapshot, status: Status) -> Snapshot:
    """The moment that the reader went back to, else `newest`. If its run is gone, the page goes live."""
    step = step_chosen()
    if step is None:
        return newest
    of = (entry.id, status.run)
    if st.session_state.setdefault("past_run", of) != of or step > newest.step:
        go_live()
        return newest
    past = past_moment(entry, newest, status.run, step)
    go_to(past.step)  # the step asked for may not be among those kept
    return past


def past_bar() -> None:
    """The place of the time bar over the kept moments of this run."""
    time_bar_place(
        "time-bar",
        help=wording.TIMELINE_HELP,
        go=lambda step: go_live() if step is None else go_to(step),
    )
