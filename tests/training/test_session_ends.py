"""However a session stands, `stop` ends it, and nothing of what its thread owned is left."""

import gc
import threading
import weakref
from dataclasses import replace

import pytest
import torch

from vqcore.problems.catalogue import PROBLEMS
from vqcore.training import run as run_module
from vqcore.training.commands import ResumeCommand, SpeedCommand
from vqcore.training.recipe import default_recipe
from vqcore.training.session import Session
from vqcore.training.status import State
from vqcore.training.trainer import Trainer

RECIPE = default_recipe("plane", device="cpu", num_codes=4)
SECONDS = 60


def started(**settings) -> Session:
    session = Session(RECIPE, **settings)
    session.start()
    assert session.wait(lambda s: s.latest() is not None, SECONDS)
    return session


def running() -> Session:
    return started()


def paused() -> Session:
    return started(paused=True)


def idle() -> Session:
    now = [0.0]
    session = started(clock=lambda: now[0], idle_pause_seconds=5)
    now[0] = 60.0
    assert session.wait(lambda s: s.status().state is State.IDLE, SECONDS)
    return session


def waiting_for_its_next_step() -> Session:
    session = started(paused=True)
    session.send(SpeedCommand(1e-6))
    ticket = session.send(ResumeCommand())
    assert session.wait(lambda s: s.status().commands_done >= ticket, SECONDS)
    return session


def broken() -> Session:
    session = Session(default_recipe("not a number", device="cpu"))
    session.start()
    assert session.wait(lambda s: s.status().state is State.BROKEN, SECONDS)
    return session


def not_to_be_built() -> Session:
    session = Session(replace(RECIPE, device="cuda:99"))
    session.start()
    assert session.wait(lambda s: s.status().state is State.BROKEN, SECONDS)
    return session


def not_begun() -> Session:
    return Session(RECIPE)


def ended() -> Session:
    session = started()
    session.stop(SECONDS)
    return session


STANDS = (running, paused, idle, waiting_for_its_next_step, broken, not_to_be_built, not_begun, ended)


@pytest.fixture(autouse=True)
def _problem_without_a_loss(monkeypatch):
    problem = replace(PROBLEMS["plane"], name="not a number", loss=lambda output, _: output.sum() * float("nan"))
    monkeypatch.setitem(PROBLEMS, "not a number", problem)


@pytest.mark.parametrize("stands", STANDS)
def test_stop_returns_when_the_session_has_ended_however_it_stands(stands):
    session = stands()
    kept = session.latest()
    for _ in range(2):
        session.stop(SECONDS)
        assert session.status().state is State.STOPPED
        assert not session._thread.is_alive()
    assert session.status().steps_per_second == 0
    assert kept is None or session.latest().step >= kept.step


def test_a_session_that_was_stopped_before_its_start_never_begins(monkeypatch):
    built = []
    monkeypatch.setattr(run_module, "Trainer", lambda *_, **__: built.append(1))
    session = Session(RECIPE)
    session.stop()
    assert session.wait(lambda s: s.status().state is State.STOPPED, 0)
    session.start()
    assert session._thread.ident is None
    assert built == []


def test_stopped_while_its_model_is_built_it_ends_once_that_is_done(monkeypatch):
    within, let_go, begun = threading.Event(), threading.Event(), []

    def build(*words, **names):
        begun.append(names["variant"])
        within.set()
        assert let_go.wait(SECONDS)
        return Trainer(*words, **names)

    monkeypatch.setattr(run_module, "Trainer", build)
    session = Session({"first": RECIPE, "second": RECIPE})
    session.start()
    assert within.wait(SECONDS)
    session.stop(0)
    assert session.status().state is State.STARTING
    let_go.set()
    session.stop(SECONDS)
    assert session.status().state is State.STOPPED
    assert begun == ["first"]


def test_stopped_from_its_own_thread_it_ends_after_that_step(monkeypatch):
    stopped = []

    def loss(output: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():  # a step, and not a look at held-out inputs
            session.stop(SECONDS)  # a thread that waited for itself would fail here
            stopped.append(session.status().state)
        return (output - targets).square().mean()

    monkeypatch.setitem(PROBLEMS, "stopping", replace(PROBLEMS["plane"], name="stopping", loss=loss))
    session = Session(default_recipe("stopping", device="cpu"))
    session.start()
    session._thread.join(SECONDS)
    assert session.status().state is State.STOPPED
    assert stopped == [State.RUNNING]
    assert session.trained_steps() == 1


def test_what_its_thread_owned_goes_with_its_thread_and_the_number_of_steps_stays(monkeypatch):
    models = []

    def build(*words, **names):
        trainer = Trainer(*words, **names)
        models.append(weakref.ref(trainer))
        return trainer

    monkeypatch.setattr(run_module, "Trainer", build)
    session = started(paused=True, plan=None)
    session.send(ResumeCommand())
    assert session.wait(lambda s: s.latest() is not None and s.trained_steps() >= 3, SECONDS)
    session.stop(SECONDS)
    gc.collect()
    assert [model() for model in models] == [None]
    assert session.trained_steps() >= max(3, session.latest().step)


def test_steps_that_nobody_asked_to_see_are_counted_and_wake_nobody(monkeypatch):
    far = threading.Event()
    step = Trainer.step

    def noting(trainer):
        step(trainer)
        if trainer.steps_done == 40:
            far.set()

    monkeypatch.setattr(Trainer, "step", noting)
    session = started(paused=True)
    ticket = session.send(ResumeCommand())
    try:
        assert session.wait(lambda s: s.status().commands_done >= ticket, SECONDS)
        # The looks above may have been granted one more moment: from here on nobody looks.
        assert session.wait(lambda s: s.latest(wish=False).step > 0, SECONDS)
        before = session.status()
        assert far.wait(SECONDS)
        assert session.status() is before
        assert session.trained_steps() >= 39
    finally:
        session.stop(SECONDS)


def test_at_exit_all_sessions_end_at_once() -> None:
    first, second = (Session(RECIPE, paused=True) for _ in range(2))
    for session in (first, second):
        session.start()
    first._stop_at_exit()
    assert second.wait(lambda session: session.status().state is State.STOPPED)
