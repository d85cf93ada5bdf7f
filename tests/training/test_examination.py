"""What the model makes of one code: decoded again here, place by place, and nothing in the run changed."""

import numpy as np
import pytest
import torch

from vqcore.training.commands import EndVariantCommand, ExamineCommand, StepCommand, change, fork
from vqcore.training.published import MOST_EXAMINATIONS
from vqcore.training.recipe import default_recipe
from vqcore.training.session import Session
from vqcore.training.status import State
from vqcore.training.trainer import Trainer


def trained(problem: str, **settings) -> Trainer:
    trainer = Trainer(default_recipe(problem, num_codes=16, code_init="kmeans", **settings))
    for _ in range(3):
        trainer.step()
    return trainer


def decoded(trainer: Trainer, z_q: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return trainer.model.eval().decode(torch.from_numpy(z_q.astype(np.float32))).numpy()


@pytest.mark.parametrize("problem", ["digits", "digits-classifier", "plane"])
def test_alone_every_place_holds_the_code(problem):
    trainer = trained(problem)
    snapshot = trainer.snapshot()
    shape = (1, *snapshot.code_maps.shape[1:], 1)
    expected = decoded(trainer, np.tile(snapshot.codebook[7], (*shape[:-1], 1)))[0]
    np.testing.assert_allclose(trainer.examine(7).alone, expected, rtol=1e-4, atol=1e-5)


def test_at_a_level_the_others_are_at_their_mean():
    trainer = trained("digits", structure="residual", levels=2)
    first, second = trainer.snapshots()
    vector = first.codebook[first.codes].mean(0) + second.codebook[5]
    expected = decoded(trainer, np.tile(vector, (1, 4, 4, 1)))[0]
    np.testing.assert_allclose(trainer.examine(5, 1).alone, expected, rtol=1e-4, atol=1e-5)


def test_at_a_group_the_others_are_at_their_mean():
    trainer = trained("digits", structure="grouped", levels=2)
    first, second = trainer.snapshots()
    vector = np.concatenate([first.codebook[5], second.codebook[second.codes].mean(0)])
    expected = decoded(trainer, np.tile(vector, (1, 4, 4, 1)))[0]
    np.testing.assert_allclose(trainer.examine(5, 0).alone, expected, rtol=1e-4, atol=1e-5)


def test_in_its_neighbours_place():
    trainer = trained("digits")
    snapshot, code = trainer.snapshot(), 3
    replaced = trainer.examine(code).replaced
    distances = np.linalg.norm(snapshot.codebook - snapshot.codebook[code], axis=1)
    in_use = [k for k in np.argsort(distances, kind="stable") if k != code and k in snapshot.codes]
    assert replaced.neighbour == in_use[0]
    maps = snapshot.codes.reshape(-1, 4, 4)
    inputs = [i for i, found in enumerate(maps) if replaced.neighbour in found]
    assert (replaced.inputs, replaced.vectors) == (len(inputs), int((maps == replaced.neighbour).sum()))
    before = decoded(trainer, snapshot.codebook[maps[inputs]])
    after = decoded(trainer, snapshot.codebook[np.where(maps == replaced.neighbour, code, maps)[inputs]])
    assert replaced.output_change == pytest.approx(np.sqrt(np.mean((after - before) ** 2)), rel=1e-4)
    targets = snapshot.monitor_inputs[inputs]
    assert replaced.loss_change == pytest.approx(
        np.mean((after - targets) ** 2) - np.mean((before - targets) ** 2), rel=1e-3, abs=1e-6
    )
    most = int((maps[inputs] == replaced.neighbour).sum((1, 2)).argmax())
    np.testing.assert_allclose(replaced.before, before[most], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(replaced.after, after[most], rtol=1e-4, atol=1e-5)


def test_with_one_code_there_is_nobody_to_replace():
    trainer = Trainer(default_recipe("plane", num_codes=1))
    assert trainer.examine(0).replaced is None


def test_looking_changes_nothing():
    plain, watched = trained("digits"), trained("digits")
    for _ in range(3):
        watched.examine(4)
        plain.step()
        watched.step()
    assert watched.model.training
    np.testing.assert_array_equal(plain.snapshot().codebook, watched.snapshot().codebook)
    assert plain.snapshot().metrics == watched.snapshot().metrics


@pytest.fixture
def session():
    session = Session(default_recipe("plane", num_codes=8), paused=True)
    session.start()
    assert session.wait(lambda session: session.latest() is not None)
    yield session
    session.stop()


def test_a_paused_session_answers_once_for_a_moment_and_again_for_the_next(session):
    query = ExamineCommand(2)
    assert session.examination(query) is None
    assert session.wait(lambda session: session.examination(query) is not None)
    first = session.examination(query)
    assert (first.step, first.code) == (0, 2)
    done = session.status().commands_done
    for _ in range(5):
        assert session.examination(query) is first
    assert session.status().commands_done == done
    assert session.commands_pending() == 0
    session.send(StepCommand())
    assert session.wait(lambda session: session.examination(query).step == 1)
    assert not first.alone.flags.writeable


def test_who_shows_an_earlier_moment_gets_no_later_answer(session):
    query = ExamineCommand(2)
    for step in (0, 1, 2):
        assert session.wait(lambda session, step=step: getattr(session.examination(query), "step", -1) == step)
        before = session.examination(query, until=step - 1, wish=False)
        assert before is None if step == 0 else before.step == step - 1
        session.send(StepCommand())


def test_a_refusal_stays_readable_while_a_code_is_looked_at(session):
    session.send(change(beta=7.0))
    assert session.wait(lambda session: session.status().message != "")
    assert session.wait(lambda session: session.examination(ExamineCommand(1)) is not None)
    assert "beta" in session.status().message


def test_a_code_that_the_run_does_not_have_gets_no_answer_and_breaks_nothing(session):
    session.examination(ExamineCommand(8))
    session.examination(ExamineCommand(0, level=3))
    assert session.wait(lambda session: session.commands_pending() == 0)
    assert session.examination(ExamineCommand(8)) is None
    assert session.status().message == ""


def test_a_variant_that_has_ended_gets_no_answer_and_breaks_nothing(session):
    session.send(fork("twin"))
    session.send(ExamineCommand(0, variant="twin"))
    session.send(EndVariantCommand("twin"))
    ticket = session.send(ExamineCommand(1, variant="twin"))
    assert session.wait(lambda session: session.status().commands_done >= ticket)
    assert session.examination(ExamineCommand(0, variant="twin"), wish=False) is not None
    assert session.examination(ExamineCommand(1, variant="twin"), wish=False) is None
    assert (session.status().state, session.status().message) == (State.PAUSED, "")


def test_answers_are_few():
    session = Session(default_recipe("plane", num_codes=MOST_EXAMINATIONS + 4), paused=True)
    session.start()
    try:
        for code in range(MOST_EXAMINATIONS + 4):
            session.send(ExamineCommand(code))
        assert session.wait(lambda session: session.commands_pending() == 0)
        kept = [code for code in range(MOST_EXAMINATIONS + 4) if session.examination(ExamineCommand(code))]
        assert kept == list(range(4, MOST_EXAMINATIONS + 4))  # the newest
    finally:
        session.stop()
