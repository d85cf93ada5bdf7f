"""The doctor's verdict in the band of the Live page, as Streamlit runs it without a browser."""

import pytest
from live_page_runs import entry_of, open_page, reach, step_of
from page_runs import press, run, state_in
from road_reading import parts

from app.live.state import LiveState
from app.panels.verdict_words import live_changes
from app.sessions.verdict_memory import FIRST_STEPS
from vqcore.diagnostics.advice import ADVICE
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("sessions")


def line(page) -> str:
    return parts(page)["story"]["html"]


def at_a_verdict(**query: str):
    """A page on a session that has trained enough, drawn for a second time when its verdict has been read."""
    page = reach(open_page(**query), lambda session: step_of(session) >= FIRST_STEPS)
    line(page)
    return run(page)


def test_before_there_is_enough_to_judge_the_line_says_so():
    page = run(reach(open_page(problem="plane", paused="1"), lambda session: step_of(session) == 0))
    assert "too early to judge" in line(page)
    assert f"a verdict takes {FIRST_STEPS} steps" in line(page)


def test_a_collapse_is_named_and_its_remedy_thrown_and_recorded():
    page = at_a_verdict(problem="digits")
    assert "severe" in line(page)
    keys = [button.key for button in page.button if (button.key or "").startswith("remedy-")]
    (first,) = [key for key in keys if page.button(key=key).label in ("replace_every=20", "kmeans=now")][:1]
    name = page.button(key=first).label.partition("=")[0]
    before = step_of(entry_of(page).session)
    press(page, first)
    reach(page, lambda session: bool(session.latest().events))
    (event,) = entry_of(page).session.latest().events
    assert dict(event.changes).keys() == {name}
    assert event.step >= before  # the run goes on, it did not begin again


def test_back_in_time_the_verdict_is_of_that_moment_and_throws_nothing():
    page = at_a_verdict(problem="digits")
    session = entry_of(page).session
    press(page, "play")
    reach(page, lambda one: one.status().state.value == "paused")
    past = next(moment.step for moment in session.moments() if moment.step >= FIRST_STEPS)
    state_in(page, LiveState).at = past
    run(page)
    assert f"Showing step {past:,}," in line(page)
    assert "judging" not in line(page)
    run(page)
    buttons = [button for button in page.button if (button.key or "").startswith("remedy-")]
    assert buttons
    assert all(button.disabled for button in buttons)


def test_every_remedy_is_a_live_switch_that_training_obeys_or_says_that_it_needs_a_restart():
    live, other = 0, set()
    for advice in ADVICE.values():
        for remedy in advice.remedies:
            changes = live_changes(remedy)
            if changes is None:
                other.add(remedy.ours)
                continue
            trainer = Trainer(default_recipe("plane", device="cpu"))
            trainer.step()
            trainer.apply(changes)
            live += 1
    assert live >= 10
    assert other == {(), ("num_codes=…",)}
