"""Searching, pinning and looking closer on the Live page, without a browser."""

import numpy as np
import pytest
from live_page_runs import entry_of, open_page, reach, sentences, step_of
from page_runs import click, press, run, shown, state_in
from road_reading import parts, words
from streamlit.testing.v1 import AppTest

from app.links.selection import Choice
from app.links.selection_text import write_choice
from app.live.state import LiveState
from vqcore.snapshot import Snapshot

pytestmark = pytest.mark.usefixtures("sessions")

KMEANS = {"problem": "digits", "code_init": "kmeans", "paused": "1"}


@pytest.fixture
def page() -> AppTest:
    """A paused session of one step."""
    page = reach(open_page(**KMEANS), lambda session: step_of(session) == 0)
    press(page, "step")
    return reach(page, lambda session: step_of(session) == 1)


def snapshot_of(page: AppTest) -> Snapshot:
    return entry_of(page).session.latest()


def said(page: AppTest) -> str:
    return words(page)


def table_of(page: AppTest) -> str:
    return parts(page)["examples-table"]["html"]


def search(page: AppTest, order: str, many: int) -> None:
    page.selectbox(key="find-order").set_value(order)
    page.number_input(key="find-many").set_value(many)
    press(page, "find-go")


def test_a_search_by_use_and_age_chooses_those_codes(page):
    snapshot = snapshot_of(page)
    use = np.bincount(snapshot.codes, minlength=snapshot.num_codes)
    search(page, "used most", 1)
    assert page.query_params["select"] == f"c{int(use.argmax())}"
    assert "code-card" in shown(page)
    search(page, "used least", 3)
    least = np.sort(np.argsort(use, kind="stable")[:3])
    assert state_in(page, LiveState).choice.codes == tuple(least.tolist())
    assert "code-card" not in shown(page)
    search(page, "unused for longest", 2)
    oldest = state_in(page, LiveState).choice.codes
    assert min(snapshot.steps_unused[list(oldest)]) >= np.sort(snapshot.steps_unused)[-2]
    press(page, "clear")
    assert "select" not in page.query_params


@pytest.mark.parametrize("vectors", [(5,), (5, 8, 13)])
def test_what_is_chosen_is_counted(page, vectors):
    snapshot = snapshot_of(page)
    state_in(page, LiveState).choice = Choice(vectors=vectors)
    run(page)
    codes = len(set(snapshot.codes[list(vectors)]))
    words = (
        f"{len(vectors)} {'vectors' if len(vectors) > 1 else 'vector'} and {codes} {'codes' if codes > 1 else 'code'}"
    )
    assert f"selected {words} (" in said(page)


