"""The page side by side as Streamlit runs it, without a browser."""

import io
import re
import threading

import numpy as np
import pytest
from page_runs import SECONDS, open_script, page_data, press, query, run, shown, state_in
from PIL import Image
from road_reading import ask_of, frame, parts
from streamlit.testing.v1 import AppTest

from app.compare import sidebar as compare_controls
from app.compare.state import CompareState
from app.figures.reconstructions import PITCH, TILE
from app.links.compare_view import CompareView
from app.panels.compare_scene import CompareScene, compare_scene
from app.sessions.entry import Entry
from app.sessions.registry import Registry, registry
from vqcore.training import run as run_module
from vqcore.training.commands import RestartCommand, ResumeCommand, fork
from vqcore.training.recipe import default_recipe
from vqcore.training.status import State
from vqcore.training.trainer import Trainer

TWO = {"problem": "plane", "v1": "baseline", "v2": "sync;sync=0.5"}
CHARTS = {"compare-map", "compare-bars", "compare-curves", "status"}

pytestmark = pytest.mark.usefixtures("sessions")


def open_page(**query: str) -> AppTest:
    return open_script("compare/page.py", **query)


def entry_of(page: AppTest) -> Entry:
    entry = registry().find(query(page)["session"])
    assert entry is not None
    return entry


def reach(page: AppTest, step: int) -> AppTest:
    session = entry_of(page).session
    assert session.wait(lambda s: (s.latest() or s).step >= step if s.latest() else False, SECONDS), session.status()
    return run(page)


def widget(page: AppTest, name: str):
    """The widget of this setting or switch of the variant that the set-up shows."""
    kinds = (page.text_input, page.selectbox, page.number_input, page.radio, page.button_group)
    (found,) = [each for kind in kinds for each in kind if re.fullmatch(rf"compare-{name}-\d+-\d+", each.key or "")]
    return found


def choose(page: AppTest, name: str, value: object) -> None:
    widget(page, name).set_value(value)
    run(page)


def html(page: AppTest) -> str:
    return parts(page, "compare-conductor")["compare-table"]["html"]


def test_at_first_there_are_presets_and_no_chart() -> None:
    page = open_page()
    assert [button.label for button in page.button] == ["What practitioners do", "The paper", "The start"]
    assert not shown(page) & CHARTS
    assert not page.sidebar.children


def test_a_preset_begins_with_all_its_variants() -> None:
    page = open_page()
    press(page, "begin The start")
    assert tuple(entry_of(page).session.recipes) == ("random", "k-means")
    assert query(page)["v2"] == "k-means;code_init=kmeans"


def test_a_link_begins_what_it_says_and_all_charts_are_there() -> None:
    page = reach(open_page(**TWO, paused="1"), 0)
    press(page, "compare-step")
    reach(page, 1)
    assert shown(page) >= CHARTS
    assert {name: query(page)[name] for name in TWO} == TWO
    assert query(page)["paused"] == "1"
    first, second = entry_of(page).session.latest_of_all().values()
    assert first.step == second.step == 1
    assert f"{second.held_out.in_use:,} of {second.num_codes:,}<span>" in html(page)
    for curve in ("in use", "task loss", "‖z_e−z_q‖²"):
        page.button_group(key="compare-view-curve").set_value(curve)
        run(page)
        assert query(page)["curve"] == curve


def test_while_models_are_built_it_says_how_many_and_that_it_starts(monkeypatch) -> None:
    may_go_on, is_second = threading.Event(), threading.Event()

    def build(recipe, *, variant, **rest):
        if variant == "sync":
            is_second.set()
            assert may_go_on.wait(SECONDS)
        return Trainer(recipe, variant=variant, **rest)

    monkeypatch.setattr(run_module, "Trainer", build)
    try:
        page = open_page(**TWO, paused="1")
        assert is_second.wait(SECONDS)
        run(page)
        (progress,) = page.get("progress")
        assert "1 of 2 built" in progress.proto.text
        assert progress.proto.value == 50
        assert parts(page, "compare-conductor")["status"]["state"] == "starting"
        assert not shown(page) & (CHARTS - {"status"})
    finally:
        may_go_on.set()
    reach(page, 0)
    assert not page.get("progress")
    assert parts(page, "compare-conductor")["status"]["state"] == "paused"


def test_what_changes_while_the_page_is_drawn_is_told_of_by_the_next_frame(monkeypatch) -> None:
    page = reach(open_page(**TWO, paused="1"), 0)
    assert page_data(page, "compare-conductor")["controls"] == frame(page, "compare-conductor").controls
    draw = compare_controls.sidebar

    def and_then_it_runs(entry: Entry, *drawn_for: object) -> None:
        draw(entry, *drawn_for)
        entry.session.send(ResumeCommand())
        assert entry.session.wait(lambda session: session.status().state is State.RUNNING, SECONDS)

    with monkeypatch.context() as patch:
        patch.setattr(compare_controls, "sidebar", and_then_it_runs)
        run(page)
    assert page_data(page, "compare-conductor")["controls"] != frame(page, "compare-conductor").controls
    run(page)
    assert page_data(page, "compare-conductor")["controls"] == frame(page, "compare-conductor").controls


