"""Going back in time: what is kept, what is dropped, and what a kept moment shows."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqcore.snapshot import Snapshot
from vqcore.training.commands import PauseCommand, RestartCommand, ResumeCommand, StepCommand, UndoRestartCommand
from vqcore.training.recipe import default_recipe
from vqcore.training.session import Session
from vqcore.training.timeline import MOST_MOMENTS, TRAIL_LENGTH, Timeline
from vqcore.training.trainer import Trainer
from vqcore.training.training_loop import SINGLE_STEP_SECONDS

RECIPE = default_recipe("plane", device="cpu", num_codes=16)
SECONDS = 60
FIRST = Trainer(RECIPE).snapshot()


def steps(timeline: Timeline) -> list[int]:
    return [moment.step for moment in timeline.moments]


def kept(*taken: int, **limits: int) -> Timeline:
    timeline = Timeline(**limits)
    for step in taken:
        timeline.keep({"main": (replace(FIRST, step=step),)})
    return timeline


def seen(timeline: Timeline, step: int) -> Snapshot | None:
    return timeline.at(step, "main", 0, FIRST.history)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=400))
def test_few_are_kept_always_the_same_and_always_the_first_and_the_newest(gaps):
    taken = np.cumsum(gaps).tolist()
    found = kept(*taken, most_moments=20)
    assert len(found.moments) == min(len(taken), 20)
    assert set(steps(found)) <= set(taken)
    assert steps(found) == sorted(steps(found))
    assert (steps(found)[0], steps(found)[-1]) == (taken[0], taken[-1])
    assert steps(found) == steps(kept(*taken, most_moments=20))


def test_gaps_grow_with_the_distance_to_now_and_to_the_start():
    found = np.array(steps(kept(*range(0, 20_001, 10))))
    assert len(found) == MOST_MOMENTS
    gaps = np.diff(found)
    assert gaps[:2].max() <= 20
    assert gaps[-2:].max() <= 20
    distance = np.minimum(found[1:], found[-1] - found[:-1])
    assert (gaps <= 0.5 * distance + 20).all()


def test_bytes_are_bounded_and_what_moments_share_counts_once():
    alone = kept(0).nbytes
    sharing = kept(*range(10))
    assert sharing.nbytes == alone  # `replace` copies no array
    own = Timeline(most_bytes=3 * alone)
    for step in range(30):
        own.keep({"main": (replace(FIRST, step=step, z_e=FIRST.z_e.copy(), codebook=FIRST.codebook.copy()),)})
    assert own.nbytes <= 3 * alone
    assert len(own.moments) > 2
    tiny = Timeline(most_bytes=1)
    for step in range(5):
        tiny.keep({"main": (replace(FIRST, step=step),)})
    assert steps(tiny) == [0, 4]


@given(st.integers(-5, 130))
def test_it_finds_the_newest_at_or_before_a_step_else_the_oldest(step):
    taken = [10, 20, 40, 80, 120]
    found = seen(kept(*taken), step)
    assert found is not None
    assert found.step == max((at for at in taken if at <= step), default=10)


def test_before_the_first_moment_there_is_none():
    assert seen(Timeline(), 5) is None


def test_the_same_step_again_replaces_what_was_kept():
    timeline = kept(1, 2)
    timeline.keep({"main": (replace(FIRST, step=2, codebook=FIRST.codebook + 1),)})
    assert steps(timeline) == [1, 2]
    np.testing.assert_array_equal(seen(timeline, 2).codebook, FIRST.codebook + 1)


def session_after(count: int) -> Session:
    """Paused after `count` single steps."""
    session = Session(RECIPE, paused=True)
    session.start()
    for _ in range(count):
        session.send(StepCommand())
    assert session.wait(lambda found: found.status().commands_done == count, SECONDS), session.status()
    return session


def obeyed(session: Session, command) -> None:
    ticket = session.send(command)
    assert session.wait(lambda found: found.status().commands_done >= ticket, SECONDS)


def test_a_moment_gone_back_to_is_as_it_was_then():
    session, trainer = session_after(15), Trainer(RECIPE)
    try:
        for _ in range(9):
            trainer.step()
        then, past = trainer.snapshot(), session.at(9)
        assert past.step == 9
        for name in ("z_e", "codes", "codebook", "counts", "steps_unused", "outputs", "gradient_norm"):
            np.testing.assert_array_equal(getattr(past, name), getattr(then, name))
        np.testing.assert_array_equal(past.history.step, then.history.step)
        for name, values in then.history.losses.items():
            np.testing.assert_array_equal(past.history.losses[name], values)
        assert past.metrics.task_loss == then.metrics.task_loss == past.history.losses["task_loss"][-1]
        assert [place.step for place in past.trail] == list(range(10))
        np.testing.assert_array_equal(past.trail[4].codebook, session.at(4).codebook)
        assert len(session.at(15).trail) == TRAIL_LENGTH
    finally:
        session.stop()


def test_going_back_holds_nothing_up():
    session = session_after(3)
    try:
        obeyed(session, ResumeCommand())
        assert session.wait(lambda found: found.latest().step > 20, SECONDS)
        assert session.at(2).step == 2
        before = session.trained_steps()
        assert session.wait(
            lambda found: found.latest() and found.at(2).step == 2 and found.trained_steps() > before + 5
        )
    finally:
        session.stop()


def test_a_restart_begins_an_empty_past_and_taking_it_back_brings_the_old_one():
    session = session_after(6)
    try:
        assert [moment.step for moment in session.moments()] == list(range(7))
        obeyed(session, RestartCommand(RECIPE))
        assert [moment.step for moment in session.moments()] == [0]
        assert session.at(5).step == 0
        obeyed(session, UndoRestartCommand())
        assert [moment.step for moment in session.moments()] == list(range(7))
    finally:
        session.stop()


def test_its_clock_counts_training_and_no_pause():
    now = [0.0]
    session = Session(RECIPE, paused=True, clock=lambda: now[0], idle_pause_seconds=1e9)
    session.start()
    try:
        obeyed(session, StepCommand())
        now[0] = 100.0
        obeyed(session, StepCommand())
        assert [moment.seconds for moment in session.moments()] == [0, SINGLE_STEP_SECONDS, 2 * SINGLE_STEP_SECONDS]
        obeyed(session, ResumeCommand())
        assert session.wait(lambda found: found.latest().step > 5, SECONDS)
        now[0] = 107.0
        at = session.latest().step
        assert session.wait(lambda found: found.latest().step > at + 5, SECONDS)
        obeyed(session, PauseCommand())
        now[0] = 1000.0
        obeyed(session, StepCommand())
        assert session.moments()[-1].seconds == pytest.approx(7 + 3 * SINGLE_STEP_SECONDS)
    finally:
        session.stop()
