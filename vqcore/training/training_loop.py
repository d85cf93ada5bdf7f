"""The thread's own part of a session: trains, obeys commands between two steps, and publishes moments."""

import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from vqcore.training.commands import (
    ChangeCommand,
    Command,
    EndVariantCommand,
    ExamineCommand,
    ForkCommand,
    PauseCommand,
    PictureCommand,
    RestartCommand,
    ResumeCommand,
    SpeedCommand,
    StepCommand,
    UndoRestartCommand,
    UntilCommand,
)
from vqcore.training.cores import TURNS
from vqcore.training.finite import NonFiniteError
from vqcore.training.live_session import Together
from vqcore.training.published import Published
from vqcore.training.recipe import Recipe
from vqcore.training.run import Run, Runs
from vqcore.training.speed import Speed
from vqcore.training.status import State
from vqcore.training.trainer import StoppedError
from vqcore.training.wishes import Wishes

SINGLE_STEP_SECONDS = 0.5
"""What a step trained by hand counts on the timeline's clock, so that it can be seen when played."""

SHARE_PUBLISHED = 0.05
"""What snapshots may take of the time while a session trains: a watcher at 2 Hz is to cost no more."""

LONGEST_UNPUBLISHED, LONGEST_UNPICTURED = 1.0, 1.5
"""Seconds that a watcher waits for a snapshot for that reason, at the most; and for one with pictures."""

SHORTEST_UNPICTURED = 0.5
"""Seconds between two moments with pictures, at the least."""


