"""Going back in time on the Live page: which moment is shown, and the bar that chooses it."""

from app import wording
from app.live.state import live_state
from app.live_plot.time_bar import time_bar_place
from app.panels.scene import past_moment
from app.sessions.entry import Entry
from vqcore.snapshot import Snapshot
from vqcore.training.status import Status


def moment_shown(entry: Entry, newest: Snapshot, status: Status) -> Snapshot:
    """The moment that the reader went back to, else `newest`. If its run is gone, the page goes live."""
    state, of = live_state(), (entry.id, status.run)
    if state.at is None:
        return newest
    state.past_run = state.past_run or of
    if state.past_run != of or state.at > newest.step:
        state.go_live()
        return newest
    past = past_moment(entry, newest, status.run, state.at)
    state.go_to(past.step)  # the step asked for may not be among those kept
    return past


def past_bar() -> None:
    """The place of the time bar over the kept moments of this run."""
    state = live_state()
    time_bar_place(
        "time-bar",
        help=wording.TIMELINE_HELP,
        go=lambda step: state.go_live() if step is None else state.go_to(step),
    )
