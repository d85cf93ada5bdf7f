"""The transport's buttons, as Streamlit runs the page's script without a browser."""

import pytest
from live_page_runs import entry_of, open_page, reach, step_of
from page_runs import click, page_data, run

from vqcore.training.status import State

pytestmark = pytest.mark.usefixtures("sessions")


def at_rest(**query: str):
    return reach(open_page(problem="plane", paused="1", **query), lambda session: step_of(session) == 0)


def test_clicks_that_one_run_of_the_script_takes_are_each_obeyed_once():
    page = at_rest()
    click(page, "step", "step", "step", "play", "play", "step")
    session = entry_of(page).session
    reach(page, lambda one: one.commands_pending() == 0)
    assert session.status().state is State.PAUSED
    stood, obeyed = step_of(session), session.status().commands_done
    assert (stood >= 4, obeyed) == (True, 6)
    run(page)  # the browser's state still has them
    assert (step_of(session), session.status().commands_done) == (stood, obeyed)
    assert page_data(page, "transport")["taken"] == 6


@pytest.mark.parametrize(
    "sent",
    [[[1, "stop"]], [["1", "step"]], [[1]], [7], [[-1, "step"]], [[True, "step"]], "step", {"1": "step"}, None],
)
def test_what_is_no_click_is_left_out(sent):
    page = at_rest()
    page.session_state["transport"] = {"clicks": sent}
    run(page)
    assert step_of(entry_of(page).session) == 0
