"""What lessons keep beyond a browser tab: readers with their runs, and claims checked over seeds."""

import secrets
import threading
from dataclasses import dataclass, field

import streamlit as st

from app.sessions.claim_sweep import ClaimSweep
from app.sessions.class_room import ANEW, ClassRoom
from app.sessions.followed_lesson import BETWEEN, FollowedLesson
from app.sessions.jobs import Kept
from app.sessions.lesson_run import LessonRun
from app.sessions.registry import Registry, registry
from demos.lesson import Lesson

MOST_READERS = 48
"""Readers remembered at once; one more takes the place of who was away for longest."""

MOST_SWEEPS = 2
"""Lessons checked over seeds at once; the oldest ends for a new one."""


@dataclass(slots=True)
class Reader:
    """One reader's progress through the lessons, by an unguessable id in the URL, so that a reload finds it again."""

    id: str
    registry: Registry
    browser: str = ""
    """Whose it is: another browser with this id begins as a reader of its own."""

    runs: dict[str, LessonRun] = field(default_factory=dict)
    """By the lesson's name."""

    current: LessonRun | None = None
    """The one that is read now; None at the list of lessons."""

    room: ClassRoom = field(default_factory=ClassRoom)
    """Those who follow."""

    drawing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)  # two tabs may be one reader's

    def run(self, lesson: Lesson, seed: int) -> LessonRun:
        """The run of `lesson`; a new seed begins a new run, and so does a file that was changed."""
        with self._lock:
            run = self.runs.get(lesson.name)
            if run is not None and run.seed == seed and run.lesson is lesson:
                return run
            before, run = run, self._begun(lesson, seed)
        if before is not None:
            before.close()
        return run

    def begin(self, lesson: Lesson, seed: int) -> LessonRun:
        """Begin the lesson at its first step, with everything trained again."""
        with self._lock:
            before, run = self.runs.get(lesson.name), self._begun(lesson, seed)
        if before is not None:
            before.close()
        return run

    def _begun(self, lesson: Lesson, seed: int) -> LessonRun:
        run = self.runs[lesson.name] = LessonRun(lesson, seed, self.registry, self.room)
        return run

    def read(self, run: LessonRun | None, number: int = 1) -> None:
        """Be at this step of a run, or at the list of lessons; the class is told, and comes along."""
        before, self.current = self.current, run
        self.room.reader_is_here()
        if run is None or (before is run and run.number == number):
            if before is not run:
                self.room.tell_of_step()
            return
        if before is not run and self.room.is_open:
            self.room.tell(ANEW.format(what=f"{run.lesson.title}, seed {run.seed}"))
        run.go_to(number)

    def end_others(self, name: str | None) -> None:
        """End the sessions of all lessons but this one; the moments kept of them stay."""
        for lesson, run in tuple(self.runs.items()):
            if lesson != name:
                run.end()

    def end(self) -> None:
        """End all runs."""
        for run in tuple(self.runs.values()):
            run.close()


class Desk:
    """All readers, and the sweep of each lesson, which they share."""

    def __init__(self) -> None:
        self._readers: Kept[Reader] = Kept(MOST_READERS, Reader.end)
        self._lock = threading.Lock()
        # Not `Kept`: all are kept, one a lesson, and what is bounded is how many run.
        self._sweeps: dict[str, ClaimSweep] = {}

    def reader(self, reader_id: str | None, browser: str = "") -> Reader:
        """The reader with this id, if it is this browser's; else a new one."""
        found = self._readers.find(reader_id) if reader_id else None
        if found is not None and found.browser == browser:
            return found
        new = Reader(secrets.token_urlsafe(9), registry(), browser)
        return self._readers.find_or_make(new.id, lambda: new)

    def find_run(self, watch_id: str) -> LessonRun | None:
        """The run with this watch id, or None; its reader counts as there."""
        for reader in self._readers.values():
            for run in tuple(reader.runs.values()):
                if run.watch_id == watch_id:
                    self._readers.find(reader.id)
                    return run
        return None

    def follow(self, watch_id: str, seat: str | None) -> FollowedLesson | None:
        """A follower of the reader with this class, at their seat or a new one; None if there is no such class."""
        reader = next((each for each in self._readers.values() if each.room.id == watch_id), None)
        return None if reader is None else FollowedLesson(reader, reader.room.sit(seat))

    def find_followed(self, followed_id: str) -> FollowedLesson | None:
        """What a page follows under this id, or None once it is gone."""
        seat = followed_id.partition(BETWEEN)[0]
        for reader in self._readers.values():
            if reader.room.id == seat or reader.room.has(seat):
                self._readers.find(reader.id)  # its class keeps it
                return FollowedLesson(reader, "" if reader.room.id == seat else seat)
        return None

    def begin_sweep(self, lesson: Lesson) -> ClaimSweep:
        """Check the lesson's claims over seeds, joining a sweep that others have begun."""
        with self._lock:
            sweep = self._sweeps.pop(lesson.name, None)
            if sweep is None or not sweep.is_running:
                running = [other for other in self._sweeps.values() if other.is_running]
                for other in running[: len(running) + 1 - MOST_SWEEPS]:
                    other.cancel()
                sweep = ClaimSweep(lesson).start()
            self._sweeps[lesson.name] = sweep  # behind all others
            return sweep

    def sweep_of(self, lesson: Lesson) -> ClaimSweep | None:
        """The sweep begun for this lesson, or None."""
        with self._lock:
            return self._sweeps.get(lesson.name)

    def close(self) -> None:
        """End everything."""
        with self._lock:
            sweeps = tuple(self._sweeps.values())
            self._sweeps.clear()
        self._readers.close()
        for sweep in sweeps:
            sweep.stop()


@st.cache_resource(show_spinner=False)
def desk() -> Desk:
    """The single desk of the server."""
    return Desk()
