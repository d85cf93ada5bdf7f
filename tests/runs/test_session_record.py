"""A live session that is kept is the run that the same training recorded by itself."""

import numpy as np
import pytest

from vqcore.runs.reading import Run, load_run
from vqcore.session_record import keep, remembered
from vqcore.training.commands import UntilCommand, change
from vqcore.training.recipe import default_recipe
from vqcore.training.session import Session
from vqcore.training.trainer import Trainer
from vqcore.training_record import TrainingRecord

STEPS, SWITCHED, SECONDS = 60, 20, 60
RECIPES = {
    "whole": default_recipe("plane", device="cpu", num_codes=16),
    "residual": default_recipe("plane", device="cpu", num_codes=8, structure="residual", levels=2),
}


def by_itself(folder, recipe) -> Run:
    trainer = Trainer(recipe)
    with TrainingRecord(folder, trainer, STEPS) as record:
        record.every = 1  # which moments a session remembers depends on when it was looked at
        for step in range(STEPS + 1):
            if step:
                trainer.step()
            if step == SWITCHED:
                trainer.apply({"sync": 0.5})
            record.note(trainer)
    return load_run(folder)


def step_of(session: Session) -> int:
    snapshot = session.latest()
    return -1 if snapshot is None else snapshot.step


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_kept_of_a_session_is_what_the_training_itself_recorded(tmp_path, name):
    recipe = RECIPES[name]
    session = Session(recipe, paused=True)
    session.start()
    try:
        assert session.wait(lambda s: step_of(s) == 0, SECONDS)
        for until in (SWITCHED, 30, STEPS):
            session.send(UntilCommand(until))
            assert session.wait(lambda s, step=until: step_of(s) == step, SECONDS)
            if until == SWITCHED:
                session.send(change(sync=0.5))
        kept = remembered(session)
        assert kept is not None
        run = load_run(keep(tmp_path / "kept", kept))
        again = keep(tmp_path / "kept", kept)
    finally:
        session.stop()
    assert again.name == "kept-2"
    expected = by_itself(tmp_path / "expected", recipe)
    assert (run.state, run.events, run.codebooks) == ("finished", expected.events, expected.codebooks)
    assert run.about["codebooks"] == expected.about["codebooks"]
    assert run.about["recipe"] == expected.about["recipe"]
    there = {line["step"]: line for line in expected.lines}
    assert {0, SWITCHED, 30, STEPS} <= set(run.snapshots)
    assert run.lines[-1]["step"] == STEPS
    for line in run.lines:
        told = there[line["step"]]
        assert [line.get(name) for name in ("loss", "held_out_loss")] == [
            told.get(name) for name in ("loss", "held_out_loss")
        ]
        for book, numbers in line["codebooks"].items():  # between two moments, the curves alone are remembered
            assert numbers.items() <= told["codebooks"][book].items()
    for step in run.snapshots:
        for book, seen in run.snapshot(step).items():
            for field, array in seen._asdict().items():
                np.testing.assert_array_equal(array, getattr(expected.snapshot(step)[book], field))


def test_a_session_before_its_first_moment_has_nothing_to_keep():
    session = Session(RECIPES["whole"])
    assert remembered(session) is None
    session.stop()
