"""One run: variants that step in lockstep, with the paths of their codes and their past; and the run before it.

The thread of its session owns it. Knows no thread, no clock and no command.
"""

import copy
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from vqcore.snapshot import Event, Snapshot, Trail
from vqcore.training.examination import Examination
from vqcore.training.experiment_plan import ExperimentPlan
from vqcore.training.finite import NonFiniteError
from vqcore.training.memory import give_back
from vqcore.training.recipe import Recipe
from vqcore.training.status import Broken
from vqcore.training.timeline import TRAIL_LENGTH, Timeline
from vqcore.training.trainer import StoppedError, Trainer

if TYPE_CHECKING:
    from vqcore.training.experiments import Experiments

MOST_BYTES_KEPT = 256 * 10**6
"""A run put away that is larger than this is forgotten after `LARGE_RUN_SECONDS`."""

LARGE_RUN_SECONDS = 30.0

MOST_VARIANTS = 4
"""Trainings that share one thread, and one page to be seen side by side."""


class Run:
    """The trainers of one run, by the name of their variant.

    Args:
        recipes: one for each variant; the first is never ended.
        number: which of its session's runs it is.
        stop: asked between two models and between two variants; once it is true, `StoppedError` ends what is done.
        tell: told before each model how many are built.

    Raises:
        ValueError: for a recipe that cannot be built; see `Trainer`.
    """

    def __init__(
        self,
        recipes: Mapping[str, Recipe],
        number: int,
        *,
        stop: Callable[[], bool],
        tell: Callable[[int], None],
    ) -> None:
        self.number = number
        self.plan: ExperimentPlan | None = None
        """Where it pauses itself, if anywhere."""

        self.experiments: Experiments | None = None
        """Those from its pause, or those that it is one of."""

        self.timeline = Timeline()
        self._stop = stop
        self._trainers: dict[str, Trainer] = {}
        for name, recipe in recipes.items():
            tell(len(self._trainers))
            self._raise_if_stopping()
            self._trainers[name] = Trainer(recipe, variant=name, stop=stop)
        self._broken: dict[str, NonFiniteError] = {}
        self._good: dict[str, tuple[Snapshot, ...]] = {}
        """By variant, the levels of its newest moment."""

        self._trails = {
            name: [deque[Trail](maxlen=TRAIL_LENGTH) for _ in trainer.quantizer.part_of_level]
            for name, trainer in self._trainers.items()
        }

    @property
    def variants(self) -> tuple[str, ...]:
        """Their names, forks last."""
        return tuple(self._trainers)

    @property
    def recipes(self) -> dict[str, Recipe]:
        """What each variant began with; of a fork, what the variant that it was copied from began with."""
        return {name: trainer.recipe for name, trainer in self._trainers.items()}

    def recipes_in_force(self) -> tuple[Recipe, ...]:
        """Of each variant, with the live options as they are now."""
        return tuple(replace(trainer.recipe, options=trainer.options) for trainer in self._trainers.values())

    @property
    def events(self) -> tuple[Event, ...]:
        """What was thrown in the first variant."""
        return self._first.events

    @property
    def device(self) -> str:
        """Where it is trained."""
        return str(self._first.device)

    @property
    def steps_done(self) -> int:
        """How many steps are trained, by the variants that are not broken where there are any."""
        return max(self._trainers[name].steps_done for name in self._unbroken() or self._trainers)

    @property
    def broken(self) -> tuple[Broken, ...]:
        """The variants that train no further, in the order in which they broke."""
        return tuple(Broken(name, error.tensor, error.step) for name, error in self._broken.items())

    @property
    def nbytes(self) -> int:
        """Of what would be free without this run, apart from its data."""
        paths = {
            id(trail.codebook): trail.codebook.nbytes
            for levels in self._trails.values()
            for level in levels
            for trail in level
        }
        own = sum(trainer.nbytes for trainer in self._trainers.values()) + self.timeline.nbytes + sum(paths.values())
        others = () if self.experiments is None or self is not self.experiments.paused else self.experiments.runs
        return own + sum(run.nbytes for run in others)

    def step(self) -> None:
        """One step of every variant that is not broken. One that breaks stops alone: the others go on without it.

        Raises:
            NonFiniteError: where no variant is left; it is that of the variant that broke last.
            StoppedError: between two variants.
        """
        for name in self._unbroken():
            self._raise_if_stopping()
            try:
                self._trainers[name].step()
            except NonFiniteError as error:
                self._broken[name] = error
        self._raise_if_all_are_broken()

    def snapshots(self, *, pictured: bool = False) -> dict[str, tuple[Snapshot, ...]]:
        """This moment by variant and level, with the paths until now; it is kept on the timeline.

        With new pictures where it is to be `pictured`, else with those that the variants' newest moments had.

        Of a broken variant it is its last one: gradients and curves since are those of the step that broke it.

        Raises:
            NonFiniteError: where the last variant that was left turns out to be broken.
            StoppedError: between two variants.
        """
        for name in self._unbroken():
            self._raise_if_stopping()
            try:
                self._good[name] = self._moment(name, pictured=pictured)
            except NonFiniteError as error:
                self._broken[name] = error
                self._raise_if_all_are_broken()
        taken = {name: self._good[name] for name in self._trainers if name in self._good}
        if taken:
            self.timeline.keep(taken)
        return taken

    def _moment(self, name: str, *, pictured: bool) -> tuple[Snapshot, ...]:
        trainer = self._trainers[name]
        levels = tuple(zip(trainer.snapshots(), self._trails[name], strict=True))
        for snapshot, trail in levels:
            if not trail or trail[-1].step < snapshot.step:
                trail.append(Trail(snapshot.step, snapshot.codebook, snapshot.z_e.mean(0), snapshot.counts))
        shown = trainer.pictures() if pictured else [level.picture for level in self._good.get(name, ())]
        pairs = zip_longest(levels, shown)
        return tuple(replace(level, trail=tuple(trail), picture=picture) for (level, trail), picture in pairs)

    def _unbroken(self) -> list[str]:
        return [name for name in self._trainers if name not in self._broken]

    def _raise_if_all_are_broken(self) -> None:
        if not self._unbroken():
            *_, (name, error) = self._broken.items()
            raise NonFiniteError(f"{error.tensor} of {name}" if len(self._trainers) > 1 else error.tensor, error.step)

    def apply(self, variant: str, changes: Mapping[str, Any]) -> None:
        """Switch live options of `variant`, or act; see `Trainer.apply`.

        Raises:
            ValueError: for an unknown variant or changes that are refused; nothing has changed then.
        """
        self._trainer(variant).apply(changes)

    def fork(self, name: str, changes: Mapping[str, Any], variant: str) -> None:
        """Copy `variant` as it is now into one called `name`, and make `changes` there.

        Raises:
            ValueError: for a name that is taken, one variant too many, a broken one to copy, or changes that are
                refused: only where none is does the fork join the variants.
        """
        parent = self._trainer(variant)
        if not name or name in self._trainers:
            raise ValueError(
                f"`name` of a fork must be a new one beside {', '.join(self._trainers)}, but got {name!r}."
            )
        if len(self._trainers) >= MOST_VARIANTS:
            raise ValueError(f"A session holds at most {MOST_VARIANTS} variants. End one of its forks first.")
        if variant in self._broken:
            raise ValueError(f"{variant} broke at step {self._broken[variant].step}, and so would a fork of it.")
        twin = parent.fork(name)
        twin.apply(changes)
        self.timeline.fork(variant, name)
        self._trainers[name] = twin
        self._trails[name] = [trail.copy() for trail in self._trails[variant]]
        if variant in self._good:
            self._good[name] = tuple(replace(level, variant=name) for level in self._good[variant])

    def fork_alone(self, number: int, changes: Mapping[str, Any], most_moments: int, most_bytes: int) -> "Run":
        """Another run, whose only variant goes on from the first of this one with `changes` made.

        It shares the past; its timeline holds at most so many moments and bytes.
        """
        (name, trainer), run = next(iter(self._trainers.items())), copy.copy(self)
        run.number, run.plan, run.experiments = number, None, None
        run.timeline = self.timeline.copied(name, most_moments, most_bytes)
        run._trainers, run._broken = {name: trainer.fork(name)}, {}
        run._trails = {name: [trail.copy() for trail in self._trails[name]]}
        run._good = {name: self._good[name]} if name in self._good else {}
        run.apply(name, changes)
        return run

    def end(self, variant: str) -> None:
        """End `variant`; the others step on.

        Raises:
            ValueError: for the first, and for one that is not there.
        """
        first, *others = self._trainers
        if variant not in others:
            forks = f"there are {', '.join(others)}" if others else f"there is none beside {first}"
            raise ValueError(f"`variant` to end must be one after the first; {forks}, but got {variant!r}.")
        del self._trainers[variant], self._trails[variant]
        self._broken.pop(variant, None)
        self._good.pop(variant, None)

    def examine(self, variant: str, code: int, level: int) -> Examination | None:
        """What the model makes of one code; None where there is no such code."""
        trainer = self._trainers.get(variant)
        if trainer is None or variant in self._broken:  # whose weights are not those of the moment shown
            return None
        is_there = 0 <= code < trainer.recipe.num_codes and 0 <= level < len(trainer.quantizer.part_of_level)
        return trainer.examine(code, level) if is_there else None

    @property
    def _first(self) -> Trainer:
        return next(iter(self._trainers.values()))

    def _trainer(self, variant: str) -> Trainer:
        if variant not in self._trainers:
            raise ValueError(f"`variant` must be one of {', '.join(self._trainers)}, but got {variant!r}.")
        return self._trainers[variant]

    def _raise_if_stopping(self) -> None:
        if self._stop():
            raise StoppedError


