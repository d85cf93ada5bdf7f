"""The transport's buttons, as Streamlit runs the page's script without a browser."""

import pytest
from live_page_runs import entry_of, open_page, reach, step_of
from page_runs import SECONDS, click, page_data, run

from app.live_plot.transport import Training
from app.panels.transport_part import training_of
from vqcore.training.commands import ResumeCommand
from vqcore.training.recipe import default_recipe
from vqcore.training.session import Session
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


def test_a_status_from_before_a_command_settles_nothing() -> None:
    session = Session(default_recipe("plane", num_codes=16, batch_size=32), paused=True)
    session.start()
    try:
        assert session.wait(lambda one: one.latest() is not None, SECONDS)
        before = session.status()
        assert training_of(session, before).settled
        sent = session.send(ResumeCommand())
        assert session.wait(lambda one: one.commands_pending() == 0, SECONDS)
        assert training_of(session, before) == Training(running=False, settled=False, sent=sent)
        assert training_of(session, session.status()) == Training(running=True, settled=True, sent=sent)
    finally:
        session.stop()
