"""Forks on the Live page as Streamlit runs it: made, shown, switched, ended, and found again by the URL."""

import re

import pytest
from live_page_runs import control, entry_of, open_page, reach, sentences, step_of
from page_runs import press, run, state_in
from streamlit.testing.v1 import AppTest

from app.links.variant_names import proposal, read_name
from app.live import sidebar as controls
from app.live import switches
from app.live.state import LiveState
from app.panels.setting_words import name_for
from vqcore.quantizer.options import Options, option_names
from vqcore.training.status import State

pytestmark = pytest.mark.usefixtures("sessions")


def variants(page: AppTest) -> tuple[str, ...]:
    return entry_of(page).session.status().variants


def recipes(page: AppTest) -> list:
    return [recipe.options for recipe in entry_of(page).session.status().recipes]


def choice(page: AppTest):
    (found,) = [group for group in page.button_group if (group.key or "").startswith("variant ")]
    return found


def fork(page: AppTest, switch: str) -> AppTest:
    page.selectbox(key="fork-switch").set_value(switch)
    run(page)
    return press(page, "fork-go")


def fork_called(page: AppTest, name: str) -> AppTest:
    (field,) = [each for each in page.text_input if (each.key or "").startswith("fork-name")]
    field.set_value(name)
    run(page)
    return press(page, "fork-go")


@pytest.fixture
def page() -> AppTest:
    page = reach(open_page(problem="plane", paused="1"), lambda session: step_of(session) == 0)
    press(page, "step")
    return reach(page, lambda session: step_of(session) == 1)


def test_a_fork_changes_one_switch_and_is_then_shown_with_its_controls(page):
    assert not [group for group in page.button_group if (group.key or "").startswith("variant ")]
    fork(page, "affine")
    assert variants(page) == ("main", "affine running")
    assert choice(page).value == "affine running"
    assert page.query_params["variant"] == ["affine running"] or page.query_params["variant"] == "affine running"
    assert page.button_group(key=control(page, "affine")).value == "running"
    page.slider(key=control(page, "beta")).set_value(0.5)
    run(page)
    main, forked = recipes(page)
    assert (main.beta, forked.beta) == (0.9, 0.5)
    assert (main.affine, forked.affine) == ("off", "running")


def test_a_switch_is_thrown_with_what_it_does_little_without(page):
    """As the paper's authors run them: the learned map at a rate of 10, inner steps with momentum."""
    page.button_group(key=control(page, "affine")).set_value("learned")
    run(page)
    reach(page, lambda session: session.commands_pending() == 0)
    assert page.number_input(key=control(page, "affine_lr_scale")).value == 10.0
    assert page.query_params["affine_lr_scale"] == "10.0"
    fork(page, "inner_steps")
    main, forked = recipes(page)
    assert (main.inner_steps, main.inner_momentum, main.affine_lr_scale) == (0, 0.0, 10.0)
    assert (forked.inner_steps, forked.inner_momentum) == (1, 0.9)


def test_choosing_a_variant_shows_its_switches_and_throws_there(page):
    fork(page, "sync")
    choice(page).set_value("main")
    run(page)
    assert "variant" not in page.query_params
    assert page.number_input(key=control(page, "sync")).value == 0.0
    page.number_input(key=control(page, "sync")).set_value(2.0)
    run(page)
    assert [each.sync for each in recipes(page)] == [2.0, 0.5]


def test_an_exact_copy_is_thrown_alone_though_all_its_switches_are_the_same(page):
    fork(page, "nothing: an exact copy")
    assert variants(page) == ("main", "copy")
    page.slider(key=control(page, "beta")).set_value(0.5)
    run(page)
    assert [each.beta for each in recipes(page)] == [0.9, 0.5]


def test_a_fork_is_ended_and_the_first_is_shown_again(page):
    fork(page, "affine")
    press(page, "fork-end")
    assert variants(page) == ("main",)
    assert "variant" not in page.query_params
    assert page.button_group(key=control(page, "affine")).value == "off"


def test_there_are_at_most_four_and_a_bad_name_is_refused_in_one_sentence(page):
    fork_called(page, "a;b")
    assert any("but is 'a;b'" in sentence for sentence in sentences(page))
    assert variants(page) == ("main",)
    fork_called(page, "mine")
    assert variants(page) == ("main", "mine")
    for switch in ("sync", "replace_every"):
        fork(page, switch)
    assert variants(page) == ("main", "mine", "sync ν = 0.5", "replacement every 20")
    fork(page, "beta")
    assert any("at most 4 variants" in sentence for sentence in sentences(page))


def test_a_second_browser_sees_the_variant_of_the_link(page):
    fork(page, "affine")
    other = open_page(session=entry_of(page).id, variant="affine running")
    assert choice(other).value == "affine running"
    third = open_page(session=entry_of(page).id, variant="gone")
    assert choice(third).value == "main"
    assert "variant" not in third.query_params


def test_a_restart_ends_the_forks_and_undo_brings_them_back(page):
    fork(page, "affine")
    press(page, "restart")
    reach(page, lambda session: session.status().variants == ("main",) and step_of(session) == 0)
    press(page, "undo")
    reach(page, lambda session: session.status().variants == ("main", "affine running"))
    assert entry_of(page).session.status().state is State.PAUSED


@pytest.mark.parametrize("switch", option_names())
def test_every_switch_has_a_proposal_that_is_another_value_and_allowed(switch):
    for options in (Options(), Options(**{switch: proposal(switch, Options())})):
        value = proposal(switch, options)
        assert value != getattr(options, switch)
        Options(**{switch: value})


def test_names_are_short_new_and_free_of_markup():
    assert name_for({"learning_rate": 1e7}, ["main"]) == "learning rate 10⁷"
    assert name_for({"affine": "running"}, ["main", "affine running"]) == "affine running 2"
    for switch in option_names():  # in the words of a switch, not as the command line has it
        name = name_for({switch: proposal(switch, Options()), "num_codes": 65_536}, ["main"])
        assert read_name(name) == name
        assert not re.search(r"\w=|_|e[+-]\d", name.replace("z_e", "")), name
    for bad in ("x" * 25, "a;b", "<b>", "a\nb"):
        with pytest.raises(ValueError, match="at most 24 characters"):
            read_name(bad)


def test_a_control_that_was_made_anew_does_nothing_when_a_slow_browser_still_tells_of_it(page):
    fork(page, "affine")
    before = entry_of(page).session.status()
    for callback, name in ((switches._throw, "affine"), (controls._change_problem, "problem")):
        drawn = f"{name}-{state_in(page, LiveState).generation - 1}"
        with_state = {
            LiveState.__name__: state_in(page, LiveState),
            control(page, name): page.session_state[control(page, name)],
        }
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("streamlit.session_state", with_state)
            callback(entry_of(page), *((name, drawn) if name == "affine" else (drawn,)))
    after = entry_of(page).session.status()
    assert (after.commands_done, after.run, after.recipes) == (before.commands_done, before.run, before.recipes)
