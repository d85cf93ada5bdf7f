"""What one snapshot says about one code. numpy only."""

# M monitor vectors, K codes, D features

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqcore.history import Floats, Ints
from vqcore.snapshot import Snapshot

MOST_NEIGHBOURS = 6
MOST_NEAREST = 8


class Near(NamedTuple):
    """A code or a vector, and its distance from the code in question."""

    id: int
    distance: float


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeFacts:
    """One code at the step of a snapshot, at its level."""

    step: int
    code: int
    count: int
    """Assignments over the usage window."""

    share: float
    """Share of all assignments over the window; NaN if there are none."""

    rank: int
    """1 for the most used code; codes used equally often share the best rank."""

    steps_unused: int
    placed_at: int
    """The last step after which replacement or k-means moved it; −1: never."""

    norm: float
    gradient_norm: float
    counts_through_time: tuple[int, ...]
    """Its count at each kept earlier moment, oldest first, and now."""

    members: int
    """Monitor vectors that are assigned to it now."""

    member_error: float
    """Mean of ‖z_e − c‖² over them; NaN without any."""

    classes: tuple[int, ...]
    """How many of them belong to each class; empty without classes."""

    neighbours: tuple[Near, ...]
    """The nearest other codes, nearest first."""

    nearest: tuple[Near, ...]
    """The nearest monitor vectors, each from a different input, nearest first."""


def code_facts(snapshot: Snapshot, code: int) -> CodeFacts:
    """Everything that `snapshot` says about `code`.

    Raises:
        ValueError: for a code outside 0…K−1.
    """
    if not 0 <= code < snapshot.num_codes:
        raise ValueError(f"`code` must be in 0…{snapshot.num_codes - 1}, but is {code}.")
    counts, total = snapshot.counts, snapshot.window_vectors
    vector = snapshot.codebook[code].astype(np.float64)
    members = snapshot.codes == code
    with np.errstate(invalid="ignore"):  # between infinities is no distance
        distances = np.linalg.norm(snapshot.z_e.astype(np.float64) - vector, axis=1)  # (M,)
    past = [trail.counts for trail in snapshot.trail if trail.counts is not None and trail.step < snapshot.step]
    labels = snapshot.vector_labels
    return CodeFacts(
        step=snapshot.step,
        code=code,
        count=int(counts[code]),
        share=float(counts[code] / total) if total else float("nan"),
        rank=1 + int((counts > counts[code]).sum()),
        steps_unused=int(snapshot.steps_unused[code]),
        placed_at=int(snapshot.placed_at[code]),
        norm=float(np.linalg.norm(vector)),
        gradient_norm=float(snapshot.gradient_norm[code]),
        counts_through_time=tuple(int(then[code]) for then in [*past, counts]),
        members=int(members.sum()),
        member_error=float(np.square(distances[members]).mean()) if members.any() else float("nan"),
        classes=_class_counts(labels, members),
        neighbours=tuple(map(Near, *nearest_codes_of(snapshot.codebook, code, count=MOST_NEIGHBOURS))),
        nearest=_one_an_input(distances, snapshot.vectors_per_input),
    )


def nearest_codes_of(codebook: Floats, code: int, *, count: int) -> tuple[list[int], list[float]]:
    """The `count` other codes nearest to `code`, nearest first, and their distances.

    >>> nearest_codes_of(np.array([[0.0], [3.0], [1.0]], np.float32), 0, count=2)
    ([2, 1], [1.0, 3.0])
    """
    with np.errstate(invalid="ignore"):  # between infinities is no distance
        distances = np.linalg.norm(codebook.astype(np.float64) - codebook[code], axis=1)
    distances[code] = np.inf
    order = np.argsort(distances, kind="stable")[: min(count, len(codebook) - 1)]
    return order.tolist(), distances[order].tolist()


def codes_by_use(counts: Ints, *, most: bool) -> Ints:
    """All codes, the most or least used first; ties in the order of their number."""
    return np.argsort(-counts if most else counts, kind="stable")


def codes_by_age(steps_unused: Ints) -> Ints:
    """All codes, those unused for longest first; ties in the order of their number."""
    return np.argsort(-steps_unused, kind="stable")


def class_of_codes(codes: Ints, labels: Ints, num_codes: int) -> Ints:
    """(K,) the most frequent class among each code's vectors, the lowest in a tie; −1 for codes without vectors.

    >>> class_of_codes(np.array([0, 0, 2, 2, 2]), np.array([4, 4, 1, 3, 3]), 4)
    array([ 4, -1,  3, -1])
    """
    table = np.zeros((num_codes, int(labels.max(initial=0)) + 1), dtype=np.int64)
    np.add.at(table, (codes, labels), 1)
    return np.where(table.any(1), table.argmax(1), -1)


def errors_of(snapshot: Snapshot) -> tuple[Floats, Floats]:
    """‖z_e − z_q‖² of every monitor vector (M,), and its mean over each code's vectors (K,), NaN without any."""
    with np.errstate(invalid="ignore", over="ignore"):  # of broken vectors NaN or infinite
        of_vectors = np.square(snapshot.z_e - snapshot.codebook[snapshot.codes]).sum(1)
    members = np.bincount(snapshot.codes, minlength=snapshot.num_codes)
    sums = np.bincount(snapshot.codes, weights=of_vectors, minlength=snapshot.num_codes)
    with np.errstate(invalid="ignore"):
        return of_vectors, (sums / members).astype(np.float32)


def _class_counts(labels: Ints | None, members: NDArray[np.bool_]) -> tuple[int, ...]:
    if labels is None:
        return ()
    return tuple(np.bincount(labels[members], minlength=int(labels.max()) + 1).tolist())


def _one_an_input(distances: NDArray[np.float64], vectors_per_input: int) -> tuple[Near, ...]:
    table = distances.reshape(-1, vectors_per_input)
    best = table.argmin(1)
    inputs = np.argsort(table.min(1), kind="stable")[:MOST_NEAREST].tolist()
    return tuple(Near(i * vectors_per_input + int(best[i]), float(table[i, best[i]])) for i in inputs)
