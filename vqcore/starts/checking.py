"""Recomputes what starts claim: each seed to its pause, and from there each experiment on the same batches."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from vqcore.starts.start import UNLESS_SEEDS_DIFFER, Experiment, Outcome, Start, holds, measured
from vqcore.training.finite import NonFiniteError
from vqcore.training.trainer import Trainer

NEVER = 2**31
"""Held-out numbers are wanted at the end alone."""

BROKEN = Outcome(float("nan"), 0, float("nan"), None)
"""Of a training that was not finite: it keeps no claim."""


class Row(NamedTuple):
    """One experiment on one seed."""

    seed: int
    experiment: str
    at_pause: Outcome
    outcome: Outcome
    seconds: float


def rows_of(start: Start, seed: int, *, tell: Callable[[], object] = lambda: None) -> list[Row]:
    """All experiments of `start` on one seed, on the CPU; `tell` is called after each."""
    paused = Trainer(start.recipe(seed, device="cpu"), held_out_every=NEVER)
    _train(paused, start.pause_at)
    at_pause, rows = _outcome(paused), []
    for experiment in start.experiments:
        began = time.perf_counter()
        outcome = _outcome_of(paused, experiment, start.steps)
        rows.append(Row(seed, experiment.name, at_pause, outcome, time.perf_counter() - began))
        tell()
    return rows


def _outcome_of(paused: Trainer, experiment: Experiment, steps: int) -> Outcome:
    fork = paused.fork(experiment.name)
    fork.apply(experiment.changes)
    try:
        _train(fork, steps)
    except NonFiniteError:
        return BROKEN
    return _outcome(fork)


def _train(trainer: Trainer, steps: int) -> None:
    for _ in range(steps):
        trainer.step()


def _outcome(trainer: Trainer) -> Outcome:
    found = trainer.evaluate()
    return Outcome(found.task_loss, found.active_codes, found.perplexity, found.accuracy)


def judged(start: Start, rows: Sequence[Row]) -> dict[str, Any]:
    """The table of one start: for each experiment its claims with how often they held, and every seed's numbers."""
    seeds = sorted({row.seed for row in rows})
    alone = {row.seed: row.outcome for row in rows if row.experiment == start.experiments[0].name}
    shown = [row for row in rows if row.experiment == start.experiments[0].name]
    found = [
        _experiment(each, [row for row in rows if row.experiment == each.name], alone) for each in start.experiments
    ]
    has = start.symptom
    return {
        "name": start.name,
        "seeds": seeds,
        "with_symptom": None if has is None else sum(_has_symptom(start, row.at_pause) for row in shown),
        "experiments": found,
    }


def failed(table: dict[str, Any]) -> list[str]:
    """A sentence for each claim that does not hold on enough seeds."""
    return [
        f"{table['name']}: {each['name']}: {claim['claim']} {claim['threshold']:g} held on {claim['held']} of "
        f"{claim['of']} seeds"
        for each in table["experiments"]
        for claim in each["claims"]
        if claim["held"] < UNLESS_SEEDS_DIFFER * claim["of"]
    ]


def _has_symptom(start: Start, outcome: Outcome) -> bool:
    share = outcome.active_codes / start.recipe().num_codes
    return start.symptom is not None and start.symptom.shows(share, outcome.accuracy)


def _experiment(experiment: Experiment, rows: Iterable[Row], alone: dict[int, Outcome]) -> dict[str, Any]:
    of_seeds = []
    for row in rows:
        values = row.outcome._asdict() | {"at_pause": row.at_pause._asdict(), "seconds": round(row.seconds, 2)}
        of_seeds.append({"seed": row.seed} | values | {"against": measured(row.outcome, alone[row.seed])})
    return {
        "name": experiment.name,
        "claims": [_claim(name, threshold, of_seeds) for name, threshold in experiment.claims.made().items()],
        "seeds": of_seeds,
    }


def _claim(name: str, threshold: float, of_seeds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    values = [each["against"][name] for each in of_seeds]
    held = sum(holds(name, threshold, value) for value in values)
    return {"claim": name, "threshold": threshold, "held": held, "of": len(values)}
