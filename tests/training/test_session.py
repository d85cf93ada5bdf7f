import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from vqcore.snapshot import SnapshotSource
from vqcore.training import run as run_module
from vqcore.training.commands import (
    PauseCommand,
    RestartCommand,
    ResumeCommand,
    SpeedCommand,
    StepCommand,
    UndoRestartCommand,
    UntilCommand,
    change,
)
from vqcore.training.experiment_plan import ExperimentPlan
from vqcore.training.published import Published
from vqcore.training.recipe import default_recipe
from vqcore.training.session import Session
from vqcore.training.status import State
from vqcore.training.timeline import TRAIL_LENGTH
from vqcore.training.trainer import Trainer

RECIPE = default_recipe("plane", device="cpu")
SECONDS = 60


@contextmanager
def running(recipe=RECIPE, **settings):
    session = Session(recipe, **settings)
    session.start()
    try:
        yield session
    finally:
        session.stop()


def reach(session, until):
    assert session.wait(until, SECONDS), (session.status(), session.latest())


def step_of(session, variant="main"):
    snapshot = session.latest(variant)
    return -1 if snapshot is None else snapshot.step


def trained(session, steps):
    """Wait for that many steps and no more. It wishes for no snapshot: of a step nobody wished to see none comes."""
    end = time.monotonic() + SECONDS
    while session.trained_steps() < steps and time.monotonic() < end:
        time.sleep(0.005)
    assert session.trained_steps() == steps


def obeyed(session, command):
    ticket = session.send(command)
    reach(session, lambda s: s.status().commands_done >= ticket)


def test_it_answers_as_every_source_of_snapshots_does():
    with running() as session:
        source: SnapshotSource = session
        reach(session, lambda s: step_of(s) >= 5)
        assert len(source.history().step) == source.latest().history.step[-1]


def test_a_switch_takes_effect_between_two_steps_and_is_recorded():
    with running() as session:
        reach(session, lambda s: step_of(s) >= 3)
        obeyed(session, change(sync=0.5))
        (event,) = session.latest().events
        assert event.label == "sync 0.5"
        assert event.step >= 3
        assert session.status().recipe.options.sync == 0.5
        reach(session, lambda s: step_of(s) > event.step)


def test_paused_it_stands_still_and_steps_singly():
    with running(paused=True) as session:
        reach(session, lambda s: s.status().state is State.PAUSED and step_of(s) == 0)
        for step in (1, 2, 3):
            obeyed(session, StepCommand())
            assert step_of(session) == step
            assert session.status().state is State.PAUSED
        obeyed(session, change(beta=0.5))
        assert session.latest().events[0].step == 3
        session.send(ResumeCommand())
        reach(session, lambda s: step_of(s) > 6)
        obeyed(session, PauseCommand())
        assert session.status().state is State.PAUSED
        assert session.status().steps_per_second == 0


def test_whoever_reads_that_it_is_paused_finds_the_moment_of_its_last_step(monkeypatch):
    told = []

    def tell(published, **changes):
        before(published, **changes)
        if published.status.state is State.PAUSED:
            told.append((published.together.run, published.newest(None, 0).step, published.trained_steps))

    before = Published.tell
    monkeypatch.setattr(Published, "tell", tell)
    with running(plan=ExperimentPlan(pause_at=4, steps=1)) as session:
        reach(session, lambda s: s.status().state is State.PAUSED)
        obeyed(session, ResumeCommand())
        reach(session, lambda s: step_of(s) >= 24)
        obeyed(session, PauseCommand())
        obeyed(session, RestartCommand(RECIPE))
    assert {step == trained for _, step, trained in told} == {True}
    assert [(run, step) for run, step, _ in told][-1] == (1, 0)
    assert max(step for run, step, _ in told if run == 0) >= 24


