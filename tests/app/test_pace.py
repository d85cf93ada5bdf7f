"""Which panels of the Live page follow a running training at which refresh."""

import json
import re
from itertools import pairwise

import pytest
from live_page_runs import entry_of, open_page, reach, step_of
from page_runs import press, run
from streamlit.testing.v1 import AppTest

from vqcore.training.commands import StepCommand
from vqcore.training.session import State

pytestmark = pytest.mark.usefixtures("sessions")

IN_TURN = ("bars", "curves")


def steps_shown(page: AppTest) -> dict[str, int]:
    """The step that each chart shows, as its name for saving says."""
    steps = {}
    for element in page.get("bidi_component"):
        if element.key in ("map-plot", "bars-plot", "curves-plot"):
            _, rest = json.loads(element.proto.bytes)
            steps[element.key.removesuffix("-plot")] = int(re.search(r"step-(\d+)$", rest["fileName"])[1])
    return steps


def refreshed(page: AppTest) -> dict[str, int]:
    """What is shown after a refresh, which comes once training is further than the page."""
    before = steps_shown(page)["map"]
    reach(page, lambda session: step_of(session) > before)
    return steps_shown(page)


@pytest.fixture
def page(sessions) -> AppTest:
    return reach(open_page(problem="plane"), lambda session: step_of(session) >= 1)


def test_the_map_follows_at_every_refresh_and_the_others_in_turn(page: AppTest) -> None:
    moments = [steps_shown(page)] + [refreshed(page) for _ in range(6)]
    for before, now in pairwise(moments):
        assert now["map"] > before["map"]
        followed = [name for name in IN_TURN if now[name] == now["map"]]
        stayed = [name for name in IN_TURN if now[name] == before[name]]
        assert len(followed) == len(stayed) == 1
    turns = [moment["bars"] == moment["map"] for moment in moments[1:]]
    assert turns in ([True, False] * 3, [False, True] * 3)


def test_all_show_one_step_once_training_stands_still(page: AppTest) -> None:
    refreshed(page)
    press(page, "play")
    run(page)
    assert entry_of(page).session.status().state is State.PAUSED
    assert len(set(steps_shown(page).values())) == 1
    press(page, "step")
    run(page)
    assert len(set(steps_shown(page).values())) == 1


@pytest.mark.parametrize("refreshes", [1, 2])
def test_what_a_hand_does_shows_in_all_at_once(page: AppTest, refreshes: int) -> None:
    for _ in range(refreshes):
        refreshed(page)
    page.button_group(key="view-order").set_value("by code")
    run(page)
    assert len(set(steps_shown(page).values())) == 1


def test_a_page_at_rest_wakes_when_its_session_publishes_or_ends(page: AppTest, sessions) -> None:
    press(page, "play")
    run(page)
    session, rest = entry_of(page).session, page.session_state["rest"]
    assert session.status().state is State.PAUSED
    assert not rest.has_news()
    steps = session.trained_steps()
    session.send(StepCommand())
    assert session.wait(lambda session: session.trained_steps() > steps and session.commands_pending() == 0)
    assert rest.has_news()
    run(page)
    rest = page.session_state["rest"]
    assert not rest.has_news()
    sessions.end(entry_of(page).id)
    assert rest.has_news()