@pytest.mark.parametrize("problem", ["digits", "digits-classifier", "patches"])
def test_a_lasso_shows_the_inputs_of_the_chosen_vectors_and_how_many_there_are(problem):
    vectors = tuple(range(3, 1536, 5))
    link = open_page(problem=problem, paused="1", examples="inputs", select=write_choice(Choice(vectors=vectors)))
    page = reach(link, lambda session: step_of(session) == 0)
    snapshot = snapshot_of(page)
    inputs = len({vector // snapshot.vectors_per_input for vector in vectors})
    assert f"showing 6 of {inputs} inputs of the {len(vectors):,} chosen vectors" in said(page)


@pytest.mark.parametrize("problem", ["digits", "digits-classifier"])
def test_one_vector_is_shown_with_its_place_its_code_and_what_the_model_makes_of_its_input(problem):
    page = reach(
        open_page(problem=problem, paused="1", examples="inputs", select="v777"),
        lambda session: step_of(session) == 0,
    )
    snapshot = snapshot_of(page)
    drawn = parts(page)["examples-plot"]["figure"]
    words = [note["text"] for note in drawn["layout"]["annotations"]]
    code, given = int(snapshot.codes[777]), 777 // 16
    distance = np.sqrt(((snapshot.codebook[code].astype(float) - snapshot.z_e[777]) ** 2).sum())
    assert words[0] == f"input {given}"
    assert f"z_e 777: row {777 % 16 // 4}, column {777 % 4}" in words
    assert any(word.startswith(f"code {code} at ‖z_e − c‖ = {distance:#.3g}") for word in words)
    if problem == "digits":
        assert words[1] == "decoded"
    else:
        answer = int(snapshot.monitor_outputs[given].argmax())
        (told,) = [word for word in words if word.startswith("predicted")]
        assert told.startswith(f"predicted {answer} · ")
        assert (
            f"true class {snapshot.labels[given]}: {'right' if answer == snapshot.labels[given] else 'wrong'}" in told
        )


def test_chosen_points_are_the_rows_of_the_table_and_no_code_without_vectors_leaves_it_empty():
    page = reach(open_page(problem="plane", paused="1", select="v5,900"), lambda session: step_of(session) == 0)
    snapshot = snapshot_of(page)
    assert "showing 2 of the 2 chosen points" in table_of(page)
    for vector in (5, 900):
        x, y = snapshot.monitor_inputs[vector]
        assert f"({x:.2f}, {y:.2f})" in table_of(page)
    unused = int(np.setdiff1d(np.arange(snapshot.num_codes), snapshot.codes)[0])
    link = open_page(problem="plane", paused="1", select=f"c{unused}", panel="inputs")
    page = reach(link, lambda session: step_of(session) == 0)
    assert "No held-out point has what is chosen: these are the first." in table_of(page)
    assert table_of(page).count("<tr>") == 1 + len(snapshot.inputs)


def test_dead_on_the_map_are_as_many_as_no_held_out_vector_is_nearest_to(page):
    snapshot = snapshot_of(page)
    names = {found.get("name"): found for found in parts(page)["map-plot"]["figure"]["data"]}
    assert len(names["Q"]["customdata"]) == snapshot.held_out.in_use
    assert len(names["dead"]["customdata"]) == snapshot.num_codes - snapshot.held_out.in_use


def test_a_search_by_class_chooses_the_codes_that_fire_most_on_it(page):
    snapshot = snapshot_of(page)
    page.selectbox(key="find-class").set_value("7")
    run(page)
    chosen = state_in(page, LiveState).choice.codes
    for code in range(snapshot.num_codes):
        classes = np.bincount(snapshot.vector_labels[snapshot.codes == code], minlength=10)
        assert (code in chosen) == (classes.any() and classes.argmax() == 7)


@pytest.mark.parametrize(
    ("typed", "answer"), [("128", "There is no code 128: codes run from 0 to 127."), ("x", "whole number")]
)
def test_a_code_that_is_none_is_said_in_place_and_what_was_chosen_stays(page, typed, answer):
    page.text_input(key="find-number").set_value("17")
    run(page)
    assert page.query_params["select"] == "c17"
    page.text_input(key="find-number").set_value(typed)
    run(page)
    assert answer in said(page)
    assert page.query_params["select"] == "c17"
    press(page, "clear")
    assert answer not in said(page)


def test_pins_go_into_the_link_and_come_off_again(page):
    for code in ("3", "40"):
        page.text_input(key="find-number").set_value(code)
        run(page)
        press(page, "pin")
    assert page.query_params["pins"] == "3,40"
    press(page, "pin")
    assert page.query_params["pins"] == "3"
    press(page, "unpin")
    assert "pins" not in page.query_params


def test_a_seventh_pin_is_refused_in_a_sentence():
    page = reach(open_page(**KMEANS, pins="0,1,2,3,4,5", select="c9"), lambda session: step_of(session) == 0)
    press(page, "pin")
    assert "There are already 6 pins" in said(page)
    assert page.query_params["pins"] == "0,1,2,3,4,5"


def test_the_card_can_be_left_for_the_inputs_and_the_link_keeps_it(page):
    page.text_input(key="find-number").set_value("17")
    run(page)
    assert not {"examples-plot", "picture"} & shown(page)
    page.button_group(key="view-panel").set_value("inputs")
    run(page)
    assert "picture" in shown(page)
    page.button_group(key="view-examples").set_value("inputs")
    run(page)
    assert "examples-plot" in shown(page)
    assert (page.query_params["panel"], page.query_params["examples"]) == ("inputs", "inputs")
    link = open_page(**KMEANS, select="c17", panel="inputs", examples="inputs")
    reach(link, lambda session: step_of(session) == 0)
    assert {"examples-plot"} <= shown(link)


@pytest.mark.parametrize("problem", ["plane", "digits-classifier", "patches"])
def test_every_problem_has_a_card_and_every_colour(problem):
    page = reach(
        open_page(problem=problem, paused="1", select="c5", num_codes="16"), lambda session: step_of(session) == 0
    )
    press(page, "step")
    reach(page, lambda session: step_of(session) == 1)
    for colour in ("class", "usage", "age", "error", "gradient", "role"):
        page.button_group(key="view-colour").set_value(colour)
        run(page)
    page.button_group(key="view-layers").set_value([])
    run(page)
    assert page.query_params["layers"] == "none"
    assert shown(page) >= {"map-plot", "code-card"}
    assert sentences(page) == []


def test_hostile_values_in_the_link_are_named_and_the_rest_works():
    page = open_page(**KMEANS, select="c5-99999999999", pins="![x](//evil)", layers="P,<b>", colour="plaid")
    text = " ".join(toast.value for toast in page.toast)
    assert len(page.toast) == 4
    for name in ("`select`", "`pins`", "`layers`", "`colour`"):
        assert name in text
    assert "](" not in text
    reach(page, lambda session: step_of(session) == 0)
    assert not {"select", "pins", "layers", "colour"} & set(page.query_params)


def test_after_a_restart_with_fewer_codes_what_is_gone_is_said():
    page = reach(open_page(**KMEANS, select="c3,100", pins="100"), lambda session: step_of(session) == 0)
    page.number_input(key=f"num_codes-{state_in(page, LiveState).generation}").set_value(32)
    click(page, "apply", key="pending")
    reach(page, lambda session: session.latest().num_codes == 32)
    run(page)
    assert page.query_params["select"] == "c3"
    assert "pins" not in page.query_params
    assert "There is no code 100" in said(page)


def test_a_choice_of_codes_stays_with_its_vectors_at_another_level():
    page = open_page(problem="digits", structure="residual", levels="2", paused="1", select="c5", code_init="kmeans")
    reach(page, lambda session: step_of(session) == 0)
    members = np.flatnonzero(snapshot_of(page).codes == 5)
    page.button_group(key="view-level").set_value("2")
    run(page)
    choice = state_in(page, LiveState).choice
    assert (choice.level, choice.codes) == (1, ())
    assert choice.vectors == tuple(members.tolist())