class Runs:
    """The run that is trained, and the one that the last restart put away.

    A large one is kept for a short time only: see `forget_large`.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.present: Run | None = None
        self.replaced: Run | None = None
        self.waiting: tuple[str, ...] = ()
        """Experiments that were asked for and have not begun."""

        self._number = 0
        self._clock = clock
        self._forget_at = math.inf

    def begin(self, recipes: Mapping[str, Recipe], *, stop: Callable[[], bool], tell: Callable[[int], None]) -> Run:
        """Put the present run away for a new one; where that cannot be built the present one stays. See `Run`."""
        run = Run(recipes, self._number, stop=stop, tell=tell)
        self.present, before = run, self.present
        self._number += 1
        self._put_away(before)
        return run

    def next_number(self) -> int:
        """A number that no run has had."""
        self._number += 1
        return self._number - 1

    def take_back(self) -> Run:
        """Exchange the present run for the one put away, which a second time exchanges them again.

        Raises:
            ValueError: where none was put away.
        """
        if self.replaced is None:
            raise ValueError("There is no restart to take back.")
        after, self.present = self.present, self.replaced
        self._put_away(after)
        return self.present

    def _put_away(self, run: Run | None) -> None:
        self.replaced = run
        is_large = run is not None and run.nbytes > MOST_BYTES_KEPT
        self._forget_at = self._clock() + LARGE_RUN_SECONDS if is_large else math.inf

    def seconds_to_forget(self) -> float | None:
        """Until `forget_large` is to be called; None: there is no need."""
        return None if math.isinf(self._forget_at) else max(0.0, self._forget_at - self._clock())

    def forget_large(self) -> bool:
        """Forget the run put away if it is large and its time is over; returns whether that was so."""
        if self._clock() < self._forget_at:
            return False
        self.replaced, self._forget_at = None, math.inf
        give_back()
        return True
