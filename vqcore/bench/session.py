"""Speed of a watched session as ratios within one run, for a quiet machine."""

import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

from vqcore.training.commands import PauseCommand, ResumeCommand
from vqcore.training.cores import yield_to_others
from vqcore.training.recipe import default_recipe
from vqcore.training.session import Session
from vqcore.training.status import State
from vqcore.training.trainer import Trainer

WATCH_SECONDS = 0.5
"""Seconds between looks: a watcher at 2 Hz, like the page."""


def bench_session(problem: str, *, rounds: int = 5, seconds: float = 6.0) -> dict[str, Any]:
    """Steps per second of a session watched at 2 Hz over those of the bare loop, alternating in one run.

    The bare loop is `Trainer.step` in a thread of a session's priority. Each round measures both, so that what
    else the machine does falls on both alike.
    """
    recipe = default_recipe(problem)
    trainer = Trainer(recipe)
    session = Session(recipe, paused=True)
    session.start()
    try:
        session.wait(lambda s: s.status().state is State.PAUSED)
        for _ in range(20):
            trainer.step()
        pairs = [(_bare_rate(trainer, seconds), _watched_rate(session, seconds)) for _ in range(rounds)]
    finally:
        session.stop()
    ratios = sorted(watched / bare for bare, watched in pairs)
    return {
        "problem": problem,
        "device": str(trainer.device),
        "bare_steps_per_second": statistics.median(bare for bare, _ in pairs),
        "watched_steps_per_second": statistics.median(watched for _, watched in pairs),
        "ratio": statistics.median(ratios),
        "ratio_lowest": ratios[0],
        "ratio_highest": ratios[-1],
        "rounds": rounds,
    }


def as_a_session_runs(work: Callable[[], None]) -> None:
    """Run `work` in a thread with a session's priority: else only the session would yield on a busy machine."""

    def run() -> None:
        yield_to_others()
        work()

    thread = threading.Thread(target=run, name="vq-scope-bare-loop")
    thread.start()
    thread.join()


def _bare_rate(trainer: Trainer, seconds: float) -> float:
    def steps_done() -> int:
        return trainer.steps_done

    stop = time.perf_counter() + seconds

    def run() -> None:
        while time.perf_counter() < stop:
            trainer.step()

    return _rate(steps_done, lambda: as_a_session_runs(run))


def _watched_rate(session: Session, seconds: float) -> float:
    def steps_done() -> int:
        return session.trained_steps()

    def watch() -> None:
        done = threading.Event()
        stop = time.perf_counter() + seconds
        while (left := stop - time.perf_counter()) > 0:
            session.latest()
            done.wait(min(WATCH_SECONDS, left))

    session.send(ResumeCommand())
    session.wait(lambda s: s.status().state is State.RUNNING)
    rate = _rate(steps_done, watch)
    ticket = session.send(PauseCommand())
    session.wait(lambda s: s.status().commands_done >= ticket)
    return rate


def _rate(steps_done: Callable[[], int], run: Callable[[], None]) -> float:
    before, started = steps_done(), time.perf_counter()
    run()
    return (steps_done() - before) / (time.perf_counter() - started)
