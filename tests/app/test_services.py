from collections.abc import Iterator
from dataclasses import replace

import pytest
from fake_projection import FakeProjection

from app.sessions.planes import MapMemory
from app.sessions.registry import MOST_SESSIONS, WARM_UP_AFTER_SECONDS, Registry
from vqcore.projection.service import State as ProjectionState
from vqcore.training.recipe import default_recipe
from vqcore.training.session import Session
from vqcore.training.status import State

RECIPE = default_recipe("plane", device="cpu", num_codes=4)
SECONDS = 60


def has_stopped(session: Session) -> bool:
    return session.status().state is State.STOPPED


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry(FakeProjection())
    yield made
    made.close()


def test_a_session_is_found_by_its_id_alone(registry):
    entry = registry.begin(RECIPE, paused=True)
    assert registry.find(entry.id) is entry
    assert registry.find("another") is None
    assert registry.find("") is None
    assert registry.find(None) is None
    assert entry.session.wait(lambda session: session.status().state is State.PAUSED)


def test_ids_are_long_and_never_alike(registry):
    ids = {registry.begin(RECIPE, paused=True).id for _ in range(MOST_SESSIONS)}
    assert len(ids) == MOST_SESSIONS
    assert min(map(len, ids)) >= 12  # 9 random bytes


def test_one_session_too_many_ends_the_one_unseen_longest(registry):
    entries = [registry.begin(RECIPE, paused=True) for _ in range(MOST_SESSIONS)]
    for entry in (*entries[:3], *entries[4:]):
        entry.session.latest()  # all are looked at again but the fourth
    entries[3].maps.by_level.update({0: MapMemory(), 2: MapMemory()})  # two of its levels have been on a map
    newest = registry.begin(RECIPE, paused=True)
    kept = [*entries[:3], *entries[4:], newest]
    assert [registry.find(entry.id) for entry in kept] == kept
    assert registry.find(entries[3].id) is None
    assert entries[3].session.wait(has_stopped, SECONDS)
    seen = replace(entries[3], variant="main")
    streams = [seen.stream(level, is_past=is_past) for level in (0, 2) for is_past in (False, True)]
    assert registry.projection.forgotten == streams
    assert all(entry.session.status().state is not State.STOPPED for entry in kept)


def test_umap_is_started_once_and_not_while_the_first_charts_come():
    now = [100.0]
    registry = Registry(FakeProjection(), clock=lambda: now[0])
    registry.warm_up_projection()
    now[0] += WARM_UP_AFTER_SECONDS - 0.1
    registry.warm_up_projection()
    assert registry.projection.status.state is ProjectionState.STOPPED
    now[0] += 0.2
    registry.warm_up_projection()
    assert registry.projection.status.state is ProjectionState.WARMING_UP
    registry.projection.start = None  # a second call would fail
    registry.warm_up_projection()
    registry.close()


def test_closing_ends_all_there_is(registry):
    entries = [registry.begin(RECIPE) for _ in range(2)]
    registry.close()
    assert all(entry.session.wait(has_stopped, SECONDS) for entry in entries)
    assert registry.find(entries[0].id) is None
    assert registry.projection.closed
