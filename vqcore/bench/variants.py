"""Speed of variants side by side in one session, over the same trainings one after the other."""

import statistics
import threading
import time
from typing import Any, NamedTuple

from vqcore.bench.session import WATCH_SECONDS, as_a_session_runs
from vqcore.training.commands import PauseCommand, ResumeCommand
from vqcore.training.recipe import default_recipe
from vqcore.training.session import Session
from vqcore.training.status import State
from vqcore.training.trainer import Trainer

CHANGES: dict[str, dict[str, Any]] = {
    "baseline": {},
    "affine running": {"affine": "running"},
    "replacement 20": {"replace_every": 20},
    "EMA": {"codebook_update": "ema"},
}
WARM_UP = 10


class Block(NamedTuple):
    """Number of steps of all variants together, and their time."""

    steps: int
    seconds: float
    cpu_seconds: float
    """CPU time of the whole process: other load on the machine does not count."""


def bench_variants(problem: str, *, rounds: int = 7, seconds: float = 4.0) -> dict[str, Any]:
    """Steps per second of four variants in one session watched at 2 Hz, over those of four bare loops in turn.

    Both are sums over the variants. Blocks of `seconds` alternate, so that other load on the machine affects both
    alike; the ratio of CPU time per step excludes it altogether.
    """
    recipes = {name: default_recipe(problem, **changes) for name, changes in CHANGES.items()}
    trainers = [Trainer(recipe, variant=name) for name, recipe in recipes.items()]
    session = Session(recipes, paused=True)
    session.start()
    try:
        session.wait(lambda s: s.status().state is State.PAUSED)
        for trainer in trainers:
            for _ in range(WARM_UP):
                trainer.step()
        _in_session(session, seconds / 4)
        pairs = [(_one_after_the_other(trainers, seconds), _in_session(session, seconds)) for _ in range(rounds)]
    finally:
        session.stop()
    rates = [(bare.steps / bare.seconds, whole.steps / whole.seconds) for bare, whole in pairs]
    ratios = sorted(whole / bare for bare, whole in rates)
    bare_cpu, session_cpu = (
        sum(block.cpu_seconds for block in blocks) / sum(block.steps for block in blocks)
        for blocks in zip(*pairs, strict=True)
    )
    return {
        "variants": len(recipes),
        "bare_steps_per_second": statistics.median(bare for bare, _ in rates),
        "session_steps_per_second": statistics.median(whole for _, whole in rates),
        "ratio": statistics.median(ratios),
        "ratio_lowest": ratios[0],
        "ratio_highest": ratios[-1],
        "cpu_ratio": bare_cpu / session_cpu,
        "rounds": rounds,
    }


def _one_after_the_other(trainers: list[Trainer], seconds: float) -> Block:
    """Run each trainer for its share of the time."""

    def run() -> None:
        for trainer in trainers:
            stop = time.perf_counter() + seconds / len(trainers)
            while time.perf_counter() < stop:
                trainer.step()

    before, started, cpu = _steps_of(trainers), time.perf_counter(), time.process_time()
    as_a_session_runs(run)
    return Block(_steps_of(trainers) - before, time.perf_counter() - started, time.process_time() - cpu)


def _steps_of(trainers: list[Trainer]) -> int:
    return sum(trainer.steps_done for trainer in trainers)


def _in_session(session: Session, seconds: float) -> Block:
    session.send(ResumeCommand())
    session.wait(lambda s: s.status().state is State.RUNNING)
    before, started, cpu = session.trained_steps(), time.perf_counter(), time.process_time()
    waiting, stop = threading.Event(), started + seconds
    while (left := stop - time.perf_counter()) > 0:
        session.latest_of_all()
        waiting.wait(min(WATCH_SECONDS, left))
    steps, took, spent = session.trained_steps() - before, time.perf_counter() - started, time.process_time() - cpu
    ticket = session.send(PauseCommand())
    session.wait(lambda s: s.status().commands_done >= ticket)
    return Block(steps * len(session.status().variants), took, spent)
