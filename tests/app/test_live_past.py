"""Going back in time on the Live page, as Streamlit runs it without a browser."""

import pytest
from live_page_runs import entry_of, open_page, reach, sentences, step_of
from page_runs import press, run, state_in
from road_reading import parts, words
from streamlit.testing.v1 import AppTest

from app.live.state import LiveState
from vqcore.training.status import State

pytestmark = pytest.mark.usefixtures("sessions")


def after_steps(count: int, **query: str) -> AppTest:
    """A page on a paused session that was stepped by hand."""
    page = reach(open_page(problem="plane", paused="1", **query), lambda session: step_of(session) == 0)
    for _ in range(count):
        press(page, "step")
    return reach(page, lambda session: step_of(session) == count)


def go(page: AppTest, step: int | None) -> AppTest:
    """What the bar does when the reader moves it, which a test without a browser cannot."""
    state_in(page, LiveState).at = step
    return run(page)


def story(page: AppTest) -> str:
    return parts(page)["story"]["html"]


def test_the_page_shows_the_past_and_the_header_the_present():
    page = go(after_steps(6), 2)
    assert "<b>Showing step 2, training is at 6</b>" in story(page)
    assert page.query_params["at"] == "2"
    then = entry_of(page).session.at(2)
    (loss,) = [tile for tile in parts(page)["tiles"]["tiles"] if tile["label"] == "task loss"]
    assert float(loss["value"]) == pytest.approx(then.held_out.task_loss, rel=1e-2)
    assert parts(page)["time-bar"]["shown"] == 2
    assert parts(page)["time-bar"]["steps"] == list(range(7))
    go(page, None)
    assert "at" not in page.query_params
    assert "<b>Step 6</b>" in story(page)


def test_looking_back_holds_training_up_no_more_than_looking():
    page = go(after_steps(3), 1)
    press(page, "play")
    reach(page, lambda session: step_of(session) > 30)
    assert entry_of(page).session.status().state is State.RUNNING
    assert "<b>Showing step 1, training is at " in story(page)


def test_a_step_between_moments_shows_the_one_before_it_and_says_which():
    page = after_steps(2)
    press(page, "play")
    reach(page, lambda session: step_of(session) > 150)
    press(page, "play")
    kept = [moment.step for moment in entry_of(page).session.moments()]
    gap = next(step for step in range(3, 150) if step not in kept)
    go(page, gap)
    assert f"<b>Showing step {max(step for step in kept if step < gap):,}, training is at " in story(page)


def test_restart_and_undo_go_live():
    page = go(after_steps(3), 1)
    press(page, "restart")
    reach(page, lambda session: step_of(session) == 0)
    assert "at" not in page.query_params
    assert parts(page)["time-bar"]["steps"] == [0]
    press(page, "undo")
    reach(page, lambda session: step_of(session) == 3)
    assert parts(page)["time-bar"]["steps"] == [0, 1, 2, 3]


def test_a_restart_by_another_browser_goes_live():
    mine = go(after_steps(4), 3)
    other = open_page(problem="plane", session=entry_of(mine).id)
    press(other, "restart")
    for _ in range(4):
        press(other, "step")
    reach(mine, lambda session: step_of(session) == 4)
    assert "at" not in mine.query_params


def test_a_link_goes_back_and_one_beyond_the_run_is_said_and_live():
    session = entry_of(after_steps(5)).id
    page = open_page(problem="plane", session=session, paused="1", at="2")
    assert "<b>Showing step 2, training is at " in story(page)
    assert sentences(page) == []
    page = open_page(problem="plane", session=session, paused="1", at="6000")
    (said,) = sentences(page)
    assert "step 6,000, but this run has only reached step 5" in said
    assert "at" not in page.query_params
    page = open_page(problem="plane", session=session, paused="1", at="soon")
    (said,) = sentences(page)
    assert "`at` in the link must be a step from 0 up" in said


def test_the_past_can_be_seen_at_every_level_and_in_every_view():
    page = after_steps(5, structure="residual", levels="2", bars="time")
    go(page, 3)
    page.button_group(key="view-level").set_value("2")
    run(page)
    assert "<b>Showing step 3, training is at " in story(page)
    for rows in ("by usage now", "by birth"):
        page.button_group(key="view-rows").set_value(rows)
        run(page)
    assert "over their even share" in words(page)
    for bars in ("usage", "gradient", "levels"):
        page.button_group(key="view-bars").set_value(bars)
        run(page)
