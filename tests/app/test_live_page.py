"""The Live page as Streamlit runs it, without a browser: what a person does and what the session then does."""

import re

import pytest
from live_page_runs import SECONDS, control, entry_of, open_page, options, reach, sentences, step_of
from page_runs import click, press, run, shown, state_in, transport
from road_reading import parts, words
from streamlit.testing.v1 import AppTest

from app.live.state import LiveState
from app.sessions.registry import registry
from vqcore.training.commands import fork
from vqcore.training.status import State

pytestmark = pytest.mark.usefixtures("sessions")

STARTS = [
    "A photograph loses its colours",
    "A classifier goes blind",
    "The remedies, ranked",
    "Codes that lag behind",
    "A healthy codebook",
    "Your images",
]
CHARTS = ("map-plot", "bars-plot", "curves-plot", "picture")


def test_at_first_there_are_the_starts_and_no_chart(sessions):
    page = open_page()
    assert [button.label for button in page.button] == STARTS
    assert not shown(page) & {*CHARTS, "tiles", "status"}
    assert not page.sidebar.children
    assert sentences(page) == []


def test_one_click_begins_a_session_and_charts_appear():
    page = open_page()
    (button,) = [button for button in page.button if button.label == "A classifier goes blind"]
    button.click()
    run(page)
    assert page.query_params["start"] == "blind-classifier"
    reach(page, lambda session: step_of(session) >= 3)
    assert shown(page) >= {*CHARTS, "tiles", "status"}
    assert page.selectbox(key=control(page, "problem")).value == "digits-classifier"


def test_every_switch_reaches_the_session_and_is_recorded():
    page = reach(open_page(problem="plane"), lambda session: step_of(session) >= 1)
    page.button_group(key=control(page, "affine")).set_value("running")
    run(page)
    page.number_input(key=control(page, "replace_every")).set_value(20)
    run(page)
    page.slider(key=control(page, "beta")).set_value(0.5)
    run(page)
    reach(page, lambda session: options(page).beta == 0.5 and len(session.latest().events) >= 3)
    assert (options(page).affine, options(page).replace_every) == ("running", 20)
    events = entry_of(page).session.latest().events
    assert [event.label for event in events] == ["affine running", "replace_every 20", "beta 0.5"]
    assert [event.step for event in events] == sorted(event.step for event in events)
    wanted = {"affine": "running", "replace_every": "20", "beta": "0.5"}
    assert {name: page.query_params[name] for name in wanted} == wanted


def test_replacement_acts_at_once():
    page = reach(open_page(problem="plane"), lambda session: step_of(session) >= 5)
    press(page, "replace_now")
    reach(page, lambda session: bool(session.latest().events))
    assert entry_of(page).session.latest().events[0].changes == (("replace", "now"),)


def test_pause_stands_still_a_step_is_one_step_and_play_goes_on():
    page = reach(open_page(problem="plane"), lambda session: step_of(session) >= 2)
    press(page, "play")
    reach(page, lambda session: session.status().state is State.PAUSED)
    assert page.query_params["paused"] == "1"
    stood = step_of(entry_of(page).session)
    press(page, "step")
    reach(page, lambda session: step_of(session) == stood + 1)
    assert entry_of(page).session.status().state is State.PAUSED
    press(page, "play")
    reach(page, lambda session: step_of(session) > stood + 1)
    assert entry_of(page).session.status().state is State.RUNNING
    assert "paused" not in page.query_params


def test_a_link_to_a_paused_session_begins_paused_and_every_view_is_there():
    page = reach(open_page(problem="plane", paused="1"), lambda session: step_of(session) == 0)
    for name, choice in {"bars": "gradient", "order": "by code", "scale": "linear", "curves": "P and C"}.items():
        page.button_group(key=f"view-{name}").set_value(choice)
        run(page)
        assert page.query_params[name] == choice
    assert shown(page) >= {*CHARTS[:3], "tiles"}
    assert step_of(entry_of(page).session) == 0


