"""The UMAP of an examined codebook: requested once, then polled until it is there."""

# M latents, C codes laid out, F codes drawn

import weakref
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from app.doctor.facts import Facts
from app.sessions.jobs import Job
from app.wording import UMAP_CAUTION, trust
from vqcore.projection.service import ProjectionService, State


class Shown(NamedTuple):
    """What the map shows when UMAP is chosen, and a sentence about it."""

    facts: Facts
    """With UMAP's plane once it is there."""

    said: tuple[str, ...]
    is_waiting: bool


def stream_of(job: Job[Facts | None]) -> str:
    """Key of the layouts of the facts that `job` computed."""
    return f"doctor/{id(job)}"


def umap_of(facts: Facts, projection: ProjectionService, job: Job[Facts | None]) -> Shown:
    """The UMAP layout of the `facts` of `job`, requested on first use; it is forgotten with `job`.

    Until it is there the plane stays as it is.
    """
    stream = stream_of(job)
    layout = projection.latest(stream)
    if layout is None:
        error = projection.error(stream)
        if error is None and not projection.is_busy(stream):
            projection.request(stream, np.concatenate([facts.points.p, facts.points.c]))
            weakref.finalize(job, projection.forget, stream).atexit = False
        progress, status = projection.progress(stream), projection.status
        epochs = f" Epoch {progress.done} of {progress.total}." if progress is not None else ""
        is_waiting = error is None and status.state is not State.FAILED
        return Shown(facts, (f"PCA for now: {error or status.sentence}{epochs}",), is_waiting)
    count = len(facts.points.p)
    c = np.full((len(facts.plane.c), 2), np.nan, np.float32)  # codes that are not laid out keep their number
    c[facts.points.rows] = layout.coordinates[count:]
    plane = replace(
        facts.plane, p=layout.coordinates[:count], c=c, axis_titles=("UMAP 1", "UMAP 2"), keeps_distances=False
    )
    said = [_of(facts), UMAP_CAUTION, *([trust(*layout.trust)] if layout.trust else [])]
    return Shown(replace(facts, plane=plane), tuple(said), False)


def _of(facts: Facts) -> str:
    """Which codes are laid out, if not all."""
    number, every = len(facts.points.rows), len(facts.codes)
    if number == every:
        return f"all {every:,} codes"
    which = "evenly spaced" if facts.counts is None else "the most used, then unused ones"
    return f"{number:,} of {every:,} codes, {which}"
