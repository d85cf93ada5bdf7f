"""The Trajectories page as Streamlit runs it, without a browser."""

import pytest
from page_runs import open_script, query, run, state_in
from streamlit.testing.v1 import AppTest

from app.sessions.registry import Registry
from app.trajectories.state import TrajectoriesState

SECONDS = 120
FEW = {"steps": "5", "methods": "STE,alternating"}

pytestmark = pytest.mark.usefixtures("sessions")


def open_page(**query: str) -> AppTest:
    return open_script("trajectories/page.py", SECONDS, **FEW | query)


def control(page: AppTest, name: str) -> str:
    return f"trajectory-{name}" + ("" if name == "landscape" else f"-{state_in(page, TrajectoriesState).generation}")


def has_picture(page: AppTest) -> bool:
    return "trajectory-plot" in {element.key for element in page.get("bidi_component")}


def test_the_page_opens_on_a_picture_and_says_nothing() -> None:
    page = open_page()
    assert has_picture(page)
    assert [*page.error, *page.warning, *page.toast] == []
    assert query(page) == FEW | {"landscape": "quadratic"}


def test_a_control_reaches_the_url() -> None:
    page = open_page()
    page.number_input(key=control(page, "num_codes")).set_value(7)
    page.number_input(key=control(page, "learning_rate")).set_value(0.125)
    run(page)
    assert query(page) == FEW | {"landscape": "quadratic", "num_codes": "7", "learning_rate": "0.125"}


def test_a_link_sets_the_controls() -> None:
    page = open_page(landscape="rosenbrock", seed="3", beta="0.5", encoder="mlp")
    assert page.number_input(key=control(page, "seed")).value == 3
    assert page.number_input(key=control(page, "beta")).value == 0.5
    assert page.selectbox(key=control(page, "landscape")).value == "rosenbrock"


@pytest.mark.parametrize(("name", "value"), [("num_codes", 0), ("beta", 2.0), ("steps", 0), ("points", 100)])
def test_a_bad_value_is_a_sentence_and_the_last_picture_stays(name: str, value: float) -> None:
    page = open_page()
    before = query(page)
    page.number_input(key=control(page, name)).set_value(value)
    run(page)
    (said,) = [error.value for error in page.error]
    assert f"`{name}`" in said
    assert has_picture(page)
    assert query(page) == before


def test_too_much_for_a_browser_is_a_sentence_and_the_last_picture_stays() -> None:
    page = open_page()
    before = query(page)
    page.number_input(key=control(page, "num_codes")).set_value(256)
    page.number_input(key=control(page, "steps")).set_value(10_000)
    run(page)
    (said,) = [error.value for error in page.error]
    assert "Lower `steps`" in said
    assert has_picture(page)
    assert query(page) == before


def test_no_method_is_a_sentence() -> None:
    page = open_page()
    page.button_group(key=control(page, "methods")).set_value([])
    run(page)
    assert "`methods`" in page.error[0].value
    assert has_picture(page)


def test_values_in_the_link_that_cannot_be_used_are_named() -> None:
    page = open_page(landscape="alps", num_codes="many")
    said = " ".join(toast.value for toast in page.toast)
    assert "`landscape`" in said
    assert "`num_codes`" in said
    assert has_picture(page)


def test_a_diverged_path_is_said_with_its_step() -> None:
    page = open_page(learning_rate="100", steps="20")
    assert "STE diverged at step" in page.warning[0].value
    assert has_picture(page)


def test_another_landscape_comes_with_its_own_learning_rate_and_length() -> None:
    page = open_page(learning_rate="0.01")
    page.selectbox(key=control(page, "landscape")).set_value("two-wells")
    run(page)
    assert query(page) == {"landscape": "two-wells", "methods": FEW["methods"]}
    assert page.number_input(key=control(page, "steps")).value == 100
    assert page.number_input(key=control(page, "learning_rate")).value is None


def test_dragged_places_hold_until_the_seed_changes_or_they_are_reset() -> None:
    page = open_page(starts="1,1")
    assert not page.button(key="reset-places").disabled
    page.number_input(key=control(page, "beta")).set_value(0.5)
    run(page)
    assert query(page)["starts"] == "1,1"
    page.button(key="reset-places").click()
    run(page)
    assert "starts" not in query(page)
    page = open_page(starts="1,1")
    page.number_input(key=control(page, "seed")).set_value(9)
    run(page)
    assert "starts" not in query(page)
    assert page.button(key="reset-places").disabled


def test_the_seeds_run_in_the_background_and_end_in_sentences_and_a_table(sessions: Registry) -> None:
    page = open_page()
    page.button(key="sweep-begin").click()
    run(page)
    setting = state_in(page, TrajectoriesState).setting
    assert sessions.sweep_of(setting).wait(SECONDS)
    run(page)
    said = " ".join(item.value for item in page.markdown)
    assert "Compared with STE, alternating reduced the gradient gap in " in said
    assert "of 20 seeds" in said
    assert list(page.dataframe[0].value["method"]) == ["STE", "alternating"]
    assert page.button(key="sweep-begin")


def test_the_seeds_can_be_cancelled() -> None:
    page = open_page(steps="2000")
    page.button(key="sweep-begin").click()
    run(page)
    page.button(key="sweep-cancel").click()
    run(page)
    assert page.button(key="sweep-begin")