def test_a_restart_begins_at_zero_with_the_switches_and_can_be_undone():
    page = reach(open_page(problem="plane", paused="1"), lambda session: step_of(session) == 0)
    assert transport(page)["undo"]
    for _ in range(3):
        press(page, "step")
    page.slider(key=control(page, "beta")).set_value(0.25)
    run(page)
    reach(page, lambda session: step_of(session) == 3 and options(page).beta == 0.25)
    press(page, "restart")
    reach(page, lambda session: step_of(session) == 0)
    assert options(page).beta == 0.25
    assert not transport(page)["undo"]
    press(page, "undo")
    reach(page, lambda session: step_of(session) == 3)


def test_settings_restart_and_their_controls_and_link_follow():
    page = reach(open_page(problem="plane"), lambda session: step_of(session) >= 1)
    page.number_input(key=control(page, "num_codes")).set_value(7)
    page.number_input(key=control(page, "seed")).set_value(3)
    click(page, "apply", key="pending")
    reach(page, lambda session: session.latest().num_codes == 7)
    assert (page.query_params["num_codes"], page.query_params["seed"]) == ("7", "3")
    assert entry_of(page).session.status().recipe.seed == 3


def test_another_problem_begins_in_place_and_its_controls_follow():
    page = reach(open_page(problem="plane"), lambda session: step_of(session) >= 1)
    kept = entry_of(page)
    page.selectbox(key=control(page, "problem")).set_value("digits")
    run(page)
    reach(page, lambda session: session.latest().z_e.shape[1] > 2)
    assert entry_of(page) is kept
    assert page.query_params["problem"] == "digits"
    assert page.number_input(key=control(page, "num_codes")).value == kept.session.latest().num_codes
    assert "view-map" in {group.key for group in page.button_group}  # more than two features: PCA or UMAP


def submit(page: AppTest) -> AppTest:
    return click(page, "apply", key="pending")


NEW_SWITCHES = {
    "codebook_update": ("button_group", "ema"),
    "estimator": ("button_group", "rotation"),
    "input_norm": ("selectbox", "unit"),
    "codebook_norm": ("selectbox", "unit"),
    "replace_onto": ("selectbox", "far"),
    "bypass": ("toggle", True),
}


def test_the_switches_of_practitioners_reach_the_session_and_the_link():
    page = reach(open_page(problem="digits"), lambda session: step_of(session) >= 1)
    assert f"ema_decay-{state_in(page, LiveState).generation}" not in {box.key for box in page.number_input}
    for name, (kind, choice) in NEW_SWITCHES.items():
        getattr(page, kind)(key=control(page, name)).set_value(choice)
        run(page)
    page.number_input(key=control(page, "ema_decay")).set_value(0.9)
    run(page)
    reach(page, lambda session: len(session.latest().events) >= len(NEW_SWITCHES) + 1)
    wanted = {name: choice for name, (_, choice) in NEW_SWITCHES.items()} | {"ema_decay": 0.9}
    assert {name: getattr(options(page), name) for name in wanted} == wanted
    assert page.query_params["bypass"] == "true"
    assert page.query_params["codebook_update"] == "ema"
    assert state_in(page, LiveState).generation == 1  # no control had to be made anew
    link = open_page(problem="digits", bypass="true", ema_decay="0.9", codebook_update="ema")
    assert link.toggle(key=control(link, "bypass")).value
    assert link.number_input(key=control(link, "ema_decay")).value == 0.9


def test_a_hidden_decay_is_kept():
    page = reach(open_page(problem="plane", codebook_update="ema"), lambda session: step_of(session) >= 1)
    page.number_input(key=control(page, "ema_decay")).set_value(0.5)
    run(page)
    for update in ("gradient", "ema"):
        page.button_group(key=control(page, "codebook_update")).set_value(update)
        run(page)
        reach(page, lambda _, update=update: options(page).codebook_update == update)
        assert options(page).ema_decay == 0.5
    assert page.number_input(key=control(page, "ema_decay")).value == 0.5


