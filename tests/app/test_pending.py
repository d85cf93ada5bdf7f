"""Settings that wait for a restart: seen before it, applied by it, or given up."""

import pytest
from live_page_runs import control, entry_of, open_page, reach, step_of
from page_runs import click, page_data, run, transport

from app.panels.setting_words import setting_changes
from vqcore.training.recipe import default_recipe

pytestmark = pytest.mark.usefixtures("sessions")


def waiting(**query: str):
    page = reach(open_page(problem="plane", paused="1", **query), lambda session: step_of(session) == 0)
    page.number_input(key=control(page, "num_codes")).set_value(7)
    page.number_input(key=control(page, "seed")).set_value(3)
    return run(page)


def words_on(page, name: str) -> str:
    (button,) = [button for button in page_data(page, "pending")["buttons"] if button["name"] == name]
    return button["label"].replace("\N{NO-BREAK SPACE}", " ")


def recipe(page):
    return entry_of(page).session.status().recipe


def test_what_waits_for_a_restart_is_said_on_its_control_and_on_the_button_that_applies_it():
    page = waiting()
    assert recipe(page).num_codes == 32
    assert page.number_input(key=control(page, "num_codes")).label == ":orange[K: 32 →]"
    assert page.number_input(key=control(page, "batch_size")).label == "Batch"
    assert words_on(page, "apply") == "Restart with seed 0 → 3, K 32 → 7"
    (restart,) = [each for each in page_data(page, "transport")["buttons"] if each["name"] == "restart"]
    assert "not applied by this button: seed 0 → 3, K 32 → 7" in restart["help"]
    click(page, "apply", key="pending")
    reach(page, lambda session: session.latest().num_codes == 7)
    assert (recipe(page).num_codes, recipe(page).seed) == (7, 3)
    assert words_on(page, "apply") == "Restart with these"
    assert set(transport(page, "pending")) == {"apply"}


def test_settings_that_wait_are_given_up_and_the_switches_stay():
    page = waiting()
    page.slider(key=control(page, "beta")).set_value(0.25)
    run(page)
    click(page, "discard", key="pending")
    assert page.number_input(key=control(page, "num_codes")).value == 32
    assert page.number_input(key=control(page, "seed")).value == 0
    assert page.slider(key=control(page, "beta")).value == 0.25
    assert set(transport(page, "pending")) == {"apply"}
    run(page)
    assert recipe(page).num_codes == 32
    assert recipe(page).options.beta == 0.25


def test_settings_that_do_not_go_together_say_so_before_anybody_restarts():
    page = waiting(affine_groups="16")
    assert [said.value for said in page.warning if "at most num\\_codes\\=7" in said.value]
    click(page, "apply", key="pending")
    assert recipe(page).num_codes == 32
    click(page, "discard", key="pending")
    assert not page.warning
    assert page.number_input(key=control(page, "num_codes")).value == 32


def test_parts_are_told_of_where_there_are_any():
    plain = default_recipe("digits")
    grouped = default_recipe("digits", structure="grouped", levels=2, share=True)
    assert setting_changes(plain, grouped) == [
        "structure vector → grouped",
        "groups 1 → 2",
        "one codebook for all off → on",
    ]
    assert setting_changes(grouped, plain) == ["structure grouped → vector"]
