"""One reader's run of one lesson: its trainings as live sessions, the moments kept of them, and the guesses.

The record it fills equals that of `demos.running` on the same seed.
"""

import secrets
import threading
from dataclasses import dataclass, field, replace

from app.sessions.background import Background
from app.sessions.class_room import ClassRoom, Question
from app.sessions.entry import Entry
from app.sessions.lesson_plane import LessonPlane
from app.sessions.registry import Registry
from app.sessions.watchable import Published
from demos.lesson import Lesson, Step, Training
from demos.record import Record
from vqcore.projection.pca import FrozenBasis
from vqcore.snapshot import Snapshot
from vqcore.training.commands import PauseCommand, SpeedCommand, UntilCommand, change
from vqcore.training.live_session import LiveSession
from vqcore.training.status import State
from vqcore.trajectories.lockstep import trajectories
from vqcore.trajectories.path import Path
from vqcore.trajectories.setting import Setting

WATCHED_SECONDS = 4.0
"""Least seconds that a visible training takes from one step of the lesson to the next, so that it can be watched."""

SLOWEST = 4.0
"""Least steps per second."""


class LiveTraining:
    """A training that stops at each of `looks` to keep that moment, with switches thrown on the way."""

    def __init__(self, name: str, training: Training, looks: set[int], seed: int, registry: Registry) -> None:
        self.name, self.looks = name, looks
        self.kept: dict[int, Snapshot] = {}
        self.broken = ""
        self._plane = LessonPlane()
        self.began_again = False
        """Whether its session had to make room for newer ones, so that it trains from the start again."""

        self._training, self._seed, self._registry = training, seed, registry
        self._stops = sorted({0, *looks, *(steps for steps in training.switches if steps <= max(looks))})
        self._entry_id: str | None = None
        self._passed = 0
        self._has_thrown = False  # the switches of the next stop
        self._limit: float | None = None

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to train."""
        return bool(self.broken) or self._passed == len(self._stops)

    @property
    def session(self) -> LiveSession | None:
        """The session that trains it now."""
        entry = self._registry.find(self._entry_id)
        return None if entry is None else entry.session

    def newest(self) -> Snapshot | None:
        """The newest moment."""
        session = self.session
        if session is not None and (snapshot := session.latest()) is not None:
            return snapshot
        return self.kept[max(self.kept)] if self.kept else None

    def drive(self, target: int, *, watched: bool, held: bool) -> None:
        """Train on towards `target` steps; returns at once and is called again until they are done.

        Args:
            target: one of the looks.
            watched: train slowly enough to be followed.
            held: stand still.
        """
        while not self.is_done and target not in self.kept:
            session = self._begun()
            state, stop = session.status().state, self._stops[self._passed]
            if session.commands_pending() or state is State.STARTING:
                return
            if state is State.BROKEN:
                self._break_off(session.status().message)
                return
            snapshot = session.latest()
            if snapshot is None or snapshot.step < stop:
                self._train_on(session, stop, target if watched else None, held)
                return
            if state is State.RUNNING or not self._pass(session, stop):
                return

    def end(self) -> None:
        """End its session; the kept moments stay."""
        if self._entry_id is not None:
            self._registry.end(self._entry_id)
            self._entry_id = None

    def plane(self, snapshot: Snapshot, at: int) -> FrozenBasis:
        """The plane of all its maps, fitted again at moment `at` if it shows too little there."""
        return self._plane.of(snapshot, is_looked_at=snapshot.step == at)

    @property
    def fitted_at(self) -> int:
        """The step at which that plane was fitted."""
        return self._plane.fitted_at

    def _begun(self) -> LiveSession:
        """The session; where there is none or it had to make room for newer ones, another from the start."""
        entry: Entry | None = self._registry.find(self._entry_id)
        if entry is None:
            self.began_again = self._entry_id is not None
            entry = self._registry.begin(self._training.recipe(self._seed), paused=True)
            self._entry_id, self._passed, self._limit = entry.id, 0, None
            self._has_thrown = False
        return entry.session

    def _train_on(self, session: LiveSession, stop: int, watched_until: int | None, held: bool) -> None:
        running = session.status().state is State.RUNNING
        if held:
            if running:
                session.send(PauseCommand())
            return
        if running:
            return
        limit = None
        if watched_until is not None:
            limit = max(SLOWEST, (watched_until - session.trained_steps()) / WATCHED_SECONDS)
        if limit != self._limit:
            session.send(SpeedCommand(limit))
            self._limit = limit
        session.send(UntilCommand(stop))

    def _pass(self, session: LiveSession, stop: int) -> bool:
        """Throw the switches of a stop that is reached and keep its moment; whether that is done."""
        thrown = self._training.switches.get(stop)
        if thrown and not self._has_thrown:
            session.send(change(**thrown))
            self._has_thrown = True
            return False  # obeyed by the time that nothing is pending
        if thrown and (said := session.status().message):
            self._break_off(said)
            return False
        moment = session.latest()
        assert moment is not None
        self.plane(moment, stop if stop in self.looks else -1)
        if stop in self.looks:
            self.kept[stop] = moment
        self._passed, self._has_thrown = self._passed + 1, False
        if self.is_done:
            self.end()
        return True

    def _break_off(self, why: str) -> None:
        self.broken = why
        self.end()


class LivePaths(Background):
    """The paths over the plane, computed in a background thread since they take some seconds."""

    FAILED = "The paths could not be computed"

    def __init__(self, setting: Setting) -> None:
        super().__init__("paths")
        self.setting = setting
        self.found: dict[str, Path] | None = None
        """Paths by method; None while they are being computed."""

    def begin(self) -> None:
        """Start to compute them, unless already started."""
        if self._thread.ident is None:
            self.start()

    def _work(self) -> None:
        paths = trajectories(self.setting, stop=self._stopping.is_set)
        if not self._stopping.is_set():
            self.found = {path.method: path for path in paths}


@dataclass(slots=True)
class LessonRun:
    """A lesson on one seed, with its reader's progress."""

    lesson: Lesson
    seed: int
    registry: Registry
    room: ClassRoom = field(default_factory=ClassRoom)
    """Those who follow its reader."""

    number: int = 1
    """The step that the reader is at, from 1; one past the last is the end."""

    furthest: int = 1
    held: bool = False
    """Whether the reader has paused all training."""

    answers: dict[int, int | None] = field(default_factory=dict)
    """The guess by step number; None: no guess."""

    trainings: dict[str, LiveTraining] = field(init=False)
    paths: LivePaths | None = field(init=False)
    """Paths of a lesson about the plane."""

    watch_id: str = field(init=False, default_factory=lambda: secrets.token_urlsafe(9))
    """By which a page follows it, and can do nothing else to it."""

    drawing: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False)
    """See `Watchable`."""

    _driving: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        looks: dict[str, set[int]] = {}
        for name, steps in self.lesson.moments():
            looks.setdefault(name, set()).add(steps)
        self.trainings = {
            name: LiveTraining(name, self.lesson.trainings[name], steps, self.seed, self.registry)
            for name, steps in looks.items()
        }
        setting = self.lesson.setting
        self.paths = None if setting is None else LivePaths(replace(setting, seed=self.seed))

    @property
    def last(self) -> int:
        """The number of the lesson's end, past the steps."""
        return len(self.lesson.steps) + 1

    @property
    def step(self) -> Step | None:
        """The step that the reader is at; None at the end."""
        return None if self.number == self.last else self.lesson.steps[self.number - 1]

    def go_to(self, number: int) -> None:
        """Move the reader."""
        self.number = min(max(1, number), self.last)
        self.furthest = max(self.furthest, self.number)
        self.room.tell_of_step()

    def answer(self, number: int, index: int | None) -> None:
        """The reader's guess at the question of a step, which shows the answer; None: no guess."""
        self.answers[number] = index
        self.room.tell_of_step()

    @property
    def question(self) -> Question:
        """Names what the class guesses at, if this step asks anything."""
        return Question(self.watch_id, self.number)

    @property
    def is_asking(self) -> bool:
        """Whether the step waits for a guess and its outcome is still hidden."""
        step = self.step
        return step is not None and step.question is not None and self.number not in self.answers

    def targets(self) -> dict[str, int]:
        """How far each training must go: to what this step and those before it look at.

        What a question hides is trained once it is answered, in front of the reader.
        """
        if self.paths is not None:
            return {}
        steps = self.lesson.steps[: self.number - 1 if self.is_asking else self.number]
        wanted: dict[str, int] = {}
        for step in steps:
            for name, looked_at in (*((name, step.at) for name in step.shows), *step.reads):
                wanted[name] = max(looked_at, wanted.get(name, 0))
        return wanted

    def drive(self) -> None:
        """Train on everything that is wanted; returns at once."""
        shown = self.step.shows if self.step is not None else ()
        with self._driving:
            if self.paths is not None:
                self.paths.begin()
            for name, target in self.targets().items():
                self.trainings[name].drive(target, watched=name in shown, held=self.held)

    def published(self) -> tuple[Published, ...]:
        """See `Watchable`; what the class does is news too."""
        return (*(session.status() for session in self._sessions()), self.room.news)

    def look(self, *, at_picture: bool = False) -> None:
        """See `Watchable`; lessons show no whole images."""
        for session in self._sessions():
            session.latest()

    def _sessions(self) -> list[LiveSession]:
        return [session for each in self.trainings.values() if (session := each.session) is not None]

    def is_ready(self) -> bool:
        """Whether everything wanted is there or has failed."""
        if self.paths is not None and self.paths.found is None and not self.paths.problem:
            return False
        return all(
            self.trainings[name].broken or target in self.trainings[name].kept
            for name, target in self.targets().items()
        )

    def progress(self) -> tuple[int, int]:
        """Steps done, and steps wanted now."""
        done = total = 0
        for name, target in self.targets().items():
            newest = self.trainings[name].newest()
            total += target
            done += min(target, newest.step) if newest is not None and target not in self.trainings[name].kept else 0
            done += target if target in self.trainings[name].kept else 0
        return done, total

    def record(self) -> Record:
        """What has been kept, as a record for the claims."""
        return Record(
            seed=self.seed,
            moments={
                (name, steps): moment for name, each in self.trainings.items() for steps, moment in each.kept.items()
            },
            broken={name: each.broken for name, each in self.trainings.items() if each.broken},
            setting=None if self.paths is None else self.paths.setting,
            paths=(self.paths and self.paths.found) or {},
        )

    def seen(self, step: Step) -> Record:
        """What the charts of `step` show now: its own moment or, until it is reached, the newest one.

        While the step asks its question, the moment before it; nothing if some training has none.
        """
        if self.paths is not None:
            return self.record()
        moments: dict[tuple[str, int], Snapshot] = {}
        for name in step.shows:
            each = self.trainings[name]
            if self.is_asking:
                before = [steps for steps in each.kept if steps < step.at]
                found = each.kept[max(before)] if before else None
            else:
                found = each.kept.get(step.at) or each.newest()
            if found is not None and found.step <= step.at:
                moments[name, step.at] = found
        if self.is_asking and len(moments) < len(step.shows):
            moments = {}
        return replace(self.record(), moments=moments)

    def end(self) -> None:
        """End all sessions."""
        with self._driving:
            for each in self.trainings.values():
                each.end()

    def close(self) -> None:
        """End everything for good."""
        self.end()
        if self.paths is not None:
            self.paths.stop()