def test_what_has_no_effect_is_disabled():
    page = reach(open_page(problem="plane"), lambda session: step_of(session) >= 1)
    assert page.number_input(key=control(page, "inner_lr")).disabled
    assert page.number_input(key=control(page, "affine_groups")).disabled
    assert not page.number_input(key=control(page, "sync")).disabled
    page.number_input(key=control(page, "inner_steps")).set_value(1)
    run(page)
    assert not page.number_input(key=control(page, "inner_lr")).disabled
    page.toggle(key=control(page, "bypass")).set_value(True)
    run(page)
    assert page.number_input(key=control(page, "sync")).disabled
    assert page.number_input(key=control(page, "alpha")).disabled
    assert page.slider(key=control(page, "beta")).disabled


def test_levels_come_with_a_restart_and_can_be_looked_at_one_by_one():
    page = reach(open_page(problem="digits"), lambda session: step_of(session) >= 1)
    assert "view-level" not in {group.key for group in page.button_group}
    assert control(page, "levels") not in {box.key for box in page.number_input}
    page.selectbox(key=control(page, "structure")).set_value("residual")
    run(page)
    assert entry_of(page).session.status().recipe.structure == "vector"  # until the restart
    page.number_input(key=control(page, "levels")).set_value(3)
    run(page)
    submit(page)
    reach(page, lambda session: len(session.latest().levels) == 3 and step_of(session) >= 5)
    assert (page.query_params["structure"], page.query_params["levels"]) == ("residual", "3")
    page.button_group(key="view-level").set_value("3")
    run(page)
    assert page.query_params["level"] == "3"
    assert "residuals before level 3" in words(page)
    page.button_group(key="view-bars").set_value("levels")
    run(page)
    assert page.query_params["bars"] == "levels"
    assert "perplexity / K: 1 is even use" in words(page)
    page.selectbox(key=control(page, "structure")).set_value("vector")
    run(page)
    submit(page)
    reach(page, lambda session: len(session.latest().levels) == 1)
    run(page)
    assert not {"structure", "levels", "level", "bars"} & set(page.query_params)
    assert "view-level" not in {group.key for group in page.button_group}


def test_groups_that_do_not_divide_the_features_are_refused_and_what_was_chosen_stays():
    page = reach(open_page(problem="digits"), lambda session: step_of(session) >= 1)
    page.selectbox(key=control(page, "structure")).set_value("grouped")
    run(page)
    page.number_input(key=control(page, "levels")).set_value(3)
    run(page)
    submit(page)
    assert [text for text in sentences(page) if "`levels` must divide the 16 features of digits" in text]
    assert page.number_input(key=control(page, "levels")).value == 3
    page.number_input(key=control(page, "levels")).set_value(4)
    run(page)
    submit(page)
    reach(page, lambda session: len(session.latest().levels) == 4)
    assert entry_of(page).session.latest(level=2).codebook.shape[1] == 4


@pytest.mark.parametrize("problem", ["plane", "digits-classifier"])
@pytest.mark.parametrize("structure", ["grouped", "residual"])
def test_a_link_shows_its_level_on_every_problem(problem, structure):
    page = open_page(problem=problem, structure=structure, levels="2", level="2", share="true", bars="levels")
    reach(page, lambda session: step_of(session) >= 5)
    assert sentences(page) == []
    assert page.query_params["level"] == "2"
    assert page.button_group(key="view-level").value == "2"
    assert page.checkbox(key=control(page, "share")).value
    assert shown(page) >= {*CHARTS[:3], "tiles"}


def test_a_restart_with_the_switches_alone_keeps_the_structure():
    page = reach(open_page(problem="plane", paused="1"), lambda session: step_of(session) == 0)
    page.selectbox(key=control(page, "structure")).set_value("residual")
    run(page)
    press(page, "restart")
    assert entry_of(page).session.status().recipe.structure == "vector"


def test_a_speed_limit_reaches_the_session():
    page = reach(open_page(problem="plane"), lambda session: step_of(session) >= 1)
    page.selectbox(key=control(page, "speed")).set_value("1 step/s")
    run(page)
    session = entry_of(page).session
    assert session.wait(lambda session: session.status().commands_done >= 1, SECONDS)


