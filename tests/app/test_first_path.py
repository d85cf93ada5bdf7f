"""The line that leads from a collapse to a recovery: what it says is what the run did."""

import re

import numpy as np
import pytest
from live_page_runs import control, entry_of, open_page, reach, step_of
from page_runs import press, run
from road_reading import parts
from streamlit.testing.v1 import AppTest

from app.live import first_path
from app.panels.first_path_line import (
    DONE_AFTER,
    JUDGED_AFTER,
    OFFERS,
    PAUSES_AT,
    Counts,
    Thrown,
    asks,
    sentence,
)
from app.sessions.registry import registry
from vqcore.training.commands import PauseCommand
from vqcore.training.recipe import default_recipe
from vqcore.training.status import State

pytestmark = pytest.mark.usefixtures("sessions")


def counts(**changes: int) -> Counts:
    return Counts(**{"num_codes": 512, "start": 334, "stood": 15, "now": 15, "step": PAUSES_AT} | changes)


def after(steps: int, now: int) -> tuple[Counts, Thrown]:
    return counts(now=now, step=PAUSES_AT + steps), Thrown(label="replace_every 10", step=PAUSES_AT, before=15)


@pytest.mark.parametrize(
    ("now", "verdict", "offers"),
    [
        (334, "Most are back.", False),
        (167, "Most are back.", False),
        (166, "Some are back.", True),
        (84, "Some are back.", True),
        (83, "They have not come back.", True),
        (1, "They have not come back.", True),
    ],
)
def test_a_verdict_is_measured_against_the_start(now, verdict, offers):
    told = after(JUDGED_AFTER, now)
    assert sentence(*told).endswith(f"<b>15</b> → <b>{now}</b> of 512. {verdict}")
    assert asks(*told) is offers


def test_nothing_is_judged_early():
    told = after(JUDGED_AFTER - 1, 334)
    assert sentence(*told).endswith("<b>334</b> of 512.")
    assert not asks(*told)
    assert sentence(*after(1, 20)).startswith("1 step after <i>replace_every 10</i>")


def test_before_the_pause_nothing_is_asked():
    for step in (0, 1, PAUSES_AT - 1):
        assert not asks(counts(step=step), None)
        assert "Throw" not in sentence(counts(step=step), None)
    assert "<b>334</b> of 512 codes are in use" in sentence(counts(step=0), None)


def test_a_run_that_did_not_collapse_is_not_said_to_have():
    assert sentence(counts(stood=300, now=300), None).endswith("of 512: no collapse. Throw a switch:")
    assert sentence(counts(now=44, step=25), None) == (
        "Codes in use went from <b>334</b> to <b>15</b> and are now <b>44</b> of 512. Throw a switch:"
    )


def test_a_label_brings_no_markup():
    assert "<script" not in sentence(counts(step=30), Thrown(label="<script>", step=20, before=15))


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_path, "WATCHABLE", None)
    monkeypatch.setattr(first_path, "AFTERWARDS", 30.0)


def said(page: AppTest) -> str | None:
    line = parts(page).get("first-path-line")
    return re.sub("<[^>]*>", "", line["html"].split(" <span>")[0]) if line else None


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
    assert said(page) == (
        f"In 20 steps of training, codes in use went from {in_use(first)} to {in_use(stood)} of 512. Throw a switch:"
    )
    assert offered(page) == list(OFFERS)
    press(page, "first-path-Replace every 10")
    run(page)
    assert session.latest().events[0].changes == (("replace_every", 10),)
    assert page.number_input(key=control(page, "replace_every")).value == 10
    assert session.status().speed_limit == 30.0
    reach(page, lambda session: step_of(session) >= PAUSES_AT + JUDGED_AFTER)
    ticket = session.send(PauseCommand())
    reach(page, lambda session: session.status().commands_done >= ticket)
    now = session.latest()
    assert said(page) == (
        f"{now.step - PAUSES_AT} steps after replace_every 10, codes in use: {in_use(stood)} → {in_use(now)} of 512. "
        "Most are back."
    )
    assert "time-bar" not in {element.key for element in page.get("bidi_component")}
    press(page, "first-path-close")
    assert said(page) is None
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
    assert said(page) == f"0 steps after affine running, codes in use: {before} → {in_use(now)} of 32."
    press(page, "restart")
    reach(page, lambda session: session.status().run == 1 and session.latest().step == 0)
    assert said(page) is None


def test_other_sessions_have_no_such_line():
    page = reach(open_page(problem="plane"), lambda session: step_of(session) >= 1)
    assert said(page) is None
    assert "time-bar" in {element.key for element in page.get("bidi_component")}


def test_the_line_goes_long_after_the_switch():
    assert DONE_AFTER > JUDGED_AFTER
