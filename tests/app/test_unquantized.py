"""The same network without quantization, held against a run."""

import numpy as np
import pytest
from live_page_runs import entry_of, open_page, reach, step_of
from page_runs import click, run
from road_reading import parts

from app.sessions.unquantized import Unquantized
from app.wording import number
from vqcore.training.recipe import changed, default_recipe
from vqcore.training.trainer import Trainer

SECONDS = 60


@pytest.mark.parametrize(
    "settings",
    [{"code_init": "kmeans", "replace_every": 5, "input_norm": "unit"}, {"structure": "residual", "levels": 2}],
)
def test_it_is_the_network_with_bypass_from_the_first_step_at_the_same_learning_rates(settings):
    recipe = default_recipe("digits", device="cpu", num_codes=16, batch_size=16, **settings)
    quantized, bypassed = Trainer(recipe), Trainer(changed(recipe, {"bypass": True}))
    for trainer in (quantized, bypassed):
        for step in range(12):
            if step == 5:
                trainer.apply({"learning_rate": 0.01})
            if step == 7 and trainer is quantized:
                trainer.apply({"sync": 0.5})
            trainer.step()
    work = Unquantized(recipe, quantized.events, 12).start()
    assert work.wait(SECONDS)
    assert work.problem == ""
    assert work.result is not None
    assert work.result.step == 12
    expected = bypassed.snapshot()
    assert work.result.held_out.task_loss == expected.held_out.task_loss
    assert work.result.held_out.task_loss != quantized.snapshot().held_out.task_loss


def test_it_ends_without_a_result_once_nobody_wants_it():
    asked = iter([True, True, True])
    work = Unquantized(default_recipe("plane", device="cpu"), (), 1000, lambda: next(asked, False)).start()
    assert work.wait(SECONDS)
    assert (work.steps_done, work.result, work.problem) == (3, None, "")


@pytest.mark.usefixtures("sessions")
def test_its_loss_stands_beside_the_run_s_with_the_step_that_it_is_of():
    page = reach(open_page(problem="plane", paused="1"), lambda session: step_of(session) == 0)
    click(page, "step", "step")
    reach(page, lambda session: step_of(session) == 2)
    assert loss_tile(page)["of"] == ""
    page.button(key="unquantized").click()
    run(page)
    work = entry_of(page).unquantized.values()[0]
    assert work.wait(SECONDS)
    loss = f"unquantized {number(work.result.held_out.task_loss)}"
    assert loss_tile(run(page))["of"] == loss
    assert "without quantization" in page.selectbox(key="view-earlier").options
    click(page, "step")
    reach(page, lambda session: step_of(session) == 3)
    assert loss_tile(page)["of"] == f"{loss} at step 2"
    page.selectbox(key="view-earlier").set_value("unquantized")
    behind = parts(run(page))["curves-behind"]["traces"]
    assert [trace["name"] for trace in behind] == ["task loss, without quantization"]


def loss_tile(page):
    (tile,) = [tile for tile in parts(page)["tiles"]["tiles"] if tile["label"] == "task loss"]
    return tile


@pytest.mark.usefixtures("sessions")
def test_a_classifier_says_how_often_it_is_right():
    page = reach(open_page(problem="digits-classifier", paused="1"), lambda session: step_of(session) == 0)
    snapshot = entry_of(page).session.latest()
    right = np.mean(snapshot.monitor_outputs.argmax(1) == snapshot.labels)
    assert loss_tile(page)["of"] == f"{right:.0%} right"
