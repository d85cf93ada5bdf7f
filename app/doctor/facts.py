"""From an examined codebook to what the Doctor page draws: places, lengths, distances and spread."""

# M sampled latents, K codes, D features

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.figures.pcq_map import Plane
from vqcore.diagnostics.evidence import Evidence
from vqcore.diagnostics.geometry import effective_rank, is_point, nearest_distances, nearest_rows
from vqcore.diagnostics.usage import perplexity
from vqcore.projection.pca import FrozenBasis

Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

MOST_LATENTS = 2_000
"""Embeddings drawn; distances and spread are computed from all that the examination kept."""

MOST_MAPPED_CODES = 2_000
"""Codes in a UMAP layout: the most used, then unused ones, evenly spaced."""

MOST_COMPARED = 2_048
"""Codes whose nearest neighbour is searched, evenly spaced among all."""

LARGEST = 1e37
"""Larger values do not fit on the axes of a plane in float32."""

BY_DISTANCE = ("euclidean", "cosine")
"""Searches that choose the nearest code, so that Voronoi cells describe them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """How a set of points fills its features."""

    singular: Floats
    """(D,) standard deviation along each principal axis, largest first."""

    rank: float
    """Effective rank."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MapPoints:
    """Input of a UMAP layout: as much as can be laid out while a person waits."""

    p: NDArray[np.float32]
    """(M, D) the latents of `Facts.plane`."""

    c: NDArray[np.float32]
    """(C, D) code vectors."""

    rows: NDArray[np.int64]
    """(C,) which of `Facts.codes` they are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What the charts show of one codebook. Codes and latents that are infinite, NaN or too large are left out."""

    num_codes: int
    search: str
    used: Mask | None
    """(K,) use, or None if nothing counts usage."""

    counts: NDArray[Any] | None
    """(K,) use, 0 if a code counts as unused; whole numbers if they are counts."""

    window: str
    codes: NDArray[np.int64]
    """(F,) codes that the arrays below describe."""

    norms: Floats
    """(F,) lengths of the code vectors."""

    latent_norms: Floats | None
    """(M,) lengths of the latents."""

    compared: NDArray[np.int64]
    """Rows of `codes` whose nearest neighbour was searched."""

    neighbours: Floats
    """Distance of each of these to the nearest other code."""

    codebook_spread: Spread
    latent_spread: Spread | None
    assigned: Floats | None
    """(M,) distance of each sampled latent to its code."""

    stranded: Floats | None
    """Distance of each unused code to the sampled latent nearest to it."""

    num_latents: int
    num_sampled: int
    plane: Plane
    points: MapPoints

    @property
    def has_cells(self) -> bool:
        """Whether Voronoi cells describe how codes are chosen."""
        return self.search in BY_DISTANCE

    @property
    def perplexity(self) -> float | None:
        """Perplexity of the use, if known."""
        return None if self.counts is None or not self.counts.any() else perplexity(self.counts)


