"""What all pages share, asked for by many script threads at the same moment."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

import pytest
from fake_projection import FakeProjection

from app.sessions import lesson_desk
from app.sessions import registry as services
from app.sessions.lesson_desk import MOST_READERS, Desk, Reader
from app.sessions.registry import MOST_FOLLOWERS, MOST_SESSIONS, Registry
from app.sessions.seed_runs import Plan
from demos.catalogue import lessons
from vqcore.training.recipe import default_recipe
from vqcore.training.status import State, Status
from vqcore.trajectories.setting import Setting

THREADS = 16
SECONDS = 20
MEETING_SECONDS = 0.2
"""How long one waits within a lock for others, who cannot come: only what is not locked meets there."""

RECIPE = default_recipe("plane", device="cpu", num_codes=4)


@contextmanager
def together() -> Iterator[Callable[[Callable[[int], Any]], list[Any]]]:
    """Calls one function from all threads at once, and gives what each returned."""
    with ThreadPoolExecutor(THREADS) as pool:
        gate = threading.Barrier(THREADS)

        def called(work: Callable[[int], Any], number: int) -> Any:
            gate.wait(SECONDS)
            return work(number)

        def all_at_once(work: Callable[[int], Any]) -> list[Any]:
            waiting = [pool.submit(called, work, number) for number in range(THREADS)]
            return [each.result(SECONDS) for each in waiting]

        yield all_at_once


class Meeting:
    """Where threads wait for each other if they can be there together, and else go on."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(THREADS)

    def wait(self) -> None:
        with suppress(threading.BrokenBarrierError):
            self._barrier.wait(MEETING_SECONDS)


class FakeSession:
    """Trains nothing. As long as a `Meeting` is set, it is built only when all threads are about to."""

    meeting: Meeting | None = None
    made: list["FakeSession"]
    seen = count()

    def __init__(self, *_: Any, **__: Any) -> None:
        if self.meeting is not None:
            self.meeting.wait()
        self.number = next(self.seen)
        self.started = self.stopped = 0
        self.may_stop = threading.Event()
        self.may_stop.set()
        self.is_stopping = threading.Event()
        self.made.append(self)

    def start(self) -> None:
        assert not self.stopped
        self.started += 1

    def stop(self, seconds: float = SECONDS) -> None:
        self.is_stopping.set()
        if seconds == 0:
            return
        assert self.may_stop.wait(SECONDS)
        self.stopped += 1

    def last_seen_at(self) -> float:
        return float(self.number)

    def status(self) -> Status:
        return Status(State.PAUSED, "cpu", 0.0, RECIPE, variants=("main",))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[FakeSession]:
    """All sessions that a registry begins in this test."""
    sessions: list[FakeSession] = []
    monkeypatch.setattr(FakeSession, "made", sessions, raising=False)
    monkeypatch.setattr(services, "Session", FakeSession)
    return sessions


def test_sixteen_threads_begin_no_more_sessions_than_there_may_be(made, monkeypatch):
    registry = Registry(FakeProjection())
    kept = [registry.begin(RECIPE) for _ in range(MOST_SESSIONS - 1)]
    monkeypatch.setattr(FakeSession, "meeting", Meeting())
    with together() as all_at_once:
        kept += all_at_once(lambda _: registry.begin(RECIPE))
    there = [entry for entry in kept if registry.find(entry.id) is entry]
    assert len(there) == MOST_SESSIONS
    assert all(session.started == 1 for session in made)
    assert {session for session in made if not session.stopped} == {entry.session for entry in there}
    assert max(session.stopped for session in made) == 1
    registry.close()
    assert [session.stopped for session in made] == [1] * len(made)


