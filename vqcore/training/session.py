"""Runs trainers in a background thread: commands in, snapshots out."""

import atexit
import os
import queue
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Any, NamedTuple

from vqcore.history import History
from vqcore.snapshot import Snapshot, Trail
from vqcore.training.commands import (
    ChangeCommand,
    Command,
    EndVariantCommand,
    ExamineCommand,
    ForkCommand,
    PauseCommand,
    RestartCommand,
    ResumeCommand,
    SpeedCommand,
    StepCommand,
    UndoRestartCommand,
    UntilCommand,
)
from vqcore.training.examination import Examination
from vqcore.training.finite import NonFiniteError
from vqcore.training.recipe import Recipe
from vqcore.training.timeline import TRAIL_LENGTH, Moment, Timeline
from vqcore.training.trainer import StoppedError, Trainer
from vqcore.training.turns import Turns

IDLE_PAUSE_SECONDS = 90.0
"""Seconds; longer than the minute between two timer ticks that browsers allow a hidden tab."""

SINGLE_STEP_SECONDS = 0.5
"""Seconds that a manual step counts on the timeline's clock, so that it is visible when played."""

MOST_EXAMINATIONS = 48
"""Examinations kept at once: one for each code that a page, or a following class, looks at."""

STOP_SECONDS = 2.5
"""Seconds that `stop` waits: a page calls it, and the thread ends anyway once its step is over."""

EXIT_SECONDS = 3600.0
"""Most seconds that the interpreter's exit waits for a step. The largest codebook and batch take a minute."""

NICENESS = 5
SHARE_PUBLISHED = 0.05
"""Share of time that snapshots may take while a session trains: a watcher at 2 Hz must cost no more."""

LONGEST_UNPUBLISHED = 1.0
"""Most seconds that a watcher waits for a snapshot for that reason."""

RATE_SECONDS = 2.0
"""Seconds over which steps per second are counted."""

TURNS = Turns(os.cpu_count() or 1)
"""Shared by all sessions of the process: if ten train on two cores, their pages still get a share."""

MOST_VARIANTS = 4
"""Most trainings that share one thread, and one page side by side."""


class State(Enum):
    """What a session is doing."""

    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    IDLE = "idle"
    """Paused because nobody looked; goes on at the next look."""

    BROKEN = "broken"
    """Paused because a step failed; the last good snapshot stays, and a restart begins again."""

    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Status:
    """What a session is doing now, besides its numbers."""

    state: State
    device: str
    steps_per_second: float
    recipe: Recipe
    """Of the first variant, with the live options now in force."""

    variants: tuple[str, ...] = ()
    """The names of all variants, forks last."""

    recipes: tuple[Recipe, ...] = ()
    """Of each variant, with the live options now in force."""

    speed_limit: float | None = None
    """Limit of steps per second; None: no limit."""

    commands_done: int = 0
    """How many commands have been obeyed or refused."""

    run: int = 0
    """Which of the session's runs this is: a restart begins a new one, and undoing it returns to the old one."""

    built: int = 0
    """How many models of the run that is beginning are built, one per variant."""

    to_build: int = 0
    """How many it will have."""

    can_undo: bool = False
    """Whether a restart can be undone."""

    message: str = ""
    """One sentence for a person; empty if all is well."""

    details: str = ""
    """A traceback, if a step failed unexpectedly."""


class Repeatable(NamedTuple):
    """What a command line needs to repeat a variant: what it began with, and a moment of the same run."""

    recipe: Recipe
    snapshot: Snapshot


def yield_to_others() -> None:
    """Lower this thread's priority: if cores are short, a step may wait, a click may not."""
    if sys.platform == "linux":  # elsewhere niceness belongs to the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


_Trails = dict[str, list[deque[Trail]]]
"""Per variant and level."""

_Run = tuple[dict[str, Recipe], dict[str, Trainer], _Trails, Timeline, int]


