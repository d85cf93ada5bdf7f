"""What is remembered of a run that a restart put away."""

from dataclasses import replace

import numpy as np
import pytest

from vqcore.training.commands import PauseCommand, RestartCommand, StepCommand, UndoRestartCommand, change
from vqcore.training.history import HELD_OUT, LOSSES, MEASURED
from vqcore.training.past_run import MOST_PAST_RUNS
from vqcore.training.recipe import default_recipe
from vqcore.training.session import Session
from vqcore.training.trainer import Trainer

RECIPE = default_recipe("plane", device="cpu")
OTHER = replace(RECIPE, seed=1)
SECONDS = 60


@pytest.fixture
def session():
    made = Session(RECIPE, paused=True)
    made.start()
    yield made
    made.stop()


def obeyed(session, *commands):
    ticket = session.send(*commands)
    assert session.wait(lambda one: one.status().commands_done >= ticket, SECONDS)


def test_a_restart_leaves_what_the_run_began_with_and_its_curves_to_its_last_step(session):
    obeyed(session, StepCommand(), change(sync=0.5), StepCommand(), StepCommand())
    shown = session.latest(wish=False)
    obeyed(session, RestartCommand(OTHER), PauseCommand())
    (past,) = session.past_runs()
    assert (past.run, past.variant, past.step, past.recipe) == (0, "main", 3, RECIPE)
    assert [event.changes for event in past.events] == [(("sync", 0.5),)]
    assert replace(past.held_out, accuracy=0.0) == replace(shown.held_out, accuracy=0.0)  # NaN is not itself
    for name in ("task_loss", "held_out.in_use", "held_out.task_loss"):
        kept, whole = past.history(0).points(name), shown.history.points(name)
        np.testing.assert_array_equal(kept.last_step, whole.last_step)
        np.testing.assert_array_equal(kept.mean, whole.mean)


def test_the_run_that_is_trained_is_never_among_the_past_ones(session):
    obeyed(session, StepCommand(), RestartCommand(OTHER), StepCommand(), StepCommand())
    assert [past.step for past in session.past_runs()] == [1]
    obeyed(session, UndoRestartCommand())
    assert [(past.step, past.recipe.seed) for past in session.past_runs()] == [(2, 1)]
    obeyed(session, UndoRestartCommand())
    assert [(past.step, past.recipe.seed) for past in session.past_runs()] == [(1, 0)]


def test_as_many_runs_as_there_is_room_for_are_remembered(session):
    for _ in range(MOST_PAST_RUNS + 2):
        obeyed(session, StepCommand(), RestartCommand(RECIPE))
    assert [past.run for past in session.past_runs()] == list(range(2, MOST_PAST_RUNS + 2))


def test_thinned_curves_are_means_over_equally_many_steps():
    trainer = Trainer(default_recipe("plane", device="cpu"), exact_rows=256, held_out_every=4)
    for _ in range(600):  # far beyond the rows that are kept one by one
        trainer.step()
    whole = trainer.snapshot().history
    assert len(whole.past_losses.rows)
    thin = whole.thinned(10)
    assert (len(thin.step), len(thin.held_out_at), thin.usage.counts.size) == (10, 10, 0)
    for name in (*LOSSES, *MEASURED, *(f"held_out.{name}" for name in HELD_OUT)):
        before, after = whole.points(name), thin.points(name)
        ends = np.searchsorted(before.last_step, after.last_step, side="right")
        parts = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]
        assert ends[-1] == len(before.rows)
        means = [
            np.average(before.mean[part], weights=before.rows[part]) if before.finite[part].any() else np.nan
            for part in parts
        ]
        np.testing.assert_allclose(after.mean, means, rtol=1e-5)
        rows = [before.rows[part].sum() for part in parts]
        assert max(rows) - min(rows) <= 2 * before.rows.max()
