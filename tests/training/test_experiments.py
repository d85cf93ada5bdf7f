"""Experiments from one moment are the trainings that a bare trainer makes with the same switches thrown there."""

from contextlib import contextmanager
from types import MappingProxyType

import numpy as np
import pytest

from vqcore.training.commands import (
    CancelExperimentsCommand,
    ExperimentCommand,
    PauseCommand,
    RestartCommand,
    ResumeCommand,
    ShowRunCommand,
    UndoRestartCommand,
    change,
)
from vqcore.training.experiment_plan import ExperimentPlan
from vqcore.training.recipe import default_recipe
from vqcore.training.session import Session
from vqcore.training.status import State
from vqcore.training.trainer import Trainer

SECONDS = 60.0
RECIPE = default_recipe("plane", device="cpu")
CHANGES = {
    "Do nothing": {},
    "Affine": {"affine": "running"},
    "Alternating": {"inner_steps": 1, "inner_lr": 2.0, "inner_momentum": 0.9},
}
PLAN = ExperimentPlan(pause_at=6, steps=20, changes=MappingProxyType(CHANGES))


@contextmanager
def paused(plan=PLAN):
    session = Session(RECIPE, plan=plan)
    session.start()
    try:
        reach(session, lambda s: s.status().paused_run is not None and s.latest().step == plan.pause_at)
        yield session
    finally:
        session.stop(SECONDS)


def reach(session, until):
    def seen(s):
        s.latest()
        return until(s)

    assert session.wait(seen, SECONDS), session.status()


def rows(session):
    return {row.name: row for row in session.status().experiments}


def obeyed(session, *commands):
    ticket = session.send(*commands)
    reach(session, lambda s: s.status().commands_done >= ticket)


def done(session, *names):
    reach(session, lambda s: {row.name for row in s.status().experiments if row.stage == "done"} >= {*names})


def bare(name):
    trainer = Trainer(RECIPE)
    for step in range(PLAN.pause_at + PLAN.steps):
        if step == PLAN.pause_at:
            trainer.apply(CHANGES[name])
        trainer.step()
    return trainer.snapshot()


def test_each_is_what_a_bare_trainer_makes_of_it_in_whatever_order_and_whatever_was_done_meanwhile():
    with paused() as session:
        assert session.latest().step == PLAN.pause_at
        done(session, "Do nothing")  # unasked, while the pause is shown
        assert session.status().state is State.PAUSED
        assert session.latest().step == PLAN.pause_at
        obeyed(session, change(sync=0.5), ResumeCommand())
        reach(session, lambda s: s.latest().step > PLAN.pause_at + 3)  # the run that paused is free to go on
        obeyed(session, *map(ExperimentCommand, ["Alternating", "Affine", "Alternating"]))
        done(session, "Affine", "Alternating")
        for name in CHANGES:
            obeyed(session, ShowRunCommand(rows(session)[name].run))
            expected, found = bare(name), session.latest()
            assert found.step == PLAN.pause_at + PLAN.steps
            assert np.array_equal(found.codebook, expected.codebook)
            assert repr(rows(session)[name].held_out) == repr(expected.held_out)  # NaN is its accuracy
            assert rows(session)[name].seconds > 0
            assert not rows(session)[name].is_touched
            assert session.at(PLAN.pause_at).step == PLAN.pause_at  # its past is there to go back to


def test_one_that_is_pressed_twice_or_during_another_is_trained_once_and_in_turn():
    with paused() as session:
        obeyed(session, *map(ExperimentCommand, ["Affine", "Affine", "Alternating", "Affine"]))
        done(session, "Affine", "Alternating")
        numbers = [row.run for row in session.status().experiments]
        assert len(set(numbers)) == len(numbers)
        obeyed(session, ExperimentCommand("Affine"))  # done: it is shown again, not trained
        reach(session, lambda s: s.status().run == rows(s)["Affine"].run)
        assert session.status().state is State.PAUSED
        assert session.latest().step == PLAN.pause_at + PLAN.steps


def test_one_asked_for_before_the_pause_waits_for_it():
    session = Session(RECIPE, plan=PLAN)
    session.send(ExperimentCommand("Affine"))
    session.start()
    try:
        done(session, "Affine")
        assert session.status().run == rows(session)["Affine"].run
    finally:
        session.stop(SECONDS)


LONG = ExperimentPlan(pause_at=3, steps=10**6, changes=PLAN.changes)


def test_cancelling_shows_the_pause_again_and_forgets_what_was_not_done():
    with paused(LONG) as session:
        obeyed(session, ExperimentCommand("Affine"), ExperimentCommand("Alternating"))
        reach(session, lambda s: rows(s)["Affine"].stage == "training" and s.latest().step > 3)
        assert rows(session)["Alternating"].stage == "waiting"
        obeyed(session, ShowRunCommand(0))
        assert "in training" in session.status().message
        obeyed(session, PauseCommand(), CancelExperimentsCommand())
        assert session.status().run == session.status().paused_run
        assert session.latest().step == 3
        assert [rows(session)[name].stage for name in ("Affine", "Alternating")] == ["offered", "offered"]


def test_a_restart_has_none_and_taking_it_back_has_them_again():
    with paused() as session:
        obeyed(session, ExperimentCommand("Affine"))
        done(session, "Affine")
        obeyed(session, RestartCommand(RECIPE))
        assert session.status().experiments == ()
        obeyed(session, ExperimentCommand("Affine"))
        assert "no experiments are planned" in session.status().message
        obeyed(session, UndoRestartCommand())
        assert rows(session)["Affine"].stage == "done"
        obeyed(session, RestartCommand(RECIPE, PLAN))
        reach(session, lambda s: s.status().run > 1 and s.status().paused_run == s.status().run)
        assert rows(session)["Affine"].stage == "offered"


def test_a_switch_thrown_by_hand_is_noted_and_one_that_breaks_ends_alone():
    with paused() as session:
        obeyed(session, ExperimentCommand("Affine"), change(learning_rate=1e-4))
        done(session, "Affine")
        assert rows(session)["Affine"].is_touched
        obeyed(session, ExperimentCommand("Alternating"), change(learning_rate=1e9), ExperimentCommand("Do nothing"))
        done(session, "Do nothing")
        assert rows(session)["Alternating"].stage == "broken"
        assert rows(session)["Alternating"].held_out is None


@pytest.mark.parametrize("shown", [True, False])
def test_a_session_ends_under_its_experiments(shown):
    with paused(LONG) as session:
        if shown:
            session.send(*map(ExperimentCommand, CHANGES))
        reach(session, lambda s: any(row.steps > 0 for row in s.status().experiments))
        session.stop(SECONDS)
        assert session.status().state is State.STOPPED
