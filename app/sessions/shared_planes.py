"""One plane for the maps of all variants, and where everything lies in it."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from app.figures.pcq_map import Floats
from app.sessions.planes import REFIT_BELOW, MapMemory, finite_points
from vqcore.projection.pca import FrozenBasis
from vqcore.projection.service import ProjectionService, State
from vqcore.snapshot import Snapshot

Snapshots = Mapping[str, Snapshot]
"""By variant."""


class SharedPlane(NamedTuple):
    """Where P and C of every variant lie, and the moments that are shown."""

    places: Mapping[str, tuple[Floats, Floats]]
    snapshots: Snapshots
    axis_titles: tuple[str, str]
    keeps_distances: bool
    note: str


def shared_plane(
    view: str, snapshots: Snapshots, run: int, memory: MapMemory, projection: ProjectionService, stream: str
) -> SharedPlane:
    """The plane for `view`: PCA with a note where UMAP cannot be shown, the features as they are if there are two.

    Args:
        view: PCA or UMAP.
        snapshots: of the newest moment.
        run: of the session, which they are of: a layout of another run is not shown.
        memory: of the plane of that run.
        projection: lays out.
        stream: names the layouts of these variants.
    """
    if next(iter(snapshots.values())).codebook.shape[1] <= 2:
        return _raw(snapshots)
    return _umap(snapshots, run, memory, projection, stream) if view == "UMAP" else _pca(snapshots, memory)


def _raw(snapshots: Snapshots) -> SharedPlane:
    def same(points: Floats) -> Floats:
        return points if points.shape[1] == 2 else np.pad(points, ((0, 0), (0, 1)))

    places = {name: (same(each.z_e), same(each.codebook)) for name, each in snapshots.items()}
    return SharedPlane(places, snapshots, ("feature 1", "feature 2"), True, "the two features as they are")


def _pca(snapshots: Snapshots, memory: MapMemory) -> SharedPlane:
    """The first two principal components of all variants together, kept as long as they are good enough."""
    points = finite_points([part for each in snapshots.values() for part in (each.z_e, each.codebook)])
    basis = memory.basis
    fits = basis is not None and len(basis.centre) == points.shape[1]
    if basis is None or not fits or memory.refit_wanted or basis.captured_share(points) < REFIT_BELOW:
        basis = memory.basis = FrozenBasis.fit(points)
        memory.fitted_at, memory.refit_wanted = max(each.step for each in snapshots.values()), False
    first, second = (f"PC {order} · {share:.0%}" for order, share in enumerate(basis.explained_share, start=1))
    places = {name: (basis.project(each.z_e), basis.project(each.codebook)) for name, each in snapshots.items()}
    note = f"one plane for all, fitted to all variants together at step {memory.fitted_at:,}"
    return SharedPlane(places, snapshots, (first, second), True, note)


def _umap(
    snapshots: Snapshots, run: int, memory: MapMemory, projection: ProjectionService, stream: str
) -> SharedPlane:
    afresh, memory.refit_wanted = memory.refit_wanted, False
    if afresh:
        projection.reset(stream)
    layout = projection.latest(stream)
    of_run, shown = layout.tag if layout is not None and isinstance(layout.tag, _Tag) else _Tag(run, {})
    if afresh or (of_run, _moments(shown)) != (run, _moments(snapshots)):
        points = np.concatenate([part for each in snapshots.values() for part in (each.z_e, each.codebook)])
        projection.request(stream, points, tag=_Tag(run, dict(snapshots)))
    is_current = (of_run, _shapes(shown)) == (run, _shapes(snapshots))
    if layout is None or not is_current or projection.status.state in (State.RESTARTING, State.FAILED):
        reason = projection.error(stream) or projection.status.sentence
        return _pca(snapshots, memory)._replace(note=f"PCA for now: {reason}")
    places, at = {}, 0
    for name, each in shown.items():
        ends = at + len(each.z_e), at + len(each.z_e) + len(each.codebook)
        places[name] = layout.coordinates[at : ends[0]], layout.coordinates[ends[0] : ends[1]]
        at = ends[1]
    step = max(each.step for each in shown.values())
    note = f"one layout of all variants together, of step {step:,}, {layout.seconds:.1f} s"
    return SharedPlane(places, shown, ("UMAP 1", "UMAP 2"), False, note)


class _Tag(NamedTuple):
    """What a layout is of."""

    run: int
    snapshots: Snapshots


def _moments(snapshots: Snapshots) -> list[tuple[str, int]]:
    return [(name, each.step) for name, each in snapshots.items()]


def _shapes(snapshots: Snapshots) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, each.codebook.shape) for name, each in snapshots.items()]
