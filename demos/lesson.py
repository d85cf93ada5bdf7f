"""A lesson as frozen values: text, the trainings it looks at, questions, and claims that are computed.

Text says what to look at; only findings say what happened.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from demos.record import Record
from vqcore.quantizer.options import option_names
from vqcore.snapshot import Snapshot
from vqcore.training.recipe import ACTIONS, Recipe, changed, default_recipe
from vqcore.trajectories.path import Path
from vqcore.trajectories.setting import Setting

NAME = re.compile(r"[a-z][a-z0-9]*", re.ASCII)

MOST_WORDS = 60
"""Most words of a step's text, or of any other text that a reader gets in one piece."""

MOST_SHOWN = 4
"""Most trainings or methods of a step: as many as fit beside each other and stay distinguishable."""

Panel = Literal["map", "usage", "curves", "examples", "compare", "arrows", "toy", "paths"]
"""What a step shows beside its text: the Live page's four, trainings side by side, an arrow from each raw code
vector to its code vector, the paper's toy of the affine map, or paths over the plane."""

OF_ALL_TRAININGS: tuple[Panel, ...] = ("compare", "toy")
"""Panels that are one picture, however many trainings a step shows."""


class LessonError(ValueError):
    """Raised for an invalid lesson; the sentence names the step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """A problem trained from a lesson's seed, with switches thrown on the way."""

    problem: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Recipe fields and live options by name, from step 0 on."""

    switches: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    """Live options or actions, as for `Trainer.apply`, by the number of steps done before."""

    def recipe(self, seed: int) -> Recipe:
        """The recipe it starts from.

        Raises:
            ValueError: if a change is refused.
        """
        return default_recipe(self.problem, seed=seed, **self.changes)

    def check(self) -> None:
        """Raise ValueError for a change or switch that would be refused."""
        recipe = self.recipe(0)
        for steps in self.switches:
            _check_steps("switches", steps)
        for switch in self.switches.values():
            for name, value in switch.items():
                if name not in ACTIONS and name not in option_names():
                    raise ValueError(f"`{name}` is not a live switch; choose from {', '.join(option_names())}.")
                if name not in ACTIONS:
                    recipe = changed(recipe, {name: value})

    def key(self) -> tuple[Any, ...]:
        """A key that is equal for identical trainings."""
        thrown = tuple((steps, tuple(sorted(made.items()))) for steps, made in sorted(self.switches.items()))
        return self.problem, tuple(sorted(self.changes.items())), thrown


class Finding(NamedTuple):
    """What a claim found in one record."""

    held: bool
    measured: str
    """The numbers in words, true whether or not the claim held."""

    numbers: Mapping[str, float]

    def sentence(self) -> str:
        """The sentence for the reader.

        >>> Finding(False, "the loss went from 1 to 2.", {}).sentence()
        'Not on this seed: the loss went from 1 to 2.'
        """
        return f"{'Here' if self.held else 'Not on this seed'}: {self.measured}"


@dataclass(frozen=True, slots=True)
class Claim:
    """An expectation, and the function that checks it. Never shown without its finding."""

    says: str
    check: Callable[[Record], Finding]


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """Asked before a step reveals what happened; the right choice is computed from the run."""

    asks: str
    choices: tuple[str, ...]
    answer: Callable[[Record], int]
    """The index of the right choice."""


@dataclass(frozen=True, slots=True)
class Formula:
    """What a step says in symbols, and with the numbers of the run."""

    latex: str
    plain: str
    """The same for where nothing renders LaTeX: the handout, a screen reader."""

    here: Callable[[Snapshot], str] | None = field(default=None, kw_only=True)
    """Its numbers at the moment shown, for each training of the step."""

    here_on_path: Callable[[Path], str] | None = field(default=None, kw_only=True)
    """The same for each method of a lesson about the plane."""

    source: tuple[str, str] | None = field(default=None, kw_only=True)
    """Where it is first said, and its URL."""

    note: str = field(default="", kw_only=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One idea: its text, the state that it shows, its question and its claims."""

    title: str
    text: str
    shows: tuple[str, ...] = ()
    """Names of the lesson's trainings, or of its methods if it is about the plane."""

    at: int = 0
    """The number of steps that they have trained."""

    reads: tuple[tuple[str, int], ...] = ()
    """Other moments that its claims read: pairs of training and steps."""

    panels: tuple[Panel, ...] = ("map", "usage")
    view: Mapping[str, str] = field(default_factory=dict)
    """How its bars are drawn: the Live page's controls `order` and `scale`, by name."""

    formula: Formula | None = None
    table: bool = False
    """Whether the numbers of the trainings that it shows stand below its text as a table."""

    question: Question | None = None
    claims: tuple[Claim, ...] = ()


