"""Sessions that nobody looks at any more end, and those that somebody looks at stay."""

from collections.abc import Iterator

import pytest
from fake_projection import FakeProjection

from app.sessions import registry as sessions
from app.sessions.registry import LEFT_SECONDS, Registry
from vqcore.training.recipe import default_recipe
from vqcore.training.status import State

RECIPE = default_recipe("plane", device="cpu", num_codes=4)


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def registry(clock: list[float]) -> Iterator[Registry]:
    made = Registry(FakeProjection(), clock=lambda: clock[0])
    yield made
    made.close()


def test_of_thirty_sessions_begun_over_an_hour_those_that_are_left_end(
    registry: Registry, clock: list[float]
) -> None:
    begun = []
    for minute in range(0, 60, 2):
        clock[0] = 60.0 * minute
        begun.append((clock[0], registry.begin(RECIPE, paused=True)))
        registry.end_left()
        there = [entry for at, entry in begun if registry.find(entry.id)]
        assert there == [entry for at, entry in begun if clock[0] - at <= LEFT_SECONDS]
    clock[0] += LEFT_SECONDS + 1
    registry.end_left()
    assert [entry for _, entry in begun if registry.find(entry.id)] == []
    assert {entry.session.status().state for _, entry in begun} == {State.STOPPED}


def test_a_look_by_its_owner_or_a_follower_keeps_a_session(registry: Registry, clock: list[float]) -> None:
    owned, followed, left = [registry.begin(RECIPE, paused=True) for _ in range(3)]
    follower = registry.follow(followed.watch_id)
    assert follower is not None
    clock[0] = LEFT_SECONDS - 1
    owned.session.latest()
    follower.session.latest()
    clock[0] = LEFT_SECONDS + 1
    registry.end_left()
    assert [registry.find(entry.id) for entry in (owned, followed, left)] == [owned, followed, None]
    assert registry.find_follower(follower.id) is follower


def test_the_servers_registry_looks_for_them_by_itself(
    registry: Registry, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "TEND_SECONDS", 0.01)
    entry = registry.begin(RECIPE, paused=True)
    clock[0] = LEFT_SECONDS + 1
    registry.keep_ending_left()
    assert entry.session.wait(lambda session: session.status().state is State.STOPPED, 60)


def test_one_session_too_many_ends_the_one_left_longest_however_slowly_the_registry_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "MOST_SESSIONS", 3)
    now, seconds_between_readings = [0.0], [0.0]

    def clock() -> float:
        now[0] += seconds_between_readings[0]
        return now[0]

    registry = Registry(FakeProjection(), clock)
    try:
        first, second, third = [registry.begin(RECIPE, paused=True) for _ in range(3)]
        for entry in (first, second, third):
            now[0] += 1.0
            entry.session.latest()
        seconds_between_readings[0] = 100.0
        registry.begin(RECIPE, paused=True)
        assert [registry.find(entry.id) for entry in (first, second, third)] == [None, second, third]
    finally:
        registry.close()