class Session:
    """One live training, owned by one thread.

    `send` and `latest` return at once and may be called from any thread. A snapshot is taken only when
    somebody has asked since the last one, between two steps.

    Args:
        recipes: one recipe, or several by the name of their variant; variants step in lockstep.
        paused: begin paused at step 0.
        pause_at: as `UntilCommand` sets it.
        steps_per_second: as `SpeedCommand` sets it.
        idle_pause_seconds: the session pauses itself if nobody has looked for this long.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        recipes: Recipe | Mapping[str, Recipe],
        *,
        paused: bool = False,
        pause_at: int | None = None,
        steps_per_second: float | None = None,
        idle_pause_seconds: float = IDLE_PAUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.recipes = {"main": recipes} if isinstance(recipes, Recipe) else dict(recipes)
        self._clock = clock
        self._idle_pause_seconds = idle_pause_seconds
        self._commands: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="vq-scope-session", daemon=True)
        self._published = threading.Condition()
        self._sending = threading.Lock()
        self._sent = 0
        self._stopping = threading.Event()
        self._asked = True
        self._asked_at = clock()
        self._next_publish = clock()
        self._snapshots: dict[str, tuple[Snapshot, ...]] = {}
        self._repeatable: Mapping[str, Repeatable] = {}
        self._timeline = Timeline()
        self._examinations: dict[ExamineCommand, Examination] = {}
        self._examining: set[ExamineCommand] = set()
        # From here on, the thread's own.
        self._run_number = self._runs_begun = 0
        self._resume_as = State.PAUSED if paused else State.RUNNING
        self._trainers: dict[str, Trainer] = {}
        self._trails: _Trails = {}
        self._replaced: _Run | None = None
        self._steps_per_second = steps_per_second
        self._next_step_at = 0.0
        self._until = pause_at
        self._advanced_at: float | None = None
        self._marks: deque[tuple[float, int]] = deque()
        first = next(iter(self.recipes.values()))
        self._status = Status(State.STARTING, "", 0.0, first, speed_limit=steps_per_second)

    def start(self) -> None:
        """Start the session's thread, which the interpreter's exit stops and waits for."""
        atexit.register(self._stop_at_exit)
        self._thread.start()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End the thread after its step; returns when it has ended, or after `seconds`. Snapshots stay readable."""
        self._stopping.set()
        self._commands.put(None)
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(seconds)

    def _stop_at_exit(self) -> None:
        """A thread within torch when Python ends would abort the process, with an exit code that nobody chose."""
        ends = time.monotonic() + EXIT_SECONDS
        while self._thread.is_alive() and time.monotonic() < ends:
            with suppress(KeyboardInterrupt):  # pressed again: the step still has to end
                self.stop(ends - time.monotonic())

    def send(self, command: Command) -> int:
        """Queue `command`, to be obeyed between two steps.

        Returns:
            Its number: `status().commands_done` reaches it when the command has been obeyed or refused.
        """
        with self._sending:
            self._sent += 1
            self._commands.put(command)
            return self._sent

    def commands_pending(self) -> int:
        """How many commands have been sent and not yet been obeyed or refused."""
        return self._sent - self._status.commands_done

    def latest(self, variant: str | None = None, level: int = 0, *, wish: bool = True) -> Snapshot | None:
        """The newest snapshot; by default also requests a newer one. None before the first.

        Of the first variant by default. A `level` that the quantizer does not have gives its last.
        """
        if wish:
            self._asked_at = self._clock()
            self._asked = True
            if self._status.state is State.IDLE:
                self.send(ResumeCommand())
        snapshots = self._snapshots  # once: another thread may replace it
        levels = snapshots.get(variant) if variant is not None else next(iter(snapshots.values()), None)
        return levels[min(level, len(levels) - 1)] if levels else None

    def latest_of_all(self, level: int = 0, *, wish: bool = True) -> dict[str, Snapshot]:
        """The newest snapshots by variant, all of one step; by default also requests newer ones.

        Empty before the first.
        """
        self.latest(wish=wish)
        return {name: levels[min(level, len(levels) - 1)] for name, levels in self._snapshots.items()}

    def repeatable(self) -> Mapping[str, Repeatable]:
        """By variant, what it began with and its newest moment; empty before the first.

        Those go together. `recipes` and `latest` read one after the other may be of two runs.
        """
        return self._repeatable

    def examination(self, query: ExamineCommand, *, wish: bool = True) -> Examination | None:
        """The newest answer to `query`; by default also requests a current one. None before the first.

        Its step says which moment it is of.
        """
        answer, shown = self._examinations.get(query), self._snapshots.get(query.variant)
        is_stale = (
            shown and self._status.state is not State.BROKEN and (answer is None or answer.step != shown[0].step)
        )
        if wish and is_stale and query not in self._examining:
            self._examining.add(query)
            self.send(query)
        return answer

    def history(self) -> History | None:
        """The curves so far, or None before the first step."""
        snapshot = self.latest()
        return None if snapshot is None else snapshot.history

    def moments(self) -> tuple[Moment, ...]:
        """The moments of this run that are kept, oldest first: only those that somebody asked for at the time."""
        return self._timeline.moments

    def at(self, step: int, variant: str | None = None, level: int = 0) -> Snapshot | None:
        """The newest kept moment at or before `step`, else the oldest; None before the first. No wish for a newer.

        Of the first variant by default. A `level` that the quantizer does not have gives its last.
        """
        snapshots = self._snapshots
        name = next(iter(snapshots), None) if variant is None else variant
        newest = snapshots.get(name) if name is not None else None
        if name is None or not newest:
            return None
        return self._timeline.at(step, name, level, newest[min(level, len(newest) - 1)].history)

    def status(self) -> Status:
        """What the session does now."""
        return self._status

    def trained_steps(self) -> int:
        """How many steps the first variant has trained, without requesting a snapshot."""
        trainer = next(iter(self._trainers.values()), None)
        return 0 if trainer is None else trainer.steps_done

    def seconds_unseen(self) -> float:
        """How long ago somebody last asked for a snapshot."""
        return self._clock() - self._asked_at

    def wait(self, until: Callable[["Session"], bool], timeout: float = 30.0) -> bool:
        """Whether `until(self)` became true within `timeout` seconds; looks whenever something is published."""
        with self._published:
            return self._published.wait_for(lambda: until(self), timeout)

    def _run(self) -> None:
        yield_to_others()
        self._guarded(lambda: self._begin(self.recipes))
        while not self._stopping.is_set():
            running = self._status.state is State.RUNNING
            command = self._next_command(self._seconds_to_wait() if running else None)
            if command is not None:
                self._guarded(partial(self._obey, command))
                self._set_status(self._status.state, commands_done=self._status.commands_done + 1)
            elif running and not self._stopping.is_set():
                self._guarded(self._advance)
        self._set_status(State.STOPPED)
        atexit.unregister(self._stop_at_exit)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except StoppedError:
            return  # whatever it was, nobody waits for it
        except NonFiniteError as error:
            sentence = f"{error} The last good snapshot stays; lower the learning rate and restart."
            self._set_status(State.BROKEN, message=sentence)
        except ValueError as error:  # refused, with a sentence; nothing has changed
            state = self._status.state if self._trainers else State.BROKEN
            self._set_status(state, message=str(error))
        except Exception as error:
            self._set_status(State.BROKEN, message=f"A step failed: {error}", details=traceback.format_exc())

    def _next_command(self, seconds: float | None) -> Command | None:
        try:
            if seconds is not None and seconds <= 0:
                return self._commands.get_nowait()
            return self._commands.get(timeout=seconds)
        except queue.Empty:
            return None

    def _seconds_to_wait(self) -> float:
        if self._steps_per_second is None:
            return 0.0
        return self._next_step_at - self._clock()

    def _begin(self, recipes: dict[str, Recipe]) -> None:
        """Build trainers for `recipes`; the present ones stay where that fails, and can be brought back else."""
        was = self._status.state
        trainers: dict[str, Trainer] = {}
        stopping = self._stopping  # alone: a trainer that held its session would outlive it until the next collection
        try:
            for name, recipe in recipes.items():
                self._set_status(State.STARTING, built=len(trainers), to_build=len(recipes))
                self._raise_if_stopping()
                trainers[name] = Trainer(recipe, variant=name, stop=lambda: stopping.is_set())
        except Exception:
            self._set_status(was)
            raise
        if self._trainers:
            self._replaced = self._present_run()
            self._runs_begun += 1
            self._until = None
        self._timeline, self._run_number = Timeline(), self._runs_begun
        self.recipes, self._trainers = recipes, trainers
        self._examinations = {}
        self._trails = {
            name: [deque(maxlen=TRAIL_LENGTH) for _ in trainer.quantizer.part_of_level]
            for name, trainer in trainers.items()
        }
        self._marks.clear()
        self._set_status(self._resume_as, message="", details="")
        self._publish()

    def _obey(self, command: Command) -> None:
        if isinstance(command, ExamineCommand):
            self._examine(command)
            return
        if self._status.state is not State.BROKEN:
            self._set_status(self._status.state, message="", details="")  # the last refusal has been read
        match command:
            case PauseCommand():
                self._pause(State.PAUSED)
            case ResumeCommand() if self._trainers:
                self._marks.clear()
                self._set_status(State.RUNNING, message="", details="")
            case UntilCommand(steps) if self._trainers:
                if self.trained_steps() >= steps:
                    self._pause(State.PAUSED)
                else:
                    self._until = steps
                    self._next_step_at = self._clock()
                    self._marks.clear()
                    self._set_status(State.RUNNING, message="", details="")
            case StepCommand() if self._trainers:
                self._step()
                self._timeline.seconds += SINGLE_STEP_SECONDS
                self._pause(State.PAUSED)
            case SpeedCommand(steps_per_second):
                self._steps_per_second = steps_per_second
                self._next_step_at = self._clock()
                self._set_status(self._status.state, speed_limit=steps_per_second)
            case ChangeCommand(changes, variant) if self._trainers:
                self._trainer(variant).apply(changes)
                self._publish()
            case ForkCommand(name, changes, variant) if self._trainers:
                self._fork(name, changes, self._trainer(variant))
                self._publish()
            case EndVariantCommand(variant) if self._trainers:
                self._end(variant)
                self._publish()
            case RestartCommand(recipe):
                self._resume_as = State.PAUSED if self._status.state is State.PAUSED else State.RUNNING
                self._begin({next(iter(self.recipes)): recipe} if isinstance(recipe, Recipe) else dict(recipe))
            case UndoRestartCommand():
                if self._replaced is None:
                    raise ValueError("There is no restart to undo.")
                now, before = self._present_run(), self._replaced
                self.recipes, self._trainers, self._trails, self._timeline, self._run_number = before
                self._replaced = now
                self._examinations, self._until = {}, None
                self._set_status(State.PAUSED, message="", details="")
                self._publish()

    def _present_run(self) -> _Run:
        return self.recipes, self._trainers, self._trails, self._timeline, self._run_number

    def _examine(self, query: ExamineCommand) -> None:
        try:
            trainer = self._trainers[query.variant]
            num_levels = len(trainer.quantizer.part_of_level)
            if 0 <= query.code < trainer.recipe.num_codes and 0 <= query.level < num_levels:
                answers = dict(self._examinations)  # a page may be reading the one there is
                answers.pop(query, None)
                answers[query] = trainer.examine(query.code, query.level)
                self._examinations = dict(list(answers.items())[-MOST_EXAMINATIONS:])
        finally:
            self._examining.discard(query)

    def _trainer(self, variant: str) -> Trainer:
        if variant not in self._trainers:
            raise ValueError(f"`variant` must be one of {', '.join(self._trainers)}, but got {variant!r}.")
        return self._trainers[variant]

    def _fork(self, name: str, changes: Mapping[str, Any], parent: Trainer) -> None:
        """Nothing has changed where `changes` are refused: only then does the fork join the variants."""
        if not name or name in self._trainers:
            raise ValueError(
                f"`name` of a fork must be a new one beside {', '.join(self._trainers)}, but got {name!r}."
            )
        if len(self._trainers) >= MOST_VARIANTS:
            raise ValueError(f"A session holds at most {MOST_VARIANTS} variants. End one of its forks first.")
        twin = parent.fork(name)
        twin.apply(changes)
        self._timeline.fork(parent.variant, name)
        self.recipes = {**self.recipes, name: parent.recipe}
        # New dictionaries: other threads may be reading the present ones.
        self._trainers = {**self._trainers, name: twin}
        self._trails = {**self._trails, name: [trail.copy() for trail in self._trails[parent.variant]]}

    def _end(self, variant: str) -> None:
        first, *others = self._trainers
        if variant not in others:
            forks = f"there are {', '.join(others)}" if others else f"there is none beside {first}"
            raise ValueError(f"`variant` to end must be one after the first; {forks}, but got {variant!r}.")
        # New dictionaries: other threads may be reading the present ones.
        self._trainers = {name: kept for name, kept in self._trainers.items() if name != variant}
        self._trails = {name: kept for name, kept in self._trails.items() if name != variant}
        self.recipes = {name: kept for name, kept in self.recipes.items() if name != variant}

    def _advance(self) -> None:
        now = self._clock()
        self._timeline.seconds += now - self._advanced_at if self._advanced_at is not None else 0.0
        self._advanced_at = now
        if self._clock() - self._asked_at > self._idle_pause_seconds:
            self._pause(State.IDLE)
            return
        with TURNS:
            self._step()
            if self._until is not None and self.trained_steps() >= self._until:
                self._pause(State.PAUSED)
            elif self._asked and self._clock() >= self._next_publish:
                self._publish()
        if self._steps_per_second is not None:
            self._next_step_at = max(self._next_step_at + 1 / self._steps_per_second, self._clock())

    def _step(self) -> None:
        """Where one variant breaks the others step all the same: without it they can go on in lockstep."""
        broken: NonFiniteError | None = None
        for name, trainer in self._trainers.items():
            self._raise_if_stopping()
            try:
                trainer.step()
            except NonFiniteError as error:
                named = f"{error.tensor} of {name}" if len(self._trainers) > 1 else error.tensor
                broken = broken or NonFiniteError(named, error.step)
        if broken is not None:
            raise broken

    def _raise_if_stopping(self) -> None:
        if self._stopping.is_set():
            raise StoppedError

    def _pause(self, state: State) -> None:
        if state is State.PAUSED:  # one that is idle goes on to where it was to train
            self._until = None
        if self._status.state is not State.BROKEN:
            self._set_status(state)
        self._publish()

    def _publish(self) -> None:
        began, self._asked = self._clock(), False
        snapshots = {}
        for name, trainer in self._trainers.items():
            self._raise_if_stopping()
            levels = trainer.snapshots()
            for snapshot, trail in zip(levels, self._trails[name], strict=True):
                if not trail or trail[-1].step < snapshot.step:
                    trail.append(Trail(snapshot.step, snapshot.codebook, snapshot.z_e.mean(0), snapshot.counts))
            snapshots[name] = tuple(
                replace(snapshot, trail=tuple(trail))
                for snapshot, trail in zip(levels, self._trails[name], strict=True)
            )
        self._timeline.keep(snapshots)
        self._snapshots = snapshots
        self._repeatable = {name: Repeatable(self.recipes[name], levels[0]) for name, levels in snapshots.items()}
        ended = self._clock()
        self._next_publish = ended + min((ended - began) * (1 / SHARE_PUBLISHED - 1), LONGEST_UNPUBLISHED)
        self._set_status(self._status.state)

    def _set_status(self, state: State, **changes: Any) -> None:
        trainer = next(iter(self._trainers.values()), None)
        rate = self._rate(trainer.steps_done) if trainer is not None else 0.0
        recipes = self._present_recipes()
        self._advanced_at = self._advanced_at if state is State.RUNNING else None
        self._status = replace(
            self._status,
            state=state,
            device=str(trainer.device) if trainer is not None else "",
            steps_per_second=rate if state is State.RUNNING else 0.0,
            recipe=recipes[0],
            recipes=recipes,
            run=self._run_number,
            variants=tuple(self._trainers),
            can_undo=self._replaced is not None,
            **changes,
        )
        with self._published:
            self._published.notify_all()

    def _present_recipes(self) -> tuple[Recipe, ...]:
        trainers = self._trainers
        return tuple(
            replace(recipe, options=trainers[name].options) if name in trainers else recipe
            for name, recipe in self.recipes.items()
        )

    def _rate(self, steps_done: int) -> float:
        now = self._clock()
        self._marks.append((now, steps_done))
        while len(self._marks) > 2 and self._marks[1][0] < now - RATE_SECONDS:
            self._marks.popleft()
        seconds, steps = now - self._marks[0][0], steps_done - self._marks[0][1]
        return steps / seconds if seconds > 0 else 0.0
