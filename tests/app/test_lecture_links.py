"""Pages under a lecture link, as Streamlit runs them without a browser."""

from dataclasses import fields
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from live_page_runs import control, entry_of, open_page, options, reach, sentences, step_of
from page_runs import open_script, press, query, run, shown, state_in, transport
from road_reading import words
from streamlit.testing.v1 import AppTest

from app.links.lecture import GROUPS, LIVE, SWITCHES, TRAJECTORIES, only
from app.live.state import LiveState
from app.sessions.lesson_desk import desk
from app.trajectories.state import TrajectoriesState
from vqcore.quantizer.options import Options
from vqcore.training.recipe import IMAGE_SETTINGS

pytestmark = pytest.mark.usefixtures("sessions")

PAGE = Path(__file__).parents[2] / "app" / "trajectories" / "page.py"
KINDS = ("button", "button_group", "selectbox", "number_input", "slider", "toggle", "checkbox")


def drawn(page: AppTest) -> dict[str, bool]:
    """The name of every control in the sidebar, without its generation, and whether it is disabled."""
    return transport(page) | {
        str(element.key).rsplit("-", 1)[0]: element.disabled for kind in KINDS for element in page.sidebar.get(kind)
    }


def at_rest(**query: str) -> AppTest:
    return reach(open_page(problem="plane", paused="1", **query), lambda session: step_of(session) == 0)


def test_without_limits_every_control_is_there():
    page = at_rest(codebook_update="ema", structure="residual", levels="2")
    wanted = {name for group in GROUPS[LIVE].values() for name in group.controls}
    assert set(drawn(page)) >= wanted - {"link", "command", "save-html", "view", *IMAGE_SETTINGS}  # plane has its own


def test_one_switch_is_left_in_view_and_works():
    page = at_rest(only="affine")
    assert set(drawn(page)) == {"affine", "affine_groups", "affine_lr_scale"}
    assert "time-bar" not in shown(page)
    assert "RESTARTS" not in " ".join(caption.value for caption in page.sidebar.caption)
    page.button_group(key=control(page, "affine")).set_value("running")
    run(page)
    reach(page, lambda _: options(page).affine == "running")
    assert page.query_params["only"] == "affine"
    assert sentences(page) == []


@pytest.mark.parametrize(
    "hidden", [("affine", "weights", "speed"), ("sync", "replacement", "restart", "practitioners")]
)
def test_hidden_groups_are_gone_and_the_others_stay(hidden):
    before = set(drawn(at_rest(codebook_update="ema")))
    after = set(drawn(at_rest(codebook_update="ema", hide=",".join(hidden))))
    gone = {name for group in hidden for name in GROUPS[LIVE][group].controls}
    kept = {name for group, of in GROUPS[LIVE].items() if group not in hidden for name in of.controls}
    assert not after & gone
    assert after >= before & kept


def test_locked_controls_are_there_and_disabled():
    page = at_rest(lock=",".join([*SWITCHES, "restart"]), codebook_update="ema", inner_steps="2", affine="running")
    found = drawn(page)
    for group in (*SWITCHES, "restart"):
        for name in set(GROUPS[LIVE][group].controls) & set(found):
            assert found[name], name
    assert not found["play"]
    assert not found["problem"]
    tips = {box.help for box in page.sidebar.number_input}
    assert tips == {"Locked by this lecture link"}


def test_with_all_hidden_the_sidebar_is_empty_and_the_charts_are_there():
    page = at_rest(hide=",".join(GROUPS[LIVE]))
    assert not page.sidebar.children
    assert shown(page) >= {"map-plot", "bars-plot", "curves-plot", "tiles", "status"}
    assert not page.button_group
    assert not page.get("page_link")


def test_hidden_view_controls_keep_what_the_link_says():
    page = at_rest(hide="view", bars="gradient", smoothing="25")
    assert not page.button_group(key=control(page, "affine")).disabled
    assert not [group for group in page.button_group if str(group.key).startswith("view-")]
    assert (page.query_params["bars"], page.query_params["smoothing"]) == ("gradient", "25")
    assert "reached:" in words(page)


def test_locked_view_controls_are_there_and_disabled():
    page = at_rest(lock="view", map="UMAP")
    groups = [group for group in page.button_group if str(group.key).startswith("view-")]
    assert groups
    of_the_look = ("view-colour", "view-layers", "view-aspect", "view-rate")  # in a popover, which is locked itself
    assert all(group.disabled for group in groups if group.key not in of_the_look)


