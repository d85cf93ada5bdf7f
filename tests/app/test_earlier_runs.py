"""The runs of a session: listed, and one of them behind the curves of the run on show."""

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from live_page_runs import control, entry_of, open_page, reach, step_of
from page_runs import click, run
from road_reading import ask_of, frame, read_piece

from app.figures.curves import curves
from app.panels.earlier_runs import beside, earlier_panels, earlier_run, earlier_runs, last_step_seen
from app.panels.page_export import page_html
from app.panels.scene import Scene, scene_of
from app.stream.seen_page import seen_page

pytestmark = pytest.mark.usefixtures("sessions")


def restarted(**query: str):
    """A page of a run with another seed than the run of three steps before it."""
    page = reach(open_page(problem="plane", paused="1", **query), lambda session: step_of(session) == 0)
    click(page, "step", "step", "step")
    reach(page, lambda session: step_of(session) == 3)
    page.number_input(key=control(page, "seed")).set_value(3)
    click(page, "apply", key="pending")
    return reach(page, lambda session: step_of(session) == 0 and session.status().recipe.seed == 3)


def parts(page) -> dict[str, tuple[str, Any]]:
    return {key: (revision, read_piece(data)) for key, revision, data in frame(page).parts}


def past_loss(page) -> np.ndarray:
    (past,) = entry_of(page).session.past_runs()
    return past.history(0).points("held_out.task_loss").mean


def table(page) -> str:
    (html,) = [element.proto.body for element in page.get("html") if "vq-runs" in element.proto.body]
    return re.sub("<[^>]+>", " ", html)


def test_while_a_restart_is_under_way_the_run_on_show_does_not_lie_behind_itself():
    page = restarted()
    scene = scene_on(page)
    (earlier,) = earlier_runs(scene)
    shown_still = replace(scene, status=replace(scene.status, run=earlier.past.run))
    assert earlier_runs(shown_still) == []
    assert earlier_run(shown_still) is None


def test_after_a_restart_the_earlier_run_lies_behind_and_is_sent_once():
    page = restarted()
    first = parts(page)
    (loss,) = [each for each in first["curves-behind"][1]["traces"] if each["name"] == "task loss, run 1"]
    np.testing.assert_array_equal(loss["y"], past_loss(page))
    assert "dotted: run 1" in first["curves-said"][1]["html"]
    names = [trace["name"] for trace in first["curves-plot"][1]["figure"]["data"]]
    click(page, "step")
    reach(page, lambda session: step_of(session) == 1)
    have = {key: revision for key, (revision, _) in first.items()}
    second = {key for key, _, _ in frame(page, have=have).parts}
    assert "curves-plot" in second
    assert "curves-behind" not in second
    assert {name for name in names if "run 1" in name} == set()


def test_the_list_says_how_a_run_differs_and_which_curves_lie_behind_is_chosen():
    page = restarted()
    words = table(page)
    for said in ("run 1", "seed 0", " 3 ", "of 32", "run 2 is on show"):
        assert said in words, (said, words)
    page.selectbox(key="view-earlier").set_value("none")
    run(page)
    assert page.query_params["earlier"] == "none"
    found = parts(page)
    assert found["curves-behind"][1]["traces"] == []
    assert "dotted" not in found["curves-said"][1]["html"]
    page.selectbox(key="view-earlier").set_value("")
    page.selectbox(key=control(page, "problem")).set_value("digits-classifier")
    run(page)
    reach(page, lambda session: session.latest().z_e.shape[1] > 2)
    assert "plane" in table(page)
    assert parts(page)["curves-behind"][1]["traces"] == []  # another problem's loss is another quantity


def test_the_axes_hold_both_runs_and_a_saved_page_has_what_its_words_speak_of():
    page = restarted()
    scene = scene_on(page)
    earlier = earlier_run(scene)
    assert earlier is not None
    assert last_step_seen(scene, earlier) == 3
    mine = earlier_panels(scene, earlier)
    higher = [
        replace(panel, curves=[replace(curve, values=100 * curve.values) for curve in panel.curves]) for panel in mine
    ]
    apart, alone = (
        curves(panels, [], smoothing=1, last_step=3, height=200)["layout"]["yaxis"]["range"][1]
        for panels in (beside(mine, higher, 3), mine)
    )
    assert apart >= alone + 1.5  # a factor of 100 on a log axis
    with_more_codes = beside(mine, [replace(panel, ends=(1.0, 4096.0)) for panel in mine], 3)
    layout = curves(with_more_codes, [], smoothing=1, last_step=3, height=200)["layout"]
    assert layout["yaxis2"]["range"][1] > np.log10(4096)  # in use and perplexity: of the larger codebook
    text = page_html(seen_page(scene.entry, scene.view), datetime(2026, 11, 27))
    assert "dotted: run 1" in text
    assert '"task loss, run 1"' in text


def scene_on(page) -> Scene:
    scene = scene_of(entry_of(page), ask_of(page).view)
    assert scene is not None
    return scene
