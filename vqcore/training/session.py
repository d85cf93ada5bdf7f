"""One live training in a thread of its own: commands in, snapshots out. Knows no page."""

import atexit
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Self

from vqcore.history import History
from vqcore.snapshot import Snapshot
from vqcore.training.commands import Command, ExamineCommand, PictureCommand, ResumeCommand
from vqcore.training.cores import yield_to_others
from vqcore.training.examination import Examination
from vqcore.training.experiment_plan import ExperimentPlan
from vqcore.training.live_session import LiveSession, Repeatable, Together
from vqcore.training.memory import give_back
from vqcore.training.past_run import PastRun
from vqcore.training.published import Published
from vqcore.training.recipe import Recipe, problem_of
from vqcore.training.speed import Speed
from vqcore.training.status import State, Status
from vqcore.training.timeline import Moment
from vqcore.training.training_loop import TrainingLoop
from vqcore.training.wishes import Wishes

IDLE_PAUSE_SECONDS = 90.0
"""Seconds; longer than the minute between two timer ticks that browsers allow a hidden tab."""

STOP_SECONDS = 2.5
"""Seconds that `stop` waits: a page calls it, and the thread ends anyway once its step is over."""

EXIT_SECONDS = 3600.0
"""Most seconds that the interpreter's exit waits for a step. The largest codebook and batch take a minute."""


_with_thread: "weakref.WeakSet[Session]" = weakref.WeakSet()
"""Sessions whose thread may still train: at exit all end at once, since each would wait for the turns of others."""