class Note(NamedTuple):
    """Something known or contested, in our words, with its source."""

    text: str
    source: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TryIt:
    """Where the reader goes on alone: the Live page with a training, or the Trajectories page with a setting."""

    text: str
    training: Training | None = None
    view: Mapping[str, str] = field(default_factory=dict)
    setting: Setting | None = None
    """Instead of a training."""

    def check(self) -> None:
        """Raises ValueError where there is nothing to go on with, or a training that cannot be built."""
        if (self.training is None) == (self.setting is None):
            raise ValueError("`try_it` must have either a `training` or a `setting`. Give it one of them.")
        if self.training is not None:
            self.training.check()


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """Everything that a page or a command line needs to present a lesson.

    Raises:
        LessonError: naming the step, for text that is too long, a training that does not exist, a recipe that
            cannot be built, or two claims that say the same.
    """

    name: str
    """One word, for the command line and the URL."""

    title: str
    about: str
    trainings: Mapping[str, Training] = field(default_factory=dict)
    setting: Setting | None = None
    """The common setting of the paths over the plane; the seed is replaced by the lesson's."""

    steps: tuple[Step, ...]
    try_it: TryIt
    known: tuple[Note, ...]
    contested: tuple[Note, ...]

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise LessonError(f"`name` must be one word of lowercase letters and digits, but got {self.name[:40]!r}.")
        for name, training in self.trainings.items():
            with _named(f"Training {name!r}"):
                training.check()
        for number, step in enumerate(self.steps, start=1):
            with _named(f"Step {number} ({step.title})"):
                self._check(step)
        for note in (*self.known, *self.contested):
            with _named(f"Note on {note.source}"):
                _check_words("text", note.text)
        with _named("Try it yourself"):
            _check_words("text", self.try_it.text)
            self.try_it.check()
        said = [claim.says for step in self.steps for claim in step.claims]
        for says in said:
            if said.count(says) > 1:
                raise LessonError(f"Two claims say {says!r}. Give each its own sentence.")

    def moments(self, until: int | None = None) -> tuple[tuple[str, int], ...]:
        """Each training, with the numbers of steps after which the lesson looks at it, up to step number `until`."""
        if self.setting is not None:
            return ()
        looks = [
            look for step in self.steps[:until] for look in (*((name, step.at) for name in step.shows), *step.reads)
        ]
        return tuple(dict.fromkeys(looks))

    def _check(self, step: Step) -> None:
        _check_words("text", step.text)
        if step.question is not None:
            _check_question(step.question)
        _check_steps("at", step.at)
        for _, steps in step.reads:
            _check_steps("reads", steps)
        there = self.trainings if self.setting is None else self.setting.methods
        for name in (*step.shows, *(name for name, _ in step.reads)):
            if name not in there:
                kinds = "trainings" if self.setting is None else "methods"
                raise ValueError(
                    f"`shows` and `reads` must name {kinds} of the lesson, which are {', '.join(there) or 'none'}, "
                    f"but got {name!r}."
                )
        if len(step.shows) > MOST_SHOWN:
            raise ValueError(f"`shows` must name at most {MOST_SHOWN}, but names {len(step.shows)}.")
        if len(set(step.shows)) < len(step.shows):
            raise ValueError(f"`shows` must name each training once, but names {', '.join(step.shows)}.")
        for panel in step.panels:
            if panel not in get_args(Panel):
                raise ValueError(f"`panels` must be of {', '.join(get_args(Panel))}, but got {panel!r}.")
            if (panel == "paths") is (self.setting is None):
                mend = (
                    "Give the lesson a `setting`" if panel == "paths" else "Choose ('paths',), or give no `setting`"
                )
                raise ValueError(f"`panels` names {panel!r}, but there is nothing of that kind to show. {mend}.")


@contextmanager
def _named(part: str) -> Iterator[None]:
    """Prefix the sentence of a refusal with the name of `part`."""
    try:
        yield
    except ValueError as error:
        raise LessonError(f"{part}: {error}") from error


def _check_steps(name: str, steps: object) -> None:
    if type(steps) is not int or steps < 0:
        raise ValueError(f"`{name}` must be a whole number of steps from 0 up, but got {steps!r}.")


def _check_question(question: Question) -> None:
    _check_words("question", " ".join((question.asks, *question.choices)))
    if len(question.choices) < 2 or len(set(question.choices)) < len(question.choices):
        raise ValueError(f"`choices` must be two or more different texts, but are {question.choices!r}.")


def _check_words(name: str, text: str) -> None:
    count = len(text.split())
    if count > MOST_WORDS:
        raise ValueError(f"`{name}` must have at most {MOST_WORDS} words, but has {count}. Cut it or make two steps.")