@pytest.mark.parametrize("paused", [False, True])
def test_while_it_starts_it_is_known_whether_it_will_train(monkeypatch, paused):
    told = []

    def tell(published, **changes):
        before(published, **changes)
        if published.status.state is State.STARTING:
            told.append(published.status.is_stepping)

    before = Published.tell
    monkeypatch.setattr(Published, "tell", tell)
    session = Session(RECIPE, paused=paused)
    assert session.status().is_stepping == (not paused)
    session.start()
    try:
        reach(session, lambda s: step_of(s) >= 0)
        obeyed(session, PauseCommand() if paused else ResumeCommand())
        obeyed(session, RestartCommand(RECIPE))
        assert session.status().is_stepping == (not paused)
    finally:
        session.stop()
    assert set(told) == {not paused}
    assert len(told) >= 2


def test_it_pauses_at_the_step_it_was_given_once_and_at_the_speed_it_was_given():
    with running(plan=ExperimentPlan(pause_at=4, steps=1), steps_per_second=200.0) as session:
        reach(session, lambda s: s.status().state is State.PAUSED and step_of(s) == 4)
        assert [moment.step for moment in session.moments()][-1] == 4
        assert session.status().speed_limit == 200.0
        obeyed(session, ResumeCommand())
        reach(session, lambda s: step_of(s) > 6)
        assert session.status().state is State.RUNNING


def test_a_run_begun_anew_does_not_pause_where_the_first_would_have():
    with running(plan=ExperimentPlan(pause_at=4, steps=1), paused=True) as session:
        reach(session, lambda s: step_of(s) == 0)
        obeyed(session, RestartCommand(RECIPE))
        obeyed(session, ResumeCommand())
        reach(session, lambda s: step_of(s) > 6)
        assert session.status().state is State.RUNNING


def test_its_curves_are_those_of_the_bare_trainer():
    with running(paused=True) as session:
        for _ in range(20):
            session.send(StepCommand())
        session.send(change(affine="running"))
        for _ in range(20):
            session.send(StepCommand())
        reach(session, lambda s: step_of(s) == 40)
        watched = session.latest().history.losses["task_loss"]
    trainer = Trainer(RECIPE)
    for step in range(40):
        if step == 20:
            trainer.apply({"affine": "running"})
        trainer.step()
    assert np.array_equal(watched, trainer.snapshot().history.losses["task_loss"])


def test_all_parts_of_a_snapshot_come_from_one_step():
    with running() as session:
        reach(session, lambda s: step_of(s) >= 30)
        snapshot = session.latest()
        assert len(snapshot.history.step) == snapshot.step
        assert snapshot.history.measured_at[-1] == snapshot.step
        assert snapshot.window_vectors == min(snapshot.step, 50) * 256
        assert snapshot.trail[-1].step == snapshot.step


def test_no_snapshot_is_taken_while_nobody_asks(monkeypatch):
    taken, stepped = [], threading.Event()
    original_snapshots, original_step = Trainer.snapshots, Trainer.step

    def snapshots(self):
        taken.append(self.steps_done)
        return original_snapshots(self)

    def step(self):
        original_step(self)
        if self.steps_done == 100:
            stepped.set()

    monkeypatch.setattr(Trainer, "snapshots", snapshots)
    monkeypatch.setattr(Trainer, "step", step)
    with running():
        assert stepped.wait(SECONDS)
    assert taken == [0]


def test_unseen_it_pauses_and_goes_on_at_the_next_look():
    now = [0.0]
    with running(clock=lambda: now[0], idle_pause_seconds=10) as session:
        reach(session, lambda s: step_of(s) >= 2)
        now[0] = 11
        reach(session, lambda s: s.status().state is State.IDLE)
        stopped_at = session.latest(wish=False).step
        session.latest()
        reach(session, lambda s: s.status().state is State.RUNNING and step_of(s) > stopped_at)