def test_values_in_the_link_that_cannot_be_used_are_named_and_the_rest_works():
    page = open_page(problem="plane", beta="2", affine="maybe", num_codes="0", map="globe", sync="0.5")
    said = " ".join(toast.value for toast in page.toast)
    assert len(page.toast) == 4
    for name in ("`beta`", "`affine`", "`num_codes`", "`map`"):
        assert name in said
    reach(page, lambda session: step_of(session) >= 2)
    assert options(page).sync == 0.5
    assert options(page).affine == "off"
    assert "beta" not in page.query_params


def test_an_unknown_problem_in_the_link_leads_to_the_starts():
    page = open_page(problem="celeba")
    (said,) = sentences(page)
    assert "`problem` must be one of" in said
    assert [button.label for button in page.button] == STARTS


def test_a_device_that_is_not_there_is_said_and_the_one_there_is_trains():
    page = open_page(problem="plane", device="cuda:99", beta="0.5")
    (said,) = sentences(page)
    assert "`device` must be auto or one this machine has" in said
    assert "cuda:99" in said
    reach(page, lambda session: step_of(session) >= 2)
    assert options(page).beta == 0.5


def test_a_hostile_link_brings_no_picture_and_no_link_onto_the_page():
    page = open_page(problem="plane", beta="![spy](http://x/y.png)", **{"<script>": "1", "[a](http://x)": "2"})
    refused = [toast.value for toast in page.toast]
    assert len(refused) == 2
    for sentence in refused:
        assert not re.search(r"(?<!\\)[!<\[\](:$]", sentence)  # every sign that could begin one is escaped
    assert r"\<script\>" in refused[0]
    reach(page, lambda session: step_of(session) >= 2)


def test_a_session_that_has_ended_begins_anew_from_its_settings():
    page = open_page(problem="plane", session="gone-with-its-server", beta="0.5")
    assert entry_of(page).id != "gone-with-its-server"
    (said,) = page.info
    assert "has ended" in said.value
    assert "begins again" in said.value
    reach(page, lambda session: step_of(session) >= 2)
    assert options(page).beta == 0.5
    press(page, "gone-read")
    assert not run(page).info


def test_a_session_that_has_ended_and_left_no_settings_is_said_above_the_starts():
    page = open_page(session="gone-with-its-server")
    (said,) = page.info
    assert "has ended" in said.value
    assert [button.label for button in page.button if button.key != "gone-read"] == STARTS
    page.button[[button.label for button in page.button].index(STARTS[2])].click()
    run(page)
    assert not page.info


def test_a_session_that_ends_while_it_is_watched_is_said_once_and_can_be_begun_again():
    page = reach(open_page(problem="plane", beta="0.5"), lambda session: step_of(session) >= 2)
    before = entry_of(page).id
    registry().end(before)
    for _ in range(2):  # as often as the page is drawn
        (said,) = run(page).info
        assert "has ended" in said.value
        assert not page.sidebar.children
    assert [button.label for button in page.button] == ["Begin it again", *STARTS]
    press(page, "begin-again")
    assert entry_of(page).id != before
    assert options(page).beta == 0.5
    assert not page.info
    reach(page, lambda session: step_of(session) >= 2)


def test_back_from_another_page_an_ended_session_is_said_with_what_it_trained():
    page = reach(open_page(problem="plane", beta="0.5"), lambda session: step_of(session) >= 2)
    registry().end(entry_of(page).id)
    page.query_params.clear()  # as a link between pages leaves it
    (said,) = run(page).info
    assert "has ended" in said.value
    press(page, "begin-again")
    assert options(page).beta == 0.5


def test_the_past_and_the_fork_of_an_ended_session_are_not_shown_of_the_next():
    page = reach(open_page(problem="plane"), lambda session: step_of(session) >= 3)
    entry = entry_of(page)
    ticket = entry.session.send(fork("moving", affine="running"))
    assert entry.session.wait(lambda session: session.status().commands_done >= ticket, SECONDS)
    state = state_in(page, LiveState)
    state.variant, state.at = "moving", 0
    run(page)
    assert (page.query_params["variant"], page.query_params["at"]) == ("moving", "0")
    registry().end(entry.id)
    run(page)
    press(page, "begin-again")
    reach(page, lambda session: step_of(session) >= 2)
    assert not {"variant", "at"} & set(page.query_params)


