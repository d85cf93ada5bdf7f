"""Which points of a codebook are laid out by neighbours, and where they are drawn."""

import numpy as np
import pytest
from fake_projection import FakeProjection

from app.doctor import facts as doctor_facts
from app.doctor.facts import Facts, facts_of
from app.doctor.umap_plane import stream_of, umap_of
from app.sessions.jobs import Job
from vqcore.diagnostics.evidence import Evidence, UsageEvidence
from vqcore.projection.service import State, Status
from vqcore.projection.streams import Layout

K, D = 50, 6
MOST = 20


@pytest.fixture
def projection(monkeypatch: pytest.MonkeyPatch) -> FakeProjection:
    monkeypatch.setattr(doctor_facts, "MOST_MAPPED_CODES", MOST)
    return FakeProjection()


def worked_out(counts: np.ndarray | None) -> Job[Facts | None]:
    codebook = np.random.default_rng(0).standard_normal((K, D)).astype(np.float32)
    usage = None if counts is None else UsageEvidence(counts, float(counts.sum()), "a window")
    job = Job(lambda _: facts_of(Evidence(codebook=codebook, usage=usage), "euclidean")).start()
    assert job.wait(60)
    return job


def test_the_most_used_codes_come_first_and_unused_ones_fill_up(projection: FakeProjection) -> None:
    counts = np.zeros(K, np.int64)
    counts[10:40] = np.arange(1, 31)
    rows = worked_out(counts).result.points.rows
    assert rows.tolist() == list(range(20, 40))  # counts 11…30
    counts[13:] = 0
    rows = worked_out(counts).result.points.rows
    assert len(rows) == MOST
    assert {10, 11, 12} <= set(rows)
    assert max(rows) == K - 1


def test_laid_out_codes_stand_under_their_own_numbers_and_the_others_are_not_drawn(
    projection: FakeProjection,
) -> None:
    job = worked_out(None)
    assert umap_of(job.result, projection, job).is_waiting
    ((stream, points, _),) = projection.requests
    assert stream == stream_of(job)
    assert len(points) == MOST
    coordinates = np.stack([np.arange(MOST), -np.arange(MOST)], 1).astype(np.float32)
    projection.layouts[stream] = Layout(coordinates, None, 1.0, False)
    shown = umap_of(job.result, projection, job)
    drawn = np.flatnonzero(np.isfinite(shown.facts.plane.c).all(1))
    np.testing.assert_array_equal(drawn, job.result.points.rows)
    np.testing.assert_array_equal(shown.facts.plane.c[drawn], coordinates)
    np.testing.assert_array_equal(points, job.result.points.c)
    assert not shown.facts.plane.keeps_distances
    assert "20 of 50 codes, evenly spaced" in shown.said[0]


def test_a_layout_that_fails_is_a_sentence_and_is_not_asked_for_again(projection: FakeProjection) -> None:
    job = worked_out(None)
    umap_of(job.result, projection, job)
    projection.errors[stream_of(job)] = "The points are too few."
    shown = umap_of(job.result, projection, job)
    assert shown.said == ("PCA for now: The points are too few.",)
    assert (shown.is_waiting, len(projection.requests)) == (False, 1)
    assert shown.facts is job.result


def test_where_umap_is_off_nobody_waits_for_it(projection: FakeProjection) -> None:
    job = worked_out(None)
    projection.status = Status(State.FAILED, "UMAP is off.")
    assert umap_of(job.result, projection, job).said == ("PCA for now: UMAP is off.",)
    assert not umap_of(job.result, projection, job).is_waiting