def test_a_speed_limit_holds_by_the_clock():
    now = [0.0]
    with running(paused=True, clock=lambda: now[0]) as session:
        obeyed(session, SpeedCommand(0.1))
        obeyed(session, ResumeCommand())
        trained(session, 1)
        now[0] = 9.9
        for beta in (0.5, 0.6):  # it is awake, and does not step
            obeyed(session, change(beta=beta))
        assert session.trained_steps() == 1
        now[0] = 10.1
        obeyed(session, change(beta=0.7))
        trained(session, 2)


def test_a_refused_switch_is_said_and_changes_nothing():
    with running(paused=True) as session:
        obeyed(session, change(beta=2.0))
        assert "`beta` must be a number from 0 to 1, but got 2.0" in session.status().message
        assert session.status().state is State.PAUSED
        obeyed(session, change(beta=0.5, variant="other"))
        assert "`variant` must be one of main" in session.status().message
        obeyed(session, change(beta=0.5))
        assert session.status().message == ""
        assert session.status().recipe.options.beta == 0.5


def test_a_broken_loss_pauses_names_the_tensor_and_keeps_the_last_good_snapshot():
    with running(default_recipe("digits", device="cpu")) as session:
        reach(session, lambda s: step_of(s) >= 3)
        session.send(change(learning_rate=1e6))
        reach(session, lambda s: s.status().state is State.BROKEN)
        assert "became NaN or infinite at step" in session.status().message
        snapshot = session.latest()
        assert np.isfinite(snapshot.z_e).all()
        assert np.isfinite(snapshot.history.losses["task_loss"]).all()
        obeyed(session, RestartCommand(default_recipe("digits", device="cpu")))
        assert session.status().message == ""
        obeyed(session, ResumeCommand())
        reach(session, lambda s: s.status().state is State.RUNNING and step_of(s) >= 3)


def test_an_exception_in_a_step_becomes_the_state_with_its_traceback(monkeypatch):
    def broken(self):
        raise RuntimeError("out of luck")

    with running(paused=True) as session:
        reach(session, lambda s: step_of(s) == 0)
        monkeypatch.setattr(Trainer, "step", broken)
        session.send(StepCommand())
        reach(session, lambda s: s.status().state is State.BROKEN)
        assert "out of luck" in session.status().message
        assert "in broken" in session.status().details
        assert step_of(session) == 0


def test_a_recipe_that_cannot_be_built_is_said_and_another_can_follow():
    impossible = default_recipe("digits", device="cpu", code_init="kmeans", num_codes=60_000)
    with running(impossible) as session:
        reach(session, lambda s: s.status().state is State.BROKEN)
        assert "num_codes=60000" in session.status().message
        assert session.latest() is None
        obeyed(session, StepCommand())
        obeyed(session, RestartCommand(RECIPE))
        reach(session, lambda s: step_of(s) >= 1)


def test_a_restart_that_fails_keeps_the_run_and_a_good_one_can_be_taken_back():
    impossible = default_recipe("digits", device="cpu", code_init="kmeans", num_codes=60_000)
    with running() as session:
        reach(session, lambda s: step_of(s) >= 5)
        obeyed(session, PauseCommand())
        before = session.latest()
        obeyed(session, RestartCommand(impossible))
        assert "num_codes=60000" in session.status().message
        assert step_of(session) == before.step
        obeyed(session, RestartCommand(default_recipe("plane", device="cpu", seed=7)))
        assert step_of(session) == 0
        assert session.status().recipe.seed == 7
        assert session.status().can_undo
        obeyed(session, UndoRestartCommand())
        assert session.status().recipe == RECIPE
        assert np.array_equal(session.latest().codebook, before.codebook)
        obeyed(session, StepCommand())
        assert step_of(session) == before.step + 1


def test_it_trains_until_a_step_and_pauses_there_to_the_bare_trainers_numbers():
    with running(paused=True) as session:
        obeyed(session, UntilCommand(7))
        reach(session, lambda s: s.status().state is State.PAUSED and step_of(s) == 7)
        obeyed(session, UntilCommand(3))  # long past: it stays
        assert (step_of(session), session.status().state) == (7, State.PAUSED)
        trainer = Trainer(RECIPE)
        for _ in range(7):
            trainer.step()
        assert np.array_equal(session.latest().codebook, trainer.snapshot().codebook)


