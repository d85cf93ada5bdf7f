"""From a snapshot to what the map draws: which plane, and where everything lies in it."""

# M monitor vectors, K codes

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.figures.pcq_map import Floats, Plane
from vqcore.diagnostics.usage import count_codes
from vqcore.projection.pca import FrozenBasis
from vqcore.projection.service import ProjectionService, State
from vqcore.projection.trustworthiness import Trust, trustworthiness
from vqcore.projection.two_codes import two_code_basis
from vqcore.snapshot import Snapshot, Trail

View = Literal["PCA", "UMAP", "two codes", "raw"]

REFIT_BELOW = 0.5
"""A frozen plane that keeps less than this share of the best plane's variance is fitted again."""

REFIT_SAMPLE = 512
"""Points, evenly spaced, by which that is told at every refresh."""

POOR_SECONDS = 1.0
"""Seconds between two such looks during training: each solves an eigenproblem."""

TRUST_SAMPLE = 100
"""Points sampled to judge a plane that the page computes itself: some ten milliseconds at 2,000 points."""

TRUST_SECONDS = 2.0
"""Seconds between two such judgements during training; at every refresh they would take an eighth of it."""


@dataclass(frozen=True, slots=True)
class MapSettings:
    """The parameters of UMAP, and the codes of the two-code plane; None: the most used."""

    n_neighbors: int = 15
    min_dist: float = 0.1
    code_a: int | None = None
    code_b: int | None = None


DEFAULTS = MapSettings()


@dataclass(slots=True)
class MapMemory:
    """The frozen plane of one level, so that every page of its session and every reload shows the same picture."""

    basis: FrozenBasis | None = None
    fitted_at: int = 0
    refit_wanted: bool = False
    most_used: tuple[int, int] | None = None
    """The codes that the two-code plane passes through if none is chosen, kept like the frozen plane."""

    judged_at: float = -math.inf
    """When the plane was last found good enough, in seconds of the monotonic clock."""

    projected: tuple[FrozenBasis | None, Mapping[int, tuple[Floats, Floats]]] = (None, {})
    """A plane and, by the id of each earlier codebook, that codebook and where it lies there, drawn many times."""

    trust: Trust | None = None
    """Trustworthiness of a flat plane, as last computed."""

    trust_of: tuple[object, ...] = ()
    """Which plane and moment `trust` is of."""

    trust_at: float = 0.0
    """When it was computed, in seconds of the monotonic clock."""

    def ask_for_refit(self) -> None:
        """Fit the plane again to the next moment shown."""
        self.refit_wanted = True
        self.most_used = None


@dataclass(slots=True)
class MapMemories:
    """The frozen planes of one session, one for each group or level of its quantizer."""

    by_level: dict[int, MapMemory] = field(default_factory=dict)
    run: int = 0
    drawing: Lock = field(default_factory=Lock)
    """Held by the thread that draws with them, since a session can have several watchers."""

    def copied(self) -> "MapMemories":
        """A copy of the planes for a watcher, who may choose others from here on."""
        return MapMemories({level: replace(memory) for level, memory in tuple(self.by_level.items())}, self.run)

    def of(self, snapshot: Snapshot, run: int) -> MapMemory:
        """The plane of the snapshot's level in the session's current `run`; planes of other runs are not kept."""
        if run != self.run:
            self.by_level.update({level: MapMemory() for level in tuple(self.by_level)})
            self.run = run
        return self.by_level.setdefault(snapshot.level, MapMemory())


class Shown(NamedTuple):
    """A plane, the moment that it shows, and a note about it."""

    plane: Plane
    snapshot: Snapshot
    note: str
    trust: Trust | None = None
    project: Callable[[Floats], Floats] | None = None
    """From vectors (n, D) to where they lie in the plane, (n, 2); None in a layout, which has places for its own."""


