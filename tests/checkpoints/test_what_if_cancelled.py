"""A what-if can be given up at any time: between two words of it never lies more than a part of a search."""

import threading

import numpy as np
import pytest

from vqcore.checkpoints import search_order as arrangement
from vqcore.checkpoints.search_order import Arrangement
from vqcore.remedies.halves import InMemory
from vqcore.remedies.moves import REMEDIES
from vqcore.remedies.what_if import what_if_of

K, D, N = 64, 8, 6_000
PART = 2 * K * D * 300
"""The work of searching for 300 vectors."""


class GivenUpError(Exception):
    pass


@pytest.fixture
def events(monkeypatch) -> list[str | int]:
    """In the order in which they happen: the words that are told, and the work of each search between them."""
    found = []
    search = arrangement.nearest_codes

    def noted(vectors, codebook):
        found.append(2 * len(vectors) * codebook.numel())
        return search(vectors, codebook)

    monkeypatch.setattr(arrangement, "nearest_codes", noted)
    monkeypatch.setattr(arrangement, "WORK_AT_ONCE", PART)
    return found


def tables_and_latents():
    generator = np.random.default_rng(0)
    table = generator.standard_normal((K, D)).astype(np.float32)
    latents = table[generator.integers(9, size=N)] + 0.3 * generator.standard_normal((N, D)).astype(np.float32)
    return [table, table[::-1].copy()], InMemory(np.concatenate([latents, latents], 1).astype(np.float32))


SINGLE = Arrangement(((0,), (1,)), (False, False))
RESIDUAL = Arrangement(((0, 1), (0, 1)), (False, False))  # shared: searched more than once


@pytest.mark.parametrize("structure", [SINGLE, RESIDUAL])
def test_no_more_than_a_part_of_a_search_lies_between_two_words(structure, events):
    tables, latents = tables_and_latents()
    what_if_of(structure, tables, latents, progress=lambda doing, share: events.append(doing))
    work, most = 0, 0
    for event in events:
        work = work + event if isinstance(event, int) else 0
        most = max(most, work)
    assert most == PART
    assert sum(isinstance(event, int) for event in events) > 100
    words = list(dict.fromkeys(event for event in events if isinstance(event, str)))
    assert words == ["reading the latents", *(f"trying {one}" for one in REMEDIES), "measuring it as it is"]


@pytest.mark.parametrize("doing", ["reading the latents", "trying restart", "trying align", "measuring it as it is"])
def test_whoever_gives_up_in_the_middle_of_it_waits_for_no_further_search(doing, events):
    tables, latents = tables_and_latents()
    given_up = threading.Event()

    def told(now: str, share: float) -> None:
        events.append(now)
        if given_up.is_set():
            raise GivenUpError
        if now == doing and events.count(now) > 1:  # once a search of it has begun
            given_up.set()

    with pytest.raises(GivenUpError):
        what_if_of(RESIDUAL, tables, latents, progress=told)
    assert events[-1] == doing or doing == "reading the latents"
    assert sum(event for event in events[-2:] if isinstance(event, int)) <= PART


def test_in_parts_the_codes_are_those_of_one_search(events):
    tables, latents = tables_and_latents()
    whole = arrangement.nearest(latents.array[:, :D].copy(), tables[0])
    assert len(events) == 1
    parts = arrangement.nearest(latents.array[:, :D].copy(), tables[0], check=lambda: None)
    assert len(events) == 1 + N // 300
    np.testing.assert_array_equal(parts, whole)
