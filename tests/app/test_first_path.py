"""From a collapse to a recovery on the first path: what the band says is what the run did."""

import re

import numpy as np
import pytest
from live_page_runs import control, entry_of, open_page, reach, step_of
from page_runs import press, run
from road_reading import parts
from streamlit.testing.v1 import AppTest

from app.live import first_path
from app.panels.story_reading import JUDGED_AFTER, OFFERS, PAUSES_AT
from app.sessions.registry import registry
from vqcore.training.commands import PauseCommand
from vqcore.training.recipe import default_recipe
from vqcore.training.status import State

pytestmark = pytest.mark.usefixtures("sessions")


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_path, "WATCHABLE", None)
    monkeypatch.setattr(first_path, "AFTERWARDS", 30.0)


def said(page: AppTest) -> list[str]:
    """The clauses of the sentence."""
    (sentence,) = re.findall(r"<p class=.vq-story-said.*?</p>", parts(page)["story"]["html"], re.DOTALL)
    return re.sub("<[^>]*>", "", sentence).split(" · ")


def offered(page: AppTest) -> list[str]:
    return [button.label for button in page.button if button.label in OFFERS]


def in_use(snapshot) -> int:
    return len(np.unique(snapshot.codes))


@pytest.mark.usefixtures("fast")
def test_from_the_first_card_to_a_collapse_and_a_recovery():
    page = open_page()
    next(button for button in page.button if button.label == "Collapse, live").click()
    run(page)
    session = entry_of(page).session
    reach(page, lambda session: session.status().state is State.PAUSED and step_of(session) == PAUSES_AT)
    first, stood = session.at(0), session.latest()
    assert stood.step == PAUSES_AT
    assert in_use(stood) < in_use(first) / 4
    assert said(page)[:2] == ["Step 20", f"in use {in_use(first)} → {in_use(stood)} of 512"]
    assert said(page)[-1] == "collapsed"
    assert offered(page) == list(OFFERS)
    press(page, "first-path-Replace every 10")
    run(page)
    assert session.latest().events[0].changes == (("replace_every", 10),)
    assert page.number_input(key=control(page, "replace_every")).value == 10
    assert session.status().speed_limit == 30.0
    reach(page, lambda session: step_of(session) >= PAUSES_AT + JUDGED_AFTER and in_use(session.latest()) > 256)
    ticket = session.send(PauseCommand())
    reach(page, lambda session: session.status().commands_done >= ticket)
    now = session.latest()
    assert said(page)[:3] == [
        f"Step {now.step}",
        f"{now.step - PAUSES_AT} steps after replacement every 10",
        f"in use {in_use(stood)} → {in_use(now)} of 512",
    ]
    assert "twin without it: in use " in parts(page)["story"]["html"]
    assert offered(run(page)) == []
    assert "time-bar" in {element.key for element in page.get("bidi_component")}


def test_a_switch_of_the_sidebar_counts_as_well_and_a_restart_ends_the_line():
    entry = registry().begin(default_recipe("plane"), pauses_at=3)
    page = open_page(session=entry.id)
    reach(page, lambda session: session.status().state is State.PAUSED and step_of(session) == 3)
    before = in_use(entry_of(page).session.latest())
    page.button_group(key=control(page, "affine")).set_value("running")
    run(page)
    reach(page, lambda session: bool(session.latest().events))
    now = entry_of(page).session.latest()
    assert said(page)[1:3] == ["0 steps after affine running", f"in use {before} → {in_use(now)} of 32"]
    assert offered(page) == []
    press(page, "restart")
    reach(page, lambda session: session.status().run == 1 and session.latest().step == 0)
    assert said(page)[0] == "Step 0"
    assert offered(page) == []


def test_a_reader_may_close_the_offer_and_the_story_stays():
    entry = registry().begin(default_recipe("plane"), pauses_at=PAUSES_AT)
    page = open_page(session=entry.id)
    reach(page, lambda session: session.status().state is State.PAUSED and step_of(session) == PAUSES_AT)
    assert offered(page) == list(OFFERS)
    press(page, "first-path-close")
    assert offered(page) == []
    assert said(page)[0] == f"Step {PAUSES_AT}"


def test_other_sessions_are_offered_nothing():
    page = reach(open_page(problem="plane"), lambda session: step_of(session) >= PAUSES_AT)
    assert offered(page) == []
