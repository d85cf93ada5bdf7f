"""From a snapshot to what the map draws: which plane, and where everything lies in it. Knows no page."""

# M monitor vectors, K codes

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from app.figures.pcq_map import Floats, Plane
from vqcore.projection.pca import FrozenBasis
from vqcore.projection.service import ProjectionService, State
from vqcore.snapshot import Snapshot, Trail

View = Literal["PCA", "UMAP", "raw"]

REFIT_BELOW = 0.5
"""A frozen plane that keeps less of the variance than this share of the best plane's is given up."""


@dataclass(slots=True)
class MapMemory:
    """The frozen plane of one level, so that every page of its session and every reload shows the same picture."""

    basis: FrozenBasis | None = None
    fitted_at: int = 0
    refit_wanted: bool = False

    def ask_for_refit(self) -> None:
        """Have the plane fitted anew to the next moment shown."""
        self.refit_wanted = True


@dataclass(slots=True)
class MapMemories:
    """The frozen planes of one session: each group or level of its quantizer has its own."""

    by_level: dict[int, MapMemory] = field(default_factory=dict)
    run: int = 0

    def of(self, snapshot: Snapshot, run: int) -> MapMemory:
        """The plane of the snapshot's level in the session's present `run`; of another run none is kept."""
        if run != self.run:
            self.by_level.update({level: MapMemory() for level in tuple(self.by_level)})
            self.run = run
        return self.by_level.setdefault(snapshot.level, MapMemory())


class Shown(NamedTuple):
    """A plane, the moment that it shows, and what to say of it."""

    plane: Plane
    snapshot: Snapshot
    note: str


def views_of(snapshot: Snapshot) -> tuple[View, ...]:
    """A latent space of one or two features is drawn as it is, never projected."""
    return ("raw",) if snapshot.codebook.shape[1] <= 2 else ("PCA", "UMAP")


def show(
    view: View,
    snapshot: Snapshot,
    memory: MapMemory,
    projection: ProjectionService,
    stream: str,
    *,
    is_past: bool = False,
) -> Shown:
    """The plane for `view`; PCA with a word why where UMAP cannot answer yet.

    A moment of the past is shown in the plane that is there, which only the reader has fitted anew: others watch
    the same session live.
    """
    if view == "raw" or snapshot.codebook.shape[1] <= 2:
        return _raw(snapshot)
    if view == "UMAP":
        return _umap(snapshot, memory, projection, stream, is_past)
    return _pca(snapshot, memory, is_past)


def _raw(snapshot: Snapshot) -> Shown:
    def same(points: Floats) -> Floats:
        return points if points.shape[1] == 2 else np.pad(points, ((0, 0), (0, 1)))

    plane = Plane(
        p=same(snapshot.z_e),
        c=same(snapshot.codebook),
        codes=snapshot.codes,
        counts=snapshot.counts,
        axis_titles=("feature 1", "feature 2" if snapshot.codebook.shape[1] == 2 else ""),
        keeps_distances=True,
        paths=[same(path) for path in _paths(snapshot)],
        mean_path=[same(trail.p_mean[None])[0] for trail in snapshot.trail],
    )
    return Shown(plane, snapshot, "")


def _pca(snapshot: Snapshot, memory: MapMemory, is_past: bool) -> Shown:
    points = np.concatenate([snapshot.z_e, snapshot.codebook])
    basis = memory.basis
    fits = basis is not None and len(basis.centre) == points.shape[1]
    is_poor = basis is not None and fits and basis.captured_share(points) < REFIT_BELOW
    if basis is None or not fits or memory.refit_wanted or (is_poor and not is_past):
        is_poor = False
        basis = FrozenBasis.fit(points)
        memory.basis, memory.fitted_at, memory.refit_wanted = basis, snapshot.step, False
    first, second = (
        f"PC {order} · {share:.0%} of variance" for order, share in enumerate(basis.explained_share, start=1)
    )
    plane = Plane(
        p=basis.project(snapshot.z_e),
        c=basis.project(snapshot.codebook),
        codes=snapshot.codes,
        counts=snapshot.counts,
        axis_titles=(first, second),
        keeps_distances=True,
        paths=[basis.project(path) for path in _paths(snapshot)],
        mean_path=[basis.project(trail.p_mean[None])[0] for trail in snapshot.trail],
    )
    note = f"plane fitted at step {memory.fitted_at:,}"
    return Shown(plane, snapshot, f"{note}, shows little of this moment: fit it anew" if is_poor else note)


def _umap(snapshot: Snapshot, memory: MapMemory, projection: ProjectionService, stream: str, is_past: bool) -> Shown:
    layout = projection.latest(stream)
    shown = layout.tag if layout is not None else None
    if not (isinstance(shown, Snapshot) and shown.step == snapshot.step):
        points = np.concatenate([snapshot.z_e, snapshot.codebook])
        projection.request(stream, points, tag=snapshot)
    status = projection.status
    is_current = isinstance(shown, Snapshot) and shown.codebook.shape == snapshot.codebook.shape
    if layout is None or not is_current or status.state in (State.RESTARTING, State.FAILED):
        instead = _pca(snapshot, memory, is_past)
        reason = projection.error(stream) or status.sentence
        return instead._replace(note=f"PCA for now: {reason}")
    assert isinstance(shown, Snapshot)
    count = len(shown.z_e)
    plane = Plane(
        p=layout.coordinates[:count],
        c=layout.coordinates[count:],
        codes=shown.codes,
        counts=shown.counts,
        axis_titles=("UMAP 1", "UMAP 2"),
        keeps_distances=False,
    )
    return Shown(plane, shown, f"Layout of step {shown.step:,}, {layout.seconds:.1f} s.")


def _paths(snapshot: Snapshot) -> list[Floats]:
    """Earlier code vectors, cut where a code was moved by replacement or k-means: that is no path."""
    return [_cut(trail, snapshot) for trail in snapshot.trail if trail.step < snapshot.step]


def _cut(trail: Trail, snapshot: Snapshot) -> Floats:
    return np.where((snapshot.placed_at > trail.step)[:, None], np.float32(np.nan), trail.codebook)