def test_a_pause_on_the_way_ends_the_wish_to_stop_at_a_step():
    with running(paused=True) as session:
        obeyed(session, UntilCommand(1_000_000))
        obeyed(session, PauseCommand())
        obeyed(session, UntilCommand(step_of(session) + 2))
        reach(session, lambda s: s.status().state is State.PAUSED)
        at = session.trained_steps()
        obeyed(session, ResumeCommand())
        reach(session, lambda s: step_of(s) > at + 3)
        obeyed(session, UntilCommand(1_000_000))
        obeyed(session, RestartCommand(RECIPE))
        obeyed(session, PauseCommand())
        obeyed(session, ResumeCommand())
        reach(session, lambda s: step_of(s) > 5)
        assert session.status().state is State.RUNNING


def test_it_says_how_many_models_of_a_run_are_built(monkeypatch):
    seen = []

    def build(*settings, **names):
        status = session.status()
        seen.append((status.state, status.built, status.to_build))
        return Trainer(*settings, **names)

    monkeypatch.setattr(run_module, "Trainer", build)
    session = Session({"one": RECIPE, "two": RECIPE, "three": RECIPE}, paused=True)
    session.start()
    try:
        reach(session, lambda s: step_of(s, "three") == 0)
        obeyed(session, RestartCommand(RECIPE))
    finally:
        session.stop()
    starting = State.STARTING
    assert seen == [(starting, 0, 3), (starting, 1, 3), (starting, 2, 3), (starting, 0, 1)]


def test_variants_step_in_lockstep_on_one_data_order():
    recipes = {"main": RECIPE, "sync": default_recipe("plane", device="cpu", sync=1.0), "same": RECIPE}
    with running(recipes) as session:
        reach(session, lambda s: step_of(s) >= 10)
        obeyed(session, PauseCommand())
        main, sync, same = (session.latest(name) for name in recipes)
        assert main.step == sync.step == same.step
        assert (main.variant, sync.variant) == ("main", "sync")
        assert np.array_equal(main.codebook, same.codebook)
        assert not np.array_equal(main.codebook, sync.codebook)


def test_paths_are_kept_bounded():
    with running(paused=True) as session:
        for _ in range(TRAIL_LENGTH + 5):
            obeyed(session, StepCommand())
            session.latest()
        trail = session.latest().trail
        assert len(trail) == TRAIL_LENGTH
        assert [entry.step for entry in trail] == list(range(6, 18))


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


class WatchedClock:
    """Seconds that pass in steps and snapshots alone, as long as they are said to take."""

    def __init__(self, monkeypatch, *, step: float, snapshot: float) -> None:
        self.now, self.published_at = 0.0, []
        take_step, take_snapshots = Trainer.step, Trainer.snapshots

        def slow_step(trainer):
            self.now += step
            take_step(trainer)

        def slow_snapshots(trainer):
            self.now += snapshot
            self.published_at.append(self.now)
            return take_snapshots(trainer)

        monkeypatch.setattr(Trainer, "step", slow_step)
        monkeypatch.setattr(Trainer, "snapshots", slow_snapshots)

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("snapshot", "between"), [(0.004, 0.2), (0.01, 0.5), (0.4, 1.4)])
def test_snapshots_take_a_fiftieth_of_the_time_but_never_wait_much_longer_than_a_second(
    snapshot, between, monkeypatch
):
    clock = WatchedClock(monkeypatch, step=0.005, snapshot=snapshot)
    with running(clock=clock, idle_pause_seconds=1e9) as session:
        reach(session, lambda s: s.latest() is not None and len(clock.published_at) >= 12)
    gaps = np.diff(clock.published_at[1:11])
    assert gaps == pytest.approx(np.full(9, between), abs=0.006)