def test_the_limits_stay_while_the_page_rewrites_its_query():
    page = open_page(problem="plane", paused="1", hide="sync,nothing-like-it", lock="weights")
    (said,) = sentences(page)
    assert "nothing-like-it" in said
    press(page, "play")
    reach(page, lambda session: step_of(session) >= 2)
    assert (page.query_params["hide"], page.query_params["lock"]) == ("sync", "weights")
    again = open_page(**dict(page.query_params.items()))
    assert entry_of(again) is entry_of(page)
    assert set(drawn(again)) == set(drawn(page))
    assert "sync" not in drawn(again)


def test_a_switch_that_is_hidden_keeps_what_the_link_gives_it():
    page = at_rest(hide=",".join(SWITCHES), sync="0.5", affine="running")
    assert (options(page).sync, options(page).affine) == (0.5, "running")
    press(page, "play")
    reach(page, lambda session: step_of(session) >= 3)
    assert (options(page).sync, options(page).affine) == (0.5, "running")
    assert state_in(page, LiveState).generation == 1


def link_in_dialog(page: AppTest) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(page.code[-1].value).query))


def open_dialog(page: AppTest) -> AppTest:
    page.session_state["link"] = True
    return press(page, "lecture")


def test_the_dialog_makes_a_link_that_leaves_one_switch_of_a_collapsing_run():
    page = open_dialog(at_rest())
    assert link_in_dialog(page) == {"problem": "plane", "paused": "1"}
    page.selectbox(key="lecture-preset").select_index(1)
    run(page)
    link = link_in_dialog(page)
    collapsing = {"problem": "patches", "batch_size": "16", "learning_rate": "0.002"}
    assert link == collapsing | {"only": "transport,affine,view,time"}
    opened = open_page(**link, paused="1")
    assert sentences(opened) == []
    assert set(drawn(opened)) == {"play", "step", "affine", "affine_groups", "affine_lr_scale"}


def test_the_dialog_stays_open_when_the_popover_below_it_closes_and_the_page_is_run():
    page = open_dialog(at_rest())
    run(page)
    assert link_in_dialog(page) == {"problem": "plane", "paused": "1"}


def test_a_lesson_without_its_controls_keeps_its_link_and_says_nothing():
    page = open_script("lessons/page.py", lesson="quantizer", only="skip", hide="navigation")
    try:
        assert not page.warning
        assert {button.key for button in page.button if not button.key.startswith("lesson-hold")} == {
            "lesson-back",
            "lesson-next",
        }
        assert query(page)["only"] == "skip"
    finally:
        desk().close()
        desk.clear()


def test_the_dialog_takes_single_choices():
    page = open_dialog(at_rest())
    page.button_group(key="lecture-0-sync").set_value("hide")
    page.button_group(key="lecture-0-rates").set_value("lock")
    press(page, "lecture")
    assert link_in_dialog(page) == {"problem": "plane", "paused": "1", "hide": "sync", "lock": "rates"}


def trajectories(**query: str) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=120)
    page.query_params.update({"steps": "5", "methods": "STE,alternating", **query})
    return run(page)


def test_trajectories_hides_and_locks_too_and_keeps_the_setting():
    page = trajectories(only="methods,weights", lock="weights", num_codes="7")
    assert {str(box.key).split("-")[1] for box in page.number_input} == {"alpha", "beta"}
    assert all(box.disabled for box in page.number_input)
    assert page.query_params["num_codes"] == "7"
    assert state_in(page, TrajectoriesState).in_force.num_codes == 7
    generation = state_in(page, TrajectoriesState).generation
    run(page)
    assert state_in(page, TrajectoriesState).generation == generation
    assert [*page.error, *page.toast] == []


def test_trajectories_without_any_control_still_draws():
    page = trajectories(hide=",".join(GROUPS[TRAJECTORIES]))
    assert not page.sidebar.children
    assert "trajectory-plot" in {element.key for element in page.get("bidi_component")}
    assert not page.button


def test_every_option_is_in_one_group_of_switches():
    grouped = {control for group in SWITCHES.values() for control in group.controls} - {"replace_now"}
    named = {field.name for field in fields(Options)}
    assert grouped <= named | {"learning_rate"}
    assert only("affine").hidden == frozenset(GROUPS[LIVE]) - {"affine"}


def test_a_link_with_unknown_fields_works_with_the_rest_and_says_what_it_left_out():
    asked = {"hide": "sync,nonsense", "lock": "tempo", "flavour": "x", "beta": "0.5", "inner_steps": "many"}
    page = open_page(problem="plane", paused="1", **asked)
    said = sentences(page)
    for field in ("hide", "lock", "flavour", "inner_steps"):
        assert any(f"`{field}`" in sentence for sentence in said), (field, said)
    reach(page, lambda session: step_of(session) == 0)
    assert not set(GROUPS[LIVE]["sync"].controls) & set(drawn(page))
    assert options(page).beta == 0.5
    assert shown(page) >= {"map-plot", "bars-plot"}