def test_reloading_finds_the_same_session_and_a_link_to_one_that_ended_begins_again(sessions: Registry) -> None:
    page = reach(open_page(**TWO, paused="1"), 0)
    again = open_page(**query(page))
    assert entry_of(again) is entry_of(page)
    late = open_page(session="gone", **TWO, paused="1")
    assert entry_of(late) is not entry_of(page)
    assert tuple(entry_of(late).session.recipes) == ("baseline", "sync")


def test_a_forked_session_of_the_live_page_is_attached_with_its_forks(sessions: Registry) -> None:
    entry = sessions.begin(default_recipe("plane"), paused=True)
    ticket = entry.session.send(fork("moving", affine="running"))
    assert entry.session.wait(lambda session: session.status().commands_done >= ticket, SECONDS)
    page = open_page(session=entry.id)
    assert entry_of(page) is entry
    assert shown(page) >= CHARTS
    assert query(page)["v2"] == "moving;affine=running"


def test_the_set_up_begins_again_with_other_variants_and_a_bad_one_is_refused_in_a_sentence() -> None:
    page = reach(open_page(**TWO, paused="1"), 0)
    press(page, "compare-add")
    choose(page, "name", "third")
    choose(page, "replace_every", 5)
    press(page, "compare-begin")
    assert tuple(entry_of(page).session.recipes) == ("baseline", "sync", "third")
    assert query(page)["v3"] == "third;replace_every=5"
    choose(page, "edited", 2)
    choose(page, "name", "sync")
    press(page, "compare-begin")
    (warning,) = page.sidebar.warning
    assert "'sync' twice" in warning.value
    assert tuple(entry_of(page).session.recipes) == ("baseline", "sync", "third")


def test_transport_pauses_steps_restarts_and_undoes() -> None:
    page = reach(open_page(**TWO), 2)
    press(page, "compare-play")
    assert entry_of(page).session.status().state is State.PAUSED
    stood = entry_of(page).session.latest().step
    press(page, "compare-step")
    assert {each.step for each in entry_of(page).session.latest_of_all().values()} == {stood + 1}
    press(page, "compare-restart")
    assert {each.step for each in entry_of(page).session.latest_of_all().values()} == {0}
    press(page, "compare-undo")
    assert {each.step for each in entry_of(page).session.latest_of_all().values()} == {stood + 1}


def test_seeds_are_trained_to_the_present_step_and_shown_as_mean_and_range(sessions: Registry) -> None:
    page = reach(open_page(**TWO, paused="1"), 0)
    for _ in range(6):
        press(page, "compare-step")
    page.number_input(key="compare-seeds").set_value(2)
    run(page)
    press(page, "compare-seeds-go")
    plan = state_in(page, CompareState).plan
    assert (plan.seeds, plan.steps) == (2, 6)
    assert sessions.seeds_of(plan).wait(SECONDS)
    run(page)
    assert (query(page)["of"], query(page)["seeds"], query(page)["steps"]) == ("seeds", "2", "6")
    again = open_page(**query(page))
    assert state_in(again, CompareState).plan == plan
    for seen in (page, again):
        told = parts(seen, "compare-conductor")
        assert "mean of 2 seeds from 0 on" in told["compare-curves-said"]["html"]
        assert "2 of 2 seeds, 6 steps each" in told["compare-seeds-progress"]["html"]
        rows = re.findall("<tr.*?</tr>", told["compare-table"]["html"])[1:]
        assert [re.findall(r"<th>.*?</i>(.*?)</th>\s*<td>(.*?)<span>", row) for row in rows] == [
            [("baseline", "6")],
            [("2 seeds", "6")],
            [("sync", "6")],
            [("2 seeds", "6")],
        ]


def test_what_a_link_gets_wrong_is_said_and_the_rest_works() -> None:
    page = open_page(**TWO, gamma="1", curve="x", paused="1")
    said = " ".join(toast.value.replace("\\", "") for toast in page.toast)
    assert "`gamma` in the link means nothing" in said
    assert "`curve` in the link must be one of" in said
    assert entry_of(page)


def is_of_one_run(scene: CompareScene) -> bool:
    """Whether what goes into a frame belongs together."""
    return list(scene.together.recipes) == list(scene.snapshots) and all(
        snapshot.num_codes == scene.together.recipes[name].num_codes for name, snapshot in scene.snapshots.items()
    )


def scene_of(page: AppTest) -> CompareScene:
    ask = ask_of(page, "compare-conductor")
    assert isinstance(ask.view, CompareView)
    return compare_scene(entry_of(page), ask.view, None)