class TrainingLoop:
    """Made and used by the session's thread, and by no other: those have `wishes` and `published`.

    Args:
        wishes: what others want.
        published: what others are told.
        paused: begin paused at step 0.
        pause_at: as `UntilCommand` sets it.
        speed: of the steps.
        idle_pause_seconds: without a look for so long, training pauses.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        wishes: Wishes,
        published: Published,
        *,
        paused: bool,
        pause_at: int | None,
        speed: Speed,
        idle_pause_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._wishes, self._published, self._speed, self._clock = wishes, published, speed, clock
        self._idle_pause_seconds = idle_pause_seconds
        self._resume_as = State.PAUSED if paused else State.RUNNING
        self._until = pause_at
        self._runs = Runs(clock)
        self._next_publish = self._next_picture = clock()
        self._advanced_at: float | None = None

    def run(self) -> None:
        """Train until the end is wished for."""
        self._guarded(lambda: self._begin(self._published.recipes))
        while not self._wishes.stopping.is_set():
            is_running = self._state is State.RUNNING
            waits = [self._speed.seconds_to_wait() if is_running else None, self._runs.seconds_to_forget()]
            command = self._wishes.next_command(min((wait for wait in waits if wait is not None), default=None))
            if command is None and self._runs.forget_large():
                self._tell()  # there is nothing left to undo
                continue
            if command is not None:
                self._guarded(partial(self._obey, command))
                self._tell(commands_done=self._published.status.commands_done + 1)
            elif is_running and not self._wishes.stopping.is_set():
                self._guarded(self._advance)

    @property
    def _state(self) -> State:
        return self._published.status.state

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except StoppedError:
            return  # whatever it was, nobody waits for it
        except NonFiniteError as error:
            sentence = f"{error} The last good snapshot stays; lower the learning rate and restart."
            if (run := self._runs.present) is not None:
                self._show(run)
            self._tell(State.BROKEN, message=sentence)
        except ValueError as error:  # refused, with a sentence; nothing has changed
            self._tell(State.BROKEN if self._runs.present is None else self._state, message=str(error))
        except Exception as error:
            self._tell(State.BROKEN, message=f"A step failed: {error}", details=traceback.format_exc())

    def _obey(self, command: Command) -> None:
        if isinstance(command, ExamineCommand):
            self._examine(command)
            return
        if isinstance(command, PictureCommand):
            self._picture(command)
            return
        if self._state is not State.BROKEN:
            self._tell(message="", details="")  # the last refusal has been read
        match command:
            case SpeedCommand(steps_per_second):
                self._speed.limit_to(steps_per_second)
                self._tell(speed_limit=steps_per_second)
            case RestartCommand(recipe):
                self._resume_as = State.PAUSED if self._state is State.PAUSED else State.RUNNING
                first = next(iter(self._published.recipes))
                self._begin({first: recipe} if isinstance(recipe, Recipe) else recipe)
            case UndoRestartCommand():
                self._undo_restart()
            case _ if self._runs.present is not None:
                self._obey_in(self._runs.present, command)

    def _obey_in(self, run: Run, command: Command) -> None:
        match command:
            case PauseCommand():
                self._pause(State.PAUSED)
            case ResumeCommand():
                self._resume()
            case UntilCommand(steps):
                self._train_until(run, steps)
            case StepCommand():
                self._step(run)
                run.timeline.seconds += SINGLE_STEP_SECONDS
                self._pause(State.PAUSED)
            case ChangeCommand(changes, variant):
                run.apply(variant, changes)
                if self._state is State.BROKEN:  # the last good snapshot stays
                    self._tell(self._state)
                else:
                    self._publish()
            case ForkCommand(name, changes, variant):
                run.fork(name, changes, variant)
                self._publish_recipes(run)
            case EndVariantCommand(variant):
                run.end(variant)
                self._publish_recipes(run)

    def _begin(self, recipes: Mapping[str, Recipe]) -> None:
        """Train a new run of `recipes`; the present one stays where that fails, and else can be brought back."""
        was = self._state
        self._show_last()
        stopping = self._wishes.stopping  # alone: a trainer that held this would outlive it until the next collection

        def tell(built: int) -> None:
            self._tell(State.STARTING, built=built, to_build=len(recipes))

        try:
            run = self._runs.begin(recipes, stop=lambda: stopping.is_set(), tell=tell)
        except Exception:
            self._tell(was)
            raise
        if self._runs.replaced is not None:  # the first pauses where it was told to
            self._until = None
            self._published.put_away(run.number)
        self._published.take_up(run.recipes, run.timeline)
        self._speed.measure_again()
        self._tell(self._resume_as, message="", details="")
        self._publish()

    def _undo_restart(self) -> None:
        self._show_last()
        run, self._until = self._runs.take_back(), None
        self._published.put_away(run.number)
        self._published.take_up(run.recipes, run.timeline, run.steps_done)
        self._tell(State.PAUSED, message="", details="")
        self._publish()

    def _examine(self, query: ExamineCommand) -> None:
        try:
            run = self._runs.present
            found = None if run is None else run.examine(query.variant, query.code, query.level)
            if found is not None:
                self._published.answer(query, found)
        finally:
            self._wishes.answered(query)

    def _picture(self, query: PictureCommand) -> None:
        try:
            if self._runs.present is not None and self._state is not State.BROKEN:
                self._publish()
        finally:
            self._wishes.answered(query)

    def _resume(self) -> None:
        self._speed.measure_again()
        self._tell(State.RUNNING, message="", details="")

    def _train_until(self, run: Run, steps: int) -> None:
        if run.steps_done >= steps:
            self._pause(State.PAUSED)
            return
        self._until = steps
        self._speed.wait_no_longer()
        self._resume()

    def _pause(self, state: State) -> None:
        if state is State.PAUSED:  # one that is idle goes on to where it was to train
            self._until = None
        if self._state is not State.BROKEN:
            self._tell(state)
        self._publish()

    def _advance(self) -> None:
        run, now = self._runs.present, self._clock()
        assert run is not None
        run.timeline.seconds += now - self._advanced_at if self._advanced_at is not None else 0.0
        self._advanced_at = now
        if self._clock() - self._wishes.last_seen_at() > self._idle_pause_seconds:
            self._pause(State.IDLE)
            return
        with TURNS:
            self._step(run)
            if self._until is not None and run.steps_done >= self._until:
                self._pause(State.PAUSED)
            elif self._wishes.is_moment_wanted() and self._clock() >= self._next_publish:
                self._publish()
        self._speed.step_done()

    def _step(self, run: Run) -> None:
        broken = len(run.broken)
        try:
            run.step()
        finally:
            self._published.trained_steps = run.steps_done
        if len(run.broken) > broken:  # the others train on: to be told although nobody may have asked for a moment
            self._publish()

    def _publish_recipes(self, run: Run) -> None:
        self._published.recipes = run.recipes
        self._publish()

    def _publish(self) -> None:
        """Publish the present moment, and allow none for so long that moments take their share of the time."""
        run, began = self._runs.present, self._clock()
        assert run is not None
        self._wishes.take_look()
        pictured = self._is_picture_due()
        if pictured:
            self._wishes.take_picture()
            self._next_picture = began + SHORTEST_UNPICTURED
        self._show(run, pictured=pictured)
        ended, longest = self._clock(), LONGEST_UNPICTURED if pictured else LONGEST_UNPUBLISHED
        self._next_publish = ended + min((ended - began) * (1 / SHARE_PUBLISHED - 1), longest)
        self._tell()

    def _is_picture_due(self) -> bool:
        """Pictures are for who looks, and while a session trains for no more than two looks a second."""
        is_time = self._state is not State.RUNNING or self._clock() >= self._next_picture
        return is_time and self._wishes.is_picture_wanted()

    def _show_last(self) -> None:
        """Have the last moment of the present run be its last step; of a broken one, the last good moment stays."""
        if self._runs.present is not None and self._state is not State.BROKEN:
            with suppress(NonFiniteError):
                self._show(self._runs.present)

    def _show(self, run: Run, *, pictured: bool = False) -> None:
        snapshots = run.snapshots(pictured=pictured)
        recipes = dict(zip(run.variants, run.recipes_in_force(), strict=True))
        self._published.show(Together(run.number, recipes, snapshots, run.broken))

    def _tell(self, state: State | None = None, **changes: Any) -> None:
        """Publish the status: in `state`, by default the present one, with these fields changed."""
        run, state = self._runs.present, state or self._state
        self._advanced_at = self._advanced_at if state is State.RUNNING else None
        if run is None:
            recipes = tuple(self._published.recipes.values())
            self._published.tell(state=state, recipe=recipes[0], recipes=recipes, **changes)
            return
        rate, recipes = self._speed.measured(run.steps_done), run.recipes_in_force()
        self._published.tell(
            state=state,
            device=run.device,
            steps_per_second=rate if state is State.RUNNING else 0.0,
            recipe=recipes[0],
            recipes=recipes,
            run=run.number,
            variants=run.variants,
            broken=run.broken,
            can_undo=self._runs.replaced is not None,
            **changes,
        )