def test_a_session_in_the_link_is_joined_where_it_is():
    first = reach(open_page(problem="plane"), lambda session: step_of(session) >= 5)
    second = open_page(problem="plane", session=entry_of(first).id)
    assert entry_of(second) is entry_of(first)
    assert sentences(second) == []


def test_two_browsers_have_two_sessions():
    first, second = open_page(problem="plane"), open_page(problem="plane")
    assert entry_of(first) is not entry_of(second)
    first.slider(key=control(first, "beta")).set_value(0.5)
    run(first)
    reach(first, lambda _: options(first).beta == 0.5)
    assert options(second).beta != 0.5


def test_settings_that_cannot_be_built_are_refused_in_a_sentence_and_the_run_goes_on():
    page = reach(open_page(problem="digits"), lambda session: step_of(session) >= 2)
    before = entry_of(page).session.status().recipe
    page.number_input(key=control(page, "num_codes")).set_value(60_000)
    page.selectbox(key=control(page, "code_init")).set_value("kmeans")
    click(page, "apply", key="pending")
    reach(page, lambda session: session.status().message != "")
    (said,) = sentences(page)
    assert "60000" in said.replace(",", "")
    assert entry_of(page).session.status().recipe == before
    stood = step_of(entry_of(page).session)
    reach(page, lambda session: session.status().state is State.RUNNING and step_of(session) > stood)
    assert shown(page) >= {*CHARTS}


def test_settings_that_contradict_each_other_are_refused_in_a_sentence():
    page = reach(open_page(problem="plane", affine_groups="16"), lambda session: step_of(session) >= 1)
    page.number_input(key=control(page, "num_codes")).set_value(8)
    click(page, "apply", key="pending")
    assert [text for text in sentences(page) if "`affine_groups` must be at most num_codes=8" in text]
    assert entry_of(page).session.status().recipe.num_codes != 8


@pytest.mark.parametrize("problem", ["plane", "digits", "digits-classifier"])
def test_a_loss_beyond_all_numbers_is_shown_with_tensor_and_step_and_a_restart_recovers(problem):
    page = reach(open_page(problem=problem), lambda session: step_of(session) >= 2)
    page.number_input(key=control(page, "learning_rate")).set_value(1e6)
    run(page)
    reach(page, lambda session: session.status().state is State.BROKEN)
    (said,) = [error.value for error in page.error]
    assert "became NaN or infinite at step" in said
    assert said.startswith(("The encoder's output z_e", "The codebook", "The decoder's output", "The "))
    assert shown(page) >= {*CHARTS[:3], "tiles"}  # the last good moment stays
    page.number_input(key=control(page, "learning_rate")).set_value(1e-3)
    run(page)
    reach(page, lambda session: session.status().recipe.options.learning_rate == 1e-3)  # a busy machine obeys later
    press(page, "restart")
    reach(page, lambda session: session.status().state is State.RUNNING and step_of(session) >= 3)
    assert not page.error
    assert options(page).learning_rate == 1e-3


def test_each_plane_of_the_map_has_its_settings_and_the_link_keeps_them(sessions):
    page = reach(open_page(problem="digits", map="UMAP"), lambda session: step_of(session) >= 1)
    page.number_input(key="view-neighbours").set_value(40)
    run(page)
    page.number_input(key="view-min_dist").set_value(0.0)
    run(page)
    assert (page.query_params["neighbours"], page.query_params["min_dist"]) == ("40", "0")
    parts(page)
    assert sessions.projection.parameters == (40, 0.0)
    page.button_group(key="view-map").set_value("two codes")
    run(page)
    assert sessions.projection.cancelled  # nobody waits for UMAP any more
    page.number_input(key="view-code_a").set_value(0)
    run(page)
    page.number_input(key="view-code_b").set_value(5)
    run(page)
    assert (page.query_params["code_a"], page.query_params["code_b"]) == ("0", "5")
    assert "plane through codes 0 and 5" in words(page)
    assert "trustworthiness" in words(page)
    page.number_input(key="view-code_b").set_value(0)
    run(page)
    assert "Both codes are 0" in words(page)
    assert page.query_params["neighbours"] == "40"