@pytest.mark.parametrize("held", ["while a model is built", "between the new run and its first moment"])
def test_while_a_restart_is_under_way_a_page_and_its_frames_are_of_one_run(monkeypatch, held: str) -> None:
    page = reach(open_page(**TWO, paused="1"), 0)
    may_go_on, is_held = threading.Event(), threading.Event()

    def hold() -> None:
        is_held.set()
        assert may_go_on.wait(SECONDS)

    def build(recipe, *, variant, **rest):
        hold()
        return Trainer(recipe, variant=variant, **rest)

    def snapshots(run, **settings):
        hold()
        return taken(run, **settings)

    taken = run_module.Run.snapshots
    if held.startswith("while"):
        monkeypatch.setattr(run_module, "Trainer", build)
    else:
        monkeypatch.setattr(run_module.Run, "snapshots", snapshots)
    three = {name: default_recipe("plane", num_codes=9, device="cpu") for name in ("random", "k-means", "third")}
    try:
        ticket = entry_of(page).session.send(RestartCommand(three))
        assert is_held.wait(SECONDS)
        assert tuple(scene_of(page).snapshots) == ("baseline", "sync")
        assert is_of_one_run(scene_of(page))
        run(page)
        assert is_of_one_run(scene_of(page))
        assert "baseline" in html(page)
        again = open_page(session=entry_of(page).id)
        assert "baseline" in html(again)
    finally:
        may_go_on.set()
    assert entry_of(page).session.wait(lambda s: s.status().commands_done >= ticket, SECONDS)
    run(page)
    assert tuple(scene_of(page).snapshots) == tuple(three)
    assert is_of_one_run(scene_of(page))
    assert "third" in html(page)


def test_one_that_breaks_is_named_with_its_step_and_the_others_train_on(sessions: Registry) -> None:
    page = open_page(problem="plane", v1="wild;learning_rate=1e9", v2="calm")
    session = entry_of(page).session
    session.latest()
    assert session.wait(lambda s: s.status().broken, SECONDS)
    (broken,) = session.status().broken
    assert session.wait(lambda s: s.latest("calm").step > broken.step, SECONDS)
    run(page)  # drawn before the first step, it did not know that a click now means to pause
    press(page, "compare-play")
    assert session.wait(lambda s: s.status().state is State.PAUSED, SECONDS)
    run(page)
    stood = session.latest("wild").step
    assert stood < broken.step < session.latest("calm").step
    (said,) = [warning.value.replace("\\", "") for warning in page.main.warning]
    assert said.startswith(f"wild trains no further, the others do. {broken.reason}")
    assert said.endswith(f"as it was at step {stood}.")
    told = parts(page, "compare-conductor")
    assert f"<td>{stood}<span>broke at {broken.step}</span>" in told["compare-table"]["html"]
    for chart in ("compare-map", "compare-bars"):
        texts = [label["text"] for label in told[chart]["figure"]["layout"]["annotations"]]
        assert f"<b>wild</b>  broke, step {stood}" in texts
    assert told["status"]["facts"][0] == f"step {session.latest('calm').step:,}"


def test_inputs_and_what_each_variant_makes_of_them_stand_below_each_other() -> None:
    page = reach(
        open_page(problem="digits", v1="baseline", v2="affine;affine=running", paused="1", examples="outputs"), 0
    )
    (picture,) = parts(page, "compare-conductor")["compare-examples"]["figure"]["data"]
    sheet = np.asarray(Image.open(io.BytesIO(picture["source"].tobytes())))
    shown = entry_of(page).session.latest_of_all()
    first = shown["baseline"]
    rows = [first.monitor_inputs, *(snapshot.monitor_outputs for snapshot in shown.values())]
    assert sheet.shape[0] == PITCH * len(rows)
    for place, images in enumerate(rows):
        for column in (0, 3):
            middle = sheet[place * PITCH + TILE // 2 + 1, column * PITCH + TILE // 2 + 1, 0]
            side = images.shape[-1]
            value = np.clip(images[column, 0, side // 2, side // 2], -1, 1)
            assert abs(int(middle) - (value + 1) * 127.5) <= 1


def test_one_who_follows_sees_all_variants_with_views_of_their_own_and_no_control_of_the_training() -> None:
    owner = reach(open_page(**TWO, paused="1"), 0)
    entry = entry_of(owner)
    before = entry.session.status()
    page = open_page(watch=entry.watch_id, curve="task loss")
    assert shown(page) >= CHARTS
    assert "compare-transport" not in shown(page)
    assert not [*page.sidebar.button, *page.sidebar.selectbox, *page.sidebar.number_input, *page.sidebar.text_input]
    assert query(page).get("watch") == entry.watch_id
    assert query(page)["curve"] == "task loss"
    assert entry.id not in str(query(page)) + str(page_data(page, "compare-conductor"))
    assert "baseline" in parts(page, "compare-conductor")["compare-table"]["html"]
    press(owner, "compare-step")
    reach(owner, 1)
    assert "step 1" in str(parts(page, "compare-conductor")["status"])
    assert entry.session.status().recipes == before.recipes
    registry().end(entry.id)
    run(page)
    assert "has ended" in page.info[0].value
