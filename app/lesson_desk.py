"""What lessons keep beyond a browser tab: readers with their runs, and claims counted over seeds."""

import secrets
from dataclasses import dataclass, field

import streamlit as st

from app.claim_sweep import ClaimSweep
from app.lesson_run import LessonRun
from app.services import Registry, registry
from demos.lesson import Lesson

MOST_READERS = 48
"""Readers remembered at once; one more takes the place of who came longest ago."""

MOST_SWEEPS = 2
"""Lessons counted over seeds at once; the one begun first ends for a new one."""


@dataclass(slots=True)
class Reader:
    """Somebody's way through the lessons, by an unguessable id that is in the URL: a reload finds it again."""

    id: str
    registry: Registry
    runs: dict[str, LessonRun] = field(default_factory=dict)
    """By the lesson's name."""

    def run(self, lesson: Lesson, seed: int) -> LessonRun:
        """The run of `lesson`; another seed begins another."""
        run = self.runs.get(lesson.name)
        if run is None or run.seed != seed:
            run = self.begin(lesson, seed)
        return run

    def begin(self, lesson: Lesson, seed: int) -> LessonRun:
        """The lesson from its first step, everything trained anew."""
        if (before := self.runs.get(lesson.name)) is not None:
            before.close()
        run = self.runs[lesson.name] = LessonRun(lesson, seed, self.registry)
        return run

    def end_others(self, name: str | None) -> None:
        """Give back the sessions of all lessons but this one; their moments stay."""
        for lesson, run in self.runs.items():
            if lesson != name:
                run.end()

    def end(self) -> None:
        """End all runs."""
        for run in self.runs.values():
            run.close()


class Desk:
    """All readers, and the sweep of each lesson, which is the same for all of them."""

    def __init__(self) -> None:
        self._readers: dict[str, Reader] = {}
        self._sweeps: dict[str, ClaimSweep] = {}

    def reader(self, reader_id: str | None) -> Reader:
        """The reader with this id, else a new one."""
        found = self._readers.pop(reader_id, None) if reader_id else None
        if found is None:
            while len(self._readers) >= MOST_READERS:
                self._readers.pop(next(iter(self._readers))).end()
            found = Reader(secrets.token_urlsafe(9), registry())
        self._readers[found.id] = found  # behind all others
        return found

    def begin_sweep(self, lesson: Lesson) -> ClaimSweep:
        """Count the lesson's claims over seeds; where others have begun that already, it is theirs."""
        sweep = self._sweeps.pop(lesson.name, None)
        if sweep is not None and sweep.is_running:
            self._sweeps[lesson.name] = sweep
            return sweep
        running = [name for name, other in self._sweeps.items() if other.is_running]
        for name in running[: len(running) + 1 - MOST_SWEEPS]:
            self._sweeps[name].cancel()
        sweep = self._sweeps[lesson.name] = ClaimSweep(lesson)
        sweep.start()
        return sweep

    def sweep_of(self, lesson: Lesson) -> ClaimSweep | None:
        """The sweep begun for this lesson, or None."""
        return self._sweeps.get(lesson.name)

    def close(self) -> None:
        """End everything."""
        for reader in self._readers.values():
            reader.end()
        self._readers.clear()
        for sweep in self._sweeps.values():
            sweep.stop()
        self._sweeps.clear()


@st.cache_resource(show_spinner=False)
def desk() -> Desk:
    """The server's one desk."""
    return Desk()
