"""Trains what lessons need, without a page, and checks their claims."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from demos.lesson import Claim, Finding, Formula, Lesson, Question, Step, Training
from demos.measures import TABLE_HEADS, table_row
from demos.record import BrokeDownError, MissingMomentError, Record
from vqcore.snapshot import Snapshot
from vqcore.training.finite import NonFiniteError
from vqcore.training.trainer import Trainer
from vqcore.trajectories.lockstep import trajectories


class StoppedError(Exception):
    """Raised when nobody wants the rest."""


class _Trained(NamedTuple):
    moments: dict[int, Snapshot]
    broken: str
    """A sentence, or empty."""


class Examined(NamedTuple):
    """One claim of one step, and its result."""

    number: int
    """The step's, from 1."""

    step: Step
    claim: Claim
    finding: Finding | None
    error: str
    """One sentence if the claim could not be computed; else empty."""


def record(lesson: Lesson, seed: int, *, shorten: int = 1) -> Record:
    """Run one lesson; see `records`."""
    return records([lesson], seed, shorten=shorten)[0]


def records(
    lessons: Sequence[Lesson],
    seed: int,
    *,
    shorten: int = 1,
    shown: Callable[[Iterable[Any]], Iterable[Any]] = iter,
    stop: Callable[[], bool] = lambda: False,
) -> list[Record]:
    """Run lessons on one seed; a training that several of them share is trained once.

    Args:
        lessons: what to run.
        seed: the seed of every training and path.
        shorten: divide every number of steps by this. That only shows that it runs.
        shown: wraps the iteration over trainings, for a progress bar.
        stop: asked before each step.

    Raises:
        StoppedError: as soon as `stop` returns true.
    """
    wanted: dict[tuple[Any, ...], tuple[Training, set[int]]] = {}
    for lesson in lessons:
        for name, steps in lesson.moments():
            training = lesson.trainings[name]
            wanted.setdefault(training.key(), (training, set()))[1].add(steps)
    trained = {key: _train(*wanted[key], seed, shorten, stop) for key in shown(wanted)}
    return [_record(lesson, seed, shorten, trained) for lesson in lessons]


def examine(lesson: Lesson, found: Record) -> list[Examined]:
    """Every claim of `lesson` in order. One that fails to compute says so and leaves the others alone."""
    return [each for number in range(1, len(lesson.steps) + 1) for each in examine_step(lesson, number, found)]


def examine_step(lesson: Lesson, number: int, found: Record) -> list[Examined]:
    """The claims of one step, counted from 1; see `examine`."""
    step, known = lesson.steps[number - 1], _until(lesson, number, found)
    return [_examined(number, step, claim, known) for claim in step.claims]


def _until(lesson: Lesson, number: int, found: Record) -> Record:
    """What a reader who is at this step has: a claim that needs more would fail on the page alone."""
    looks = set(lesson.moments(number))
    return replace(found, moments={look: moment for look, moment in found.moments.items() if look in looks})


def answer(number: int, step: Step, question: Question, found: Record) -> str:
    """The right choice, or a sentence on why there is none."""
    try:
        index = question.answer(found)
        if not 0 <= index < len(question.choices):
            raise IndexError(f"`answer` gave {index}, but must give a number from 0 to {len(question.choices) - 1}.")
        return question.choices[index]
    except BrokeDownError as error:
        return str(error)
    except MissingMomentError as error:
        return f"Step {number} ({step.title}): the question {question.asks!r} has no answer: {error}"
    except Exception as error:  # the lesson's file is at fault, as above
        return f"Step {number} ({step.title}): the question {question.asks!r} has no answer: {error!r}."


def has_moments(step: Step, found: Record) -> bool:
    """Whether `found` has all that the step shows and reads."""
    if found.setting is not None:
        return all(name in found.paths for name in step.shows)
    return all(look in found.moments for look in (*((name, step.at) for name in step.shows), *step.reads))


def numbers_here(step: Step, found: Record) -> list[str]:
    """The numbers of the step's formula, a line for each training or method shown that is in `found`."""
    if step.formula is None:
        return []
    try:
        return _numbers(step, step.formula, found)
    except Exception as error:  # the lesson's file is at fault, as above
        return [f"the numbers of the formula cannot be computed: {error!r}"]


def table_of(step: Step, found: Record) -> list[tuple[str, ...]]:
    """The step's table: heads, then a row for each training shown that is in `found`; empty without a table."""
    reached = [name for name in step.shows if (name, step.at) in found.moments]
    if not (step.table and reached):
        return []
    return [("", *TABLE_HEADS), *((name, *table_row(found.at(name, step.at))) for name in reached)]


def _numbers(step: Step, formula: Formula, found: Record) -> list[str]:
    here, on_path = formula.here, formula.here_on_path
    said = {
        name: here(found.moments[name, step.at]) for name in step.shows if here and (name, step.at) in found.moments
    }
    said |= {name: on_path(found.paths[name]) for name in step.shows if on_path and name in found.paths}
    return [*said.values()] if len(step.shows) == 1 else [f"{name}: {numbers}" for name, numbers in said.items()]


def _examined(number: int, step: Step, claim: Claim, found: Record) -> Examined:
    try:
        return Examined(number, step, claim, claim.check(found), "")
    except BrokeDownError as error:
        return Examined(number, step, claim, Finding(False, str(error), {}), "")
    except MissingMomentError as error:
        why = f"Step {number} ({step.title}): the claim {claim.says!r} cannot be computed: {error}"
        return Examined(number, step, claim, None, why)
    except Exception as error:  # of whatever kind: the lesson's file is at fault, and the others go on
        why = f"Step {number} ({step.title}): the claim {claim.says!r} cannot be computed: {error!r}."
        return Examined(number, step, claim, None, why)


def _record(lesson: Lesson, seed: int, shorten: int, trained: dict[tuple[Any, ...], _Trained]) -> Record:
    results = {name: trained[lesson.trainings[name].key()] for name, _ in lesson.moments()}
    setting = lesson.setting
    if setting is not None:
        setting = replace(setting, seed=seed, steps=math.ceil(setting.steps / shorten))
    return Record(
        seed=seed,
        moments={
            (name, steps): results[name].moments[steps]
            for name, steps in lesson.moments()
            if steps in results[name].moments
        },
        broken={name: result.broken for name, result in results.items() if result.broken},
        setting=setting,
        paths={} if setting is None else {path.method: path for path in trajectories(setting)},
    )


def _train(training: Training, looks: set[int], seed: int, shorten: int, stop: Callable[[], bool]) -> _Trained:
    """Snapshots by the unshortened number of steps."""
    trainer = Trainer(training.recipe(seed))
    thrown = {math.ceil(steps / shorten): changes for steps, changes in training.switches.items()}
    moments: dict[int, Snapshot] = {}
    try:
        trainer.apply(thrown.get(0, {}))
        for look in sorted({0, *looks}):  # as on a page: every curve begins at step 0
            while trainer.steps_done < math.ceil(look / shorten):
                if stop():
                    raise StoppedError
                trainer.step()
                trainer.apply(thrown.get(trainer.steps_done, {}))
            moments[look] = trainer.snapshot()
    except NonFiniteError as error:
        return _Trained(moments, str(error))
    return _Trained(moments, "")