def views_of(snapshot: Snapshot) -> tuple[View, ...]:
    """A latent space of one or two features is drawn as it is, never projected."""
    return ("raw",) if snapshot.codebook.shape[1] <= 2 else ("PCA", "UMAP", "two codes")


def show(
    view: View,
    snapshot: Snapshot,
    memory: MapMemory,
    projection: ProjectionService,
    stream: str,
    settings: MapSettings = DEFAULTS,
    *,
    is_past: bool = False,
    judges: bool = True,
) -> Shown:
    """The plane for `view`; PCA with a note if another plane cannot be shown.

    A past moment is shown in the existing plane, which only the reader may fit again, because others watch
    the same session live. The trustworthiness of a flat plane is computed only with `judges`, since it takes longer
    than all the rest; otherwise it is reported if known.
    """
    if view == "raw" or snapshot.codebook.shape[1] <= 2:
        return _raw(snapshot)
    if view == "UMAP":
        return _umap(snapshot, memory, projection, stream, settings, is_past, judges)
    if view == "two codes":
        return _two_codes(snapshot, memory, settings, is_past, judges)
    return _pca(snapshot, memory, is_past, judges)


def trust_is_due(view: View, snapshot: Snapshot, memory: MapMemory, *, is_past: bool = False) -> bool:
    """Whether `show` has a plane to judge that it has not judged lately."""
    if view in ("raw", "UMAP") or memory.trust_of[-1:] == (snapshot.step,):
        return False
    return is_past or memory.trust is None or time.monotonic() - memory.trust_at >= TRUST_SECONDS


def finite_points(parts: Sequence[Floats]) -> Floats:
    """What a plane can be fitted to: the finite rows of all `parts`, or the origin if there are none."""
    points = np.concatenate(parts)
    kept = points[np.isfinite(points).all(1)]
    return kept if len(kept) else np.zeros((1, points.shape[1]), np.float32)