def facts_of(evidence: Evidence, search: str) -> Facts | None:
    """The facts of a codebook under this search; None if fewer than two of its vectors are finite.

    Under a cosine search everything but the lengths describes directions: latents and codes at length 1.
    """
    vectors = np.asarray(evidence.codebook, dtype=np.float64)
    codes = np.flatnonzero(_drawable(vectors))
    if len(codes) < 2:
        return None
    usage, latents = evidence.usage, evidence.latents
    cosine = search == "cosine"
    table = _unit(vectors[codes]) if cosine else vectors[codes]
    sample = None if latents is None else np.asarray(latents.sample, dtype=np.float64)
    sample = None if sample is None or not (can_be_drawn := _drawable(sample)).any() else sample[can_be_drawn]
    used = None if usage is None else np.asarray(usage.counts >= usage.unused_below)
    counts = None if usage is None or used is None else np.where(used, usage.counts, 0)
    chosen = None if sample is None else nearest_rows(sample, table)
    rows = _spaced(len(codes), MOST_COMPARED)
    drawn = np.empty((0, table.shape[1])) if sample is None else sample[_spaced(len(sample), MOST_LATENTS)]
    mapped = _mapped(len(codes), None if counts is None else counts[codes])
    return Facts(
        num_codes=len(vectors),
        search=search,
        used=used,
        counts=counts,
        window="" if usage is None else usage.window,
        codes=codes,
        norms=np.linalg.norm(vectors[codes], axis=1),
        latent_norms=None if sample is None or cosine else np.linalg.norm(sample, axis=1),
        compared=rows,
        neighbours=np.linalg.norm(table[rows] - table[nearest_rows(table[rows], table, but=rows)], axis=1),
        codebook_spread=_spread(table),
        latent_spread=None if sample is None or len(sample) < 2 else _spread(sample),
        assigned=None if sample is None or chosen is None else np.linalg.norm(sample - table[chosen], axis=1),
        stranded=_stranded(table, sample, None if used is None else ~used[codes]),
        num_latents=0 if latents is None else latents.num_vectors,
        num_sampled=0 if sample is None else len(sample),
        plane=_plane(table, drawn, chosen, None if counts is None else counts[codes]),
        points=MapPoints(p=drawn.astype(np.float32), c=table[mapped].astype(np.float32), rows=mapped),
    )


def _drawable(vectors: Floats) -> Mask:
    """(N,) which of the vectors (N, D) can be drawn in a plane."""
    return np.asarray((np.abs(vectors) < LARGEST).all(1))


def _mapped(count: int, use: NDArray[Any] | None) -> NDArray[np.int64]:
    """At most `MOST_MAPPED_CODES` of `count` codes, in order."""
    if use is None:
        return _spaced(count, MOST_MAPPED_CODES)
    used = np.argsort(-use, kind="stable")[: min(int(np.count_nonzero(use)), MOST_MAPPED_CODES)]
    unused = np.flatnonzero(use == 0)
    return np.sort(np.concatenate([used, unused[_spaced(len(unused), MOST_MAPPED_CODES - len(used))]]))


def _plane(table: Floats, shown: Floats, chosen: NDArray[np.int64] | None, counts: Any) -> Plane:
    dim = table.shape[1]
    titles = ("feature 1", "feature 2" if dim == 2 else "")
    if dim > 2:
        basis = FrozenBasis.fit(np.concatenate([shown, table]))
        first, second = (
            f"PC {order} · {share:.0%} of variance" for order, share in enumerate(basis.explained_share, start=1)
        )
        titles = first, second
        p, c = basis.project(shown) if len(shown) else np.empty((0, 2), np.float32), basis.project(table)
    else:
        p, c = (np.pad(points, ((0, 0), (0, 2 - dim))).astype(np.float32) for points in (shown, table))
    return Plane(
        p=p,
        c=c,
        codes=np.empty(0, np.int64) if chosen is None else chosen[_spaced(len(chosen), MOST_LATENTS)],
        counts=np.zeros(len(table), np.int64) if counts is None else counts,
        axis_titles=titles,
        keeps_distances=True,
    )


def _spread(points: Floats) -> Spread:
    if is_point(points):
        return Spread(singular=np.zeros(points.shape[1]), rank=0.0)
    centred = points - points.mean(0)
    squares = np.linalg.eigvalsh(centred.T @ centred / len(points))[::-1].clip(0)
    return Spread(singular=np.sqrt(squares), rank=effective_rank(points))


def _stranded(table: Floats, sample: Floats | None, unused: Mask | None) -> Floats | None:
    if sample is None or unused is None or not unused.any():
        return None
    return nearest_distances(table[unused][_spaced(int(unused.sum()), MOST_COMPARED)], sample)


def _spaced(count: int, most: int) -> NDArray[np.int64]:
    """At most `most` of 0…count − 1, evenly spaced."""
    return np.linspace(0, count - 1, min(count, most)).astype(np.int64) if count else np.empty(0, np.int64)


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = vectors / np.maximum(lengths, 1e-12)
    return unit
