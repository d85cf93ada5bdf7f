"""The thread's own part of a session: trains, and obeys commands between two steps."""

import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

from vqcore.training.commands import (
    CancelExperimentsCommand,
    ChangeCommand,
    Command,
    EndVariantCommand,
    ExamineCommand,
    ExperimentCommand,
    ForkCommand,
    PauseCommand,
    PictureCommand,
    RestartCommand,
    ResumeCommand,
    ShowRunCommand,
    SpeedCommand,
    StepCommand,
    UndoRestartCommand,
    UntilCommand,
)
from vqcore.training.cores import TURNS
from vqcore.training.experiment_plan import ExperimentPlan
from vqcore.training.experiments import Experiments
from vqcore.training.finite import NonFiniteError
from vqcore.training.published import Published
from vqcore.training.publisher import Publisher
from vqcore.training.recipe import Recipe
from vqcore.training.run import Run, Runs
from vqcore.training.speed import Speed
from vqcore.training.status import State
from vqcore.training.trainer import StoppedError
from vqcore.training.wishes import Wishes

SINGLE_STEP_SECONDS = 0.5
"""What a step trained by hand counts on the timeline's clock, so that it can be seen when played."""


class TrainingLoop:
    """Made and used by the session's thread, and by no other: those have `wishes` and `published`.

    Args:
        wishes: what others want.
        published: what others are told.
        paused: begin paused at step 0.
        plan: of the first run.
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
        plan: ExperimentPlan | None,
        speed: Speed,
        idle_pause_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._wishes, self._published, self._speed, self._clock = wishes, published, speed, clock
        self._idle_pause_seconds = idle_pause_seconds
        self._resume_as = State.PAUSED if paused else State.RUNNING
        self._until: int | None = None
        self._plan = plan
        self._runs = Runs(clock)
        self._publisher = Publisher(wishes, published, self._runs, speed, clock)

    def run(self) -> None:
        """Train until the end is wished for."""
        self._guarded(lambda: self._begin(self._published.recipes, self._plan))
        while not self._wishes.stopping.is_set():
            is_running = self._state is State.RUNNING
            aside = self._left_aside()
            rest = 0.0 if aside is not None else None
            waits = [self._speed.seconds_to_wait() if is_running else rest, self._runs.seconds_to_forget()]
            command = self._wishes.next_command(min((wait for wait in waits if wait is not None), default=None))
            if command is None and self._runs.forget_large():
                self._publisher.tell()  # there is nothing left to undo
                continue
            if command is not None:
                self._guarded(partial(self._obey, command))
                self._publisher.tell(commands_done=self._published.status.commands_done + 1)
            elif is_running and not self._wishes.stopping.is_set():
                self._guarded(self._advance)
            elif aside is not None:
                self._guarded(partial(self._advance_aside, *aside))

    @property
    def _state(self) -> State:
        return self._publisher.state

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except StoppedError:
            return  # whatever it was, nobody waits for it
        except NonFiniteError as error:
            sentence = f"{error} The last good snapshot stays; lower the learning rate and restart."
            if (run := self._runs.present) is not None:
                self._publisher.show(run)
                if run.experiments is not None:
                    run.experiments.conclude(run)
            self._publisher.tell(State.BROKEN, message=sentence)
            self._begin_waiting()
        except ValueError as error:  # refused, with a sentence; nothing has changed
            self._publisher.tell(State.BROKEN if self._runs.present is None else self._state, message=str(error))
        except Exception as error:
            self._publisher.tell(State.BROKEN, message=f"A step failed: {error}", details=traceback.format_exc())

    def _obey(self, command: Command) -> None:
        if isinstance(command, ExamineCommand):
            self._examine(command)
            return
        if isinstance(command, PictureCommand):
            self._picture(command)
            return
        if self._state is not State.BROKEN:
            self._publisher.tell(message="", details="")  # the last refusal has been read
        match command:
            case SpeedCommand(steps_per_second):
                self._speed.limit_to(steps_per_second)
                self._publisher.tell(speed_limit=steps_per_second)
            case RestartCommand(recipe, plan):
                self._resume_as = State.PAUSED if self._state is State.PAUSED and plan is None else State.RUNNING
                first = next(iter(self._published.recipes))
                self._begin({first: recipe} if isinstance(recipe, Recipe) else recipe, plan)
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
                if not self._has_arrived(run):
                    self._pause(State.PAUSED)
            case ChangeCommand(changes, variant):
                run.apply(variant, changes)
                if self._state is State.BROKEN:  # the last good snapshot stays
                    self._publisher.tell(self._state)
                else:
                    self._publisher.publish()
            case ForkCommand(name, changes, variant):
                run.fork(name, changes, variant)
                self._publish_recipes(run)
            case EndVariantCommand(variant):
                run.end(variant)
                self._publish_recipes(run)
            case ExperimentCommand(name):
                self._ask_for(run, name)
            case CancelExperimentsCommand():
                self._cancel(run)
            case ShowRunCommand(number):
                self._show_again(run, number)

    def _begin(self, recipes: Mapping[str, Recipe], plan: ExperimentPlan | None = None) -> None:
        """Train a new run of `recipes`; the present one stays where that fails, and else can be brought back."""
        was = self._state
        self._publisher.show_last()
        stopping = self._wishes.stopping  # alone: a trainer that held this would outlive it until the next collection

        def tell(built: int) -> None:
            starts_paused = self._resume_as is State.PAUSED
            self._publisher.tell(State.STARTING, built=built, to_build=len(recipes), starts_paused=starts_paused)

        try:
            run = self._runs.begin(recipes, stop=lambda: stopping.is_set(), tell=tell)
        except Exception:
            self._publisher.tell(was)
            raise
        run.plan, self._runs.waiting, self._until = plan, (), None
        if self._runs.replaced is not None:
            self._published.put_away(run.number)
        self._published.take_up(run.recipes, run.timeline)
        self._speed.measure_again()
        if plan is not None:
            self._wishes.want_picture()  # of how it began, which is gone before anybody can look
        self._publisher.publish(self._resume_as, message="", details="")

    def _undo_restart(self) -> None:
        self._publisher.show_last()
        self._runs.waiting, run = (), self._runs.take_back()
        self._published.put_away(run.number)
        self._take_up(run, State.PAUSED)

    def _take_up(self, run: Run, state: State) -> None:
        """Train and show `run` instead of the present one, which stays as it is."""
        self._runs.present, self._until = run, None
        self._published.take_up(run.recipes, run.timeline, run.steps_done)
        self._speed.measure_again()
        self._publisher.publish(state, message="", details="")

    def _ask_for(self, run: Run, name: str) -> None:
        """Have the experiment called `name` wait for its turn, which may have come."""
        plan = run.plan if run.experiments is None else run.experiments.plan
        if plan is None or name not in plan.changes:
            known = "no experiments are planned" if plan is None else f"choose from {', '.join(plan.changes)}"
            raise ValueError(f"`experiment` must be one of this run's start: {known}, but got {name!r}.")
        is_here = run.experiments is not None and run.experiments.name_of(run) == name
        if name not in self._runs.waiting and not (is_here and self._state is State.RUNNING):
            self._runs.waiting = (*self._runs.waiting, name)
        self._begin_waiting()

    def _begin_waiting(self) -> None:
        """Take up the experiment that has waited longest, unless one is in training."""
        run = self._runs.present
        if not self._runs.waiting or run is None or run.experiments is None:
            return
        family = run.experiments
        if self._state is State.RUNNING and family.is_under_way(run):
            return
        name, *rest = self._runs.waiting
        self._runs.waiting = tuple(rest)
        experiment = family.begin(name, self._runs.next_number)
        is_under_way = family.is_under_way(experiment)
        self._take_up(experiment, State.RUNNING if is_under_way else State.PAUSED)
        if not is_under_way:
            self._begin_waiting()

    def _cancel(self, run: Run) -> None:
        self._runs.waiting = ()
        family = run.experiments
        if family is not None and family.is_under_way(run):
            family.discard(run)
            self._take_up(family.paused, State.PAUSED)

    def _show_again(self, run: Run, number: int) -> None:
        family = run.experiments
        if family is None or (chosen := family.run_numbered(number)) is None:
            raise ValueError(f"`run` must be one of the experiments from this run's pause, but got {number}.")
        if self._runs.waiting or (self._state is State.RUNNING and family.is_under_way(run)):
            raise ValueError("An experiment is in training. Wait for its end, or cancel it, to look at another.")
        self._take_up(chosen, State.PAUSED)

    def _has_arrived(self, run: Run) -> bool:
        """Pause where `run` was planned to; returns whether it was."""
        family = run.experiments
        if family is not None and family.is_due(run):
            family.conclude(run)
        elif family is None and run.plan is not None and run.steps_done == run.plan.pause_at:
            run.snapshots(pictured=self._wishes.is_picture_wanted())  # the copy that is kept has it too
            Experiments(run.plan, run)
        else:
            return False
        self._pause(State.PAUSED)
        self._begin_waiting()
        return True

    def _left_aside(self) -> tuple[Experiments, Run] | None:
        """The experiment that leaves the training alone, while it can be trained unseen."""
        run = self._runs.present
        if run is None or run.experiments is None or self._state is not State.PAUSED:
            return None
        if self._clock() - self._wishes.last_seen_at() > self._idle_pause_seconds:
            return None
        family = run.experiments
        name = family.unasked()
        if name is None or family.name_of(run) == name:
            return None
        return family, family.begin(name, self._runs.next_number)

    def _advance_aside(self, family: Experiments, run: Run) -> None:
        began = self._clock()
        with TURNS, suppress(NonFiniteError):  # then it is broken, which its row says
            run.step()
            if family.is_time_for_moment(run):
                run.snapshots(pictured=self._wishes.is_picture_wanted())
        run.timeline.seconds += self._clock() - began
        has_ended = bool(run.broken) or family.is_due(run)
        if has_ended:
            family.conclude(run)
        self._publisher.tell_rows(now=has_ended)

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
                self._publisher.publish()
        finally:
            self._wishes.answered(query)

    def _resume(self) -> None:
        self._speed.measure_again()
        self._publisher.tell(State.RUNNING, message="", details="")

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
        self._publisher.publish(self._state if self._state is State.BROKEN else state)

    def _advance(self) -> None:
        run = self._runs.present
        assert run is not None
        run.timeline.seconds += self._publisher.seconds_trained()
        if self._clock() - self._wishes.last_seen_at() > self._idle_pause_seconds:
            self._pause(State.IDLE)
            return
        with TURNS:
            self._step(run)
            if self._has_arrived(run):
                pass
            elif self._until is not None and run.steps_done >= self._until:
                self._pause(State.PAUSED)
            elif self._publisher.is_due():
                self._publisher.publish()
        self._speed.step_done()

    def _step(self, run: Run) -> None:
        broken = len(run.broken)
        try:
            run.step()
        finally:
            self._published.trained_steps = run.steps_done
        if len(run.broken) > broken:  # the others train on: to be told although nobody may have asked for a moment
            self._publisher.publish()

    def _publish_recipes(self, run: Run) -> None:
        self._published.recipes = run.recipes
        self._publisher.publish()