def _spaced(points: Floats, most: int) -> Floats:
    """At most so many of `points`, evenly spaced."""
    chosen: Floats = points[:: -(-len(points) // most)]
    return chosen


def _raw(snapshot: Snapshot) -> Shown:
    def same(points: Floats) -> Floats:
        return points if points.shape[1] == 2 else np.pad(points, ((0, 0), (0, 1)))

    plane = Plane(
        p=same(snapshot.z_e),
        c=same(snapshot.codebook),
        **use_of(snapshot),
        axis_titles=("feature 1", "feature 2" if snapshot.codebook.shape[1] == 2 else ""),
        keeps_distances=True,
        paths=[same(path) for path in _paths(snapshot)],
        mean_path=[same(trail.p_mean[None])[0] for trail in snapshot.trail],
    )
    return Shown(plane, snapshot, "", project=same)


def _pca(snapshot: Snapshot, memory: MapMemory, is_past: bool, judges: bool) -> Shown:
    points = finite_points([snapshot.z_e, snapshot.codebook])
    basis = memory.basis
    fits = basis is not None and len(basis.centre) == points.shape[1]
    is_poor = basis is not None and fits and _is_poor(basis, points, memory, is_past)
    if basis is None or not fits or memory.refit_wanted or (is_poor and not is_past):
        is_poor = False
        basis = FrozenBasis.fit(points)
        memory.basis, memory.fitted_at, memory.refit_wanted = basis, snapshot.step, False
    first, second = (
        f"PC {order} · {share:.0%} of variance" for order, share in enumerate(basis.explained_share, start=1)
    )
    note = f"plane fitted at step {memory.fitted_at:,}"
    note = f"{note}, shows little of this moment: fit it again" if is_poor else note
    return _flat(snapshot, basis, (first, second), note, memory, is_past, judges)


def _is_poor(basis: FrozenBasis, points: Floats, memory: MapMemory, is_past: bool) -> bool:
    """Whether the plane keeps too little of `points`; of the newest moment asked only now and then."""
    now = time.monotonic()
    if not is_past and now - memory.judged_at < POOR_SECONDS:
        return False
    is_poor = basis.captured_share(_spaced(points, REFIT_SAMPLE)) < REFIT_BELOW
    if not is_past and not is_poor:
        memory.judged_at = now
    return is_poor


def _flat(
    snapshot: Snapshot,
    basis: FrozenBasis,
    titles: tuple[str, str],
    note: str,
    memory: MapMemory,
    is_past: bool,
    judges: bool,
) -> Shown:
    means = [trail.p_mean[None] for trail in snapshot.trail]
    parts = [snapshot.z_e, snapshot.codebook, *means]
    ends = np.cumsum([len(part) for part in parts[:-1]])
    p, c, *mean_path = np.split(basis.project(np.concatenate(parts)), ends)
    plane = Plane(
        p=p,
        c=c,
        **use_of(snapshot),
        axis_titles=titles,
        keeps_distances=True,
        paths=_projected_paths(snapshot, basis, memory),
        mean_path=[mean[0] for mean in mean_path],
    )
    return Shown(plane, snapshot, note, _trust(snapshot, plane, memory, is_past, judges), basis.project)


def _projected_paths(snapshot: Snapshot, basis: FrozenBasis, memory: MapMemory) -> list[Floats]:
    """As `_paths`, in the plane; each earlier codebook is projected once."""
    of, known = memory.projected
    known = known if of is basis else {}
    earlier = _earlier(snapshot)
    now = {
        id(trail.codebook): known.get(id(trail.codebook)) or (trail.codebook, basis.project(trail.codebook))
        for trail in earlier
    }
    memory.projected = basis, now  # replaced, never changed: another watcher's copy may be this one
    return [_cut(now[id(trail.codebook)][1], trail, snapshot) for trail in earlier]


def _trust(snapshot: Snapshot, plane: Plane, memory: MapMemory, is_past: bool, judges: bool) -> Trust | None:
    """Exact for a moment that the reader went back to; for the newest it may be `TRUST_SECONDS` old."""
    now, shown = time.monotonic(), (snapshot.variant, plane.axis_titles, memory.fitted_at)
    is_fresh = memory.trust_of == (*shown, snapshot.step)
    may_be_older = not is_past and memory.trust_of[:-1] == shown and now - memory.trust_at < TRUST_SECONDS
    if not is_fresh and not judges:
        return None if is_past or memory.trust_of[:-1] != shown else memory.trust
    if not is_fresh and not may_be_older:
        points, picture = np.concatenate([snapshot.z_e, snapshot.codebook]), np.concatenate([plane.p, plane.c])
        known = np.isfinite(points).all() and np.isfinite(picture).all()
        memory.trust = trustworthiness(points, picture, sample=TRUST_SAMPLE) if known else None
        memory.trust_of, memory.trust_at = (*shown, snapshot.step), now
    return memory.trust


def _two_codes(snapshot: Snapshot, memory: MapMemory, settings: MapSettings, is_past: bool, judges: bool) -> Shown:
    try:
        first, second = _pair(snapshot, memory, settings)
        third = next((int(code) for code in _by_use(snapshot) if code not in (first, second)), first)
        mean = finite_points([snapshot.z_e]).mean(axis=0, dtype=np.float64)
        basis, found = two_code_basis(
            snapshot.codebook[first], snapshot.codebook[second], [mean, snapshot.codebook[third]]
        )
    except ValueError as error:
        instead = _pca(snapshot, memory, is_past, judges)
        return instead._replace(note=f"PCA instead: {error}")
    memory.refit_wanted = False
    up = ("towards the mean of P", f"towards code {third}")[found] if found is not None else "nothing off the line"
    note = f"plane through codes {first} and {second}: lengths in it are true, distances from it are flattened"
    return _flat(snapshot, basis, (f"code {first} → code {second}", up), note, memory, is_past, judges)


def _pair(snapshot: Snapshot, memory: MapMemory, settings: MapSettings) -> tuple[int, int]:
    """The chosen codes; if none, the codes most used at first, kept so that the plane does not jump."""
    count = snapshot.num_codes
    if count < 2:
        raise ValueError("A codebook with one code has no plane through two codes. Begin with more codes.")
    for code in (settings.code_a, settings.code_b):
        if code is not None and code >= count:
            raise ValueError(f"Code {code} is not among 0…{count - 1}. Choose another.")
    kept = memory.most_used
    if kept is None or max(kept) >= count:
        kept = (int(_by_use(snapshot)[0]), int(_by_use(snapshot)[1]))
        if snapshot.counts.any():  # before the first batch none is used
            memory.most_used = kept
    first, second = settings.code_a, settings.code_b
    if first is None:
        first = next(code for code in kept if code != second)
    if second is None:
        second = next(code for code in kept if code != first)
    if first == second:
        raise ValueError(f"Both codes are {first}. Choose another for one of them.")
    return first, second


def _by_use(snapshot: Snapshot) -> NDArray[np.int64]:
    return np.argsort(-snapshot.counts, kind="stable")


def _umap(
    snapshot: Snapshot,
    memory: MapMemory,
    projection: ProjectionService,
    stream: str,
    settings: MapSettings,
    is_past: bool,
    judges: bool,
) -> Shown:
    afresh, memory.refit_wanted = memory.refit_wanted, False
    if afresh:
        projection.reset(stream)
    layout = projection.latest(stream)
    shown = layout.tag if layout is not None else None
    parameters = settings.n_neighbors, settings.min_dist
    as_set = layout is not None and (layout.n_neighbors, layout.min_dist) == parameters
    if afresh or not (isinstance(shown, Snapshot) and shown.step == snapshot.step and as_set):
        points = np.concatenate([snapshot.z_e, snapshot.codebook])
        projection.request(stream, points, tag=snapshot, n_neighbors=settings.n_neighbors, min_dist=settings.min_dist)
    status = projection.status
    is_current = isinstance(shown, Snapshot) and shown.codebook.shape == snapshot.codebook.shape
    if layout is None or not is_current or status.state in (State.RESTARTING, State.FAILED):
        instead = _pca(snapshot, memory, is_past, judges)
        reason = projection.error(stream) or status.sentence
        return instead._replace(note=f"PCA for now: {reason}")
    assert isinstance(shown, Snapshot)
    count = len(shown.z_e)
    plane = Plane(
        p=layout.coordinates[:count],
        c=layout.coordinates[count:],
        **use_of(shown),
        axis_titles=("UMAP 1", "UMAP 2"),
        keeps_distances=False,
    )
    note = f"Layout of step {shown.step:,}, {layout.seconds:.1f} s."
    return Shown(plane, shown, note if as_set else f"{note} Laying out again.", layout.trust)


def use_of(snapshot: Snapshot) -> dict[str, Any]:
    """What a plane has of the held-out vectors: a code is in use if it is nearest to one of them at this moment."""
    places = snapshot.code_maps.shape[1:]
    return {
        "codes": snapshot.codes,
        "counts": count_codes(snapshot.codes, snapshot.num_codes),
        "counted": f"{len(snapshot.codes):,} held-out vectors",
        "grid": places if len(places) == 2 else None,
    }


def _paths(snapshot: Snapshot) -> list[Floats]:
    """Earlier code vectors, cut where replacement or k-means moved a code, since such a jump is not a path."""
    return [_cut(trail.codebook, trail, snapshot) for trail in _earlier(snapshot)]


def _earlier(snapshot: Snapshot) -> list[Trail]:
    return [trail for trail in snapshot.trail if trail.step < snapshot.step]


def _cut(places: Floats, trail: Trail, snapshot: Snapshot) -> Floats:
    """`places` of the codes of `trail`, (K, D) or (K, 2), without those that have been moved since."""
    return np.where((snapshot.placed_at > trail.step)[:, None], np.float32(np.nan), places)