class Session(LiveSession):
    """What begins a training and ends it. Its thread alone has the trainers: see `TrainingLoop`.

    A snapshot is taken only when somebody has asked since the last one, between two steps.

    Args:
        recipes: one recipe, or several by the name of their variant; variants step in lockstep.
        paused: begin paused at step 0.
        plan: as `RestartCommand` has it.
        steps_per_second: as `SpeedCommand` sets it.
        idle_pause_seconds: the session pauses itself if nobody has looked for this long.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        recipes: Recipe | Mapping[str, Recipe],
        *,
        paused: bool = False,
        plan: ExperimentPlan | None = None,
        steps_per_second: float | None = None,
        idle_pause_seconds: float = IDLE_PAUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        recipes = {"main": recipes} if isinstance(recipes, Recipe) else dict(recipes)
        first = next(iter(recipes.values()))
        self._wishes = Wishes(clock)
        self._published = Published(
            recipes, Status(State.STARTING, "", 0.0, first, speed_limit=steps_per_second, starts_paused=paused)
        )
        self._make_loop = partial(
            TrainingLoop,
            self._wishes,
            self._published,
            paused=paused,
            plan=plan,
            speed=Speed(steps_per_second, clock),
            idle_pause_seconds=idle_pause_seconds,
            clock=clock,
        )
        self._thread = threading.Thread(target=self._run, name="vq-scope-session", daemon=True)
        self._beginning = threading.Lock()

    def start(self) -> None:
        """Begin, in a thread of its own, which the interpreter's exit stops and waits for; not after a `stop`."""
        with self._beginning:
            if self._wishes.stopping.is_set():
                return
            atexit.register(self._stop_at_exit)
            _with_thread.add(self)
            self._thread.start()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End the thread after its step; returns when it has ended, or after `seconds`. Snapshots stay readable.

        Before `start` there is no thread to wait for, and none will begin. Its own thread does not wait for itself:
        there this returns at once.
        """
        with self._beginning:
            self._wishes.stop()
            if self._thread.ident is None:
                self._published.tell(state=State.STOPPED)
                return
        if threading.current_thread() is not self._thread:
            self._thread.join(max(0.0, seconds))

    def _stop_at_exit(self) -> None:
        """A thread within torch when Python ends would abort the process, with an exit code that nobody chose."""
        for session in tuple(_with_thread):
            session.stop(0)
        ends = time.monotonic() + EXIT_SECONDS
        while self._thread.is_alive() and time.monotonic() < ends:
            with suppress(KeyboardInterrupt):  # pressed again: the step still has to end
                self.stop(ends - time.monotonic())

    def _run(self) -> None:
        yield_to_others()
        try:
            self._make_loop().run()
        finally:
            give_back()
            self._published.tell(state=State.STOPPED, steps_per_second=0.0)
            atexit.unregister(self._stop_at_exit)
            _with_thread.discard(self)

    @property
    def recipes(self) -> Mapping[str, Recipe]:
        """See `LiveSession.recipes`."""
        return self._published.recipes

    def send(self, *commands: Command) -> int:
        """See `LiveSession.send`."""
        return self._wishes.send(*commands)

    def commands_pending(self) -> int:
        """See `LiveSession.commands_pending`."""
        return self._wishes.sent() - self._published.status.commands_done

    def latest(self, variant: str | None = None, level: int = 0, *, wish: bool = True) -> Snapshot | None:
        """See `LiveSession.latest`."""
        if wish:
            self._look()
        return self._published.newest(variant, level)

    def latest_of_all(self, level: int = 0, *, wish: bool = True) -> dict[str, Snapshot]:
        """See `LiveSession.latest_of_all`."""
        if wish:
            self._look()
        return self._published.newest_of_all(level)

    def together(self, *, wish: bool = True) -> Together:
        """See `LiveSession.together`."""
        if wish:
            self._look()
        return self._published.together

    def _look(self) -> None:
        self._wishes.look()
        if self._published.status.state is State.IDLE:
            self.send(ResumeCommand())

    def moments_left_alone(self) -> tuple[Moment, ...]:
        """See `LiveSession.moments_left_alone`."""
        left_alone = self._published.left_alone
        return () if left_alone is None else left_alone.moments

    def want_picture(self) -> None:
        """See `LiveSession.want_picture`."""
        self._wishes.want_picture()
        if self._published.status.state is State.PAUSED and _lacks_picture(self._published.together):
            self._wishes.send_once(PictureCommand())

    def repeatable_of_all(self) -> Mapping[str, Repeatable]:
        """See `LiveSession.repeatable_of_all`."""
        return self._published.repeatable

    def past_runs(self) -> tuple[PastRun, ...]:
        """See `LiveSession.past_runs`."""
        return self._published.past_runs

    def examination(
        self, query: ExamineCommand, *, wish: bool = True, until: int | None = None
    ) -> Examination | None:
        """See `LiveSession.examination`."""
        known, shown = self._published.examinations.get(query, ()), self._published.snapshots.get(query.variant)
        is_stale = shown is not None and (not known or known[-1].step < shown[0].step)
        if wish and is_stale and self._published.status.state is not State.BROKEN:
            self._wishes.send_once(query)
        return next((answer for answer in reversed(known) if until is None or answer.step <= until), None)

    def history(self) -> History | None:
        """See `LiveSession.history`."""
        snapshot = self.latest()
        return None if snapshot is None else snapshot.history

    def moments(self) -> tuple[Moment, ...]:
        """See `LiveSession.moments`."""
        return self._published.timeline.moments

    def at(self, step: int, variant: str | None = None, level: int = 0) -> Snapshot | None:
        """See `LiveSession.at`."""
        return self._published.at(step, variant, level)

    def status(self) -> Status:
        """See `LiveSession.status`."""
        return self._published.status

    def trained_steps(self) -> int:
        """See `LiveSession.trained_steps`."""
        return self._published.trained_steps

    def last_seen_at(self) -> float:
        """See `LiveSession.last_seen_at`."""
        return self._wishes.last_seen_at()

    def wait(self, until: Callable[[Self], bool], timeout: float = 30.0) -> bool:
        """See `LiveSession.wait`."""
        return self._published.wait(lambda: until(self), timeout)


def _lacks_picture(together: Together) -> bool:
    """Whether a variant that could have a picture of this moment has none; a broken one cannot."""
    broken = {broken.variant for broken in together.broken}
    return any(
        problem_of(together.recipes[name]).whole is not None
        and (newest.picture is None or newest.picture.step != newest.step)
        for name, (newest, *_) in together.levels.items()
        if name not in broken
    )