def test_whoever_asks_for_a_session_waits_for_none_that_ends(made):
    registry = Registry(FakeProjection())
    entries = [registry.begin(RECIPE) for _ in range(MOST_SESSIONS)]
    slow = entries[0].session
    slow.may_stop.clear()
    with ThreadPoolExecutor(2) as pool:
        try:
            ends = pool.submit(registry.begin, RECIPE)
            assert slow.is_stopping.wait(SECONDS)
            asked = (
                lambda: registry.find(entries[0].id) is None,
                lambda: registry.follow(entries[1].watch_id) is not None,
                lambda: registry.begin(RECIPE) is not None,
            )
            assert [pool.submit(each).result(SECONDS) for each in asked] == [True] * 3
            assert not ends.done()
        finally:
            slow.may_stop.set()
        assert registry.find(ends.result(SECONDS).id) is not None
    registry.close()


def test_sixteen_threads_follow_while_sessions_end_and_no_follower_is_left_without_one(made):
    registry = Registry(FakeProjection())
    owners = [registry.begin(RECIPE) for _ in range(THREADS)]

    def work(number: int) -> None:
        for _ in range(MOST_FOLLOWERS // 4):
            registry.follow(owners[number].watch_id)
            registry.follow(owners[number - 1].watch_id)
        registry.end(owners[number].id)
        assert registry.follow(owners[number].watch_id) is None

    with together() as all_at_once:
        all_at_once(work)
    assert (registry._sessions, registry._followers) == ({}, {})


@pytest.mark.parametrize(
    ("kind", "begin", "asked"),
    [
        ("Sweep", "begin_sweep", Setting(landscape="quadratic", methods=("STE",))),
        ("SeedRuns", "begin_seeds", Plan((("main", RECIPE),))),
    ],
)
def test_of_sixteen_trainings_begun_for_the_same_one_is_kept_and_all_others_end(kind, begin, asked, monkeypatch):
    made, meeting = [], Meeting()

    class FakeJob:
        def __init__(self, _: Any) -> None:
            meeting.wait()
            self.is_cancelled = False
            made.append(self)

        def start(self) -> "FakeJob":
            return self

        def cancel(self) -> None:
            self.is_cancelled = True

        stop = cancel

    monkeypatch.setattr(services, kind, FakeJob)
    registry = Registry(FakeProjection())
    with together() as all_at_once:
        all_at_once(lambda _: getattr(registry, begin)(asked))
    find = {"begin_sweep": registry.sweep_of, "begin_seeds": registry.seeds_of}[begin]
    assert [job for job in made if not job.is_cancelled] == [find(asked)]
    registry.close()
    assert all(job.is_cancelled for job in made)


class MeetingDict(dict):
    """A dict whose readers, having taken something out, wait for each other."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.meeting = Meeting()

    def pop(self, *words: Any) -> Any:
        found = super().pop(*words)
        self.meeting.wait()
        return found


def test_sixteen_tabs_of_one_reader_are_one_reader(sessions):
    desk = Desk()
    reader = desk.reader(None)
    for _ in range(MOST_READERS - 1):
        desk.reader(None)
    desk._readers._values = MeetingDict(desk._readers._values)
    with together() as all_at_once:
        found = all_at_once(lambda _: desk.reader(reader.id))
    assert found == [reader] * THREADS
    assert len(desk._readers.values()) == MOST_READERS


def test_sixteen_tabs_of_one_reader_have_one_run_of_a_lesson(sessions, monkeypatch):
    made, meeting = [], Meeting()

    class FakeRun:
        def __init__(self, lesson: Any, seed: int, *_: object) -> None:
            meeting.wait()
            self.lesson, self.seed, self.is_closed = lesson, seed, False
            made.append(self)

        def close(self) -> None:
            self.is_closed = True

    monkeypatch.setattr(lesson_desk, "LessonRun", FakeRun)
    lesson, reader = lessons()[0][0], Reader("reader", sessions)
    with together() as all_at_once:
        found = all_at_once(lambda _: reader.run(lesson, 3))
    assert made == [found[0]]
    assert found == made * THREADS
    with together() as all_at_once:
        all_at_once(lambda _: reader.begin(lesson, 3))
    assert [run for run in made if not run.is_closed] == [reader.runs[lesson.name]]
