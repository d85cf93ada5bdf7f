"""What a remedy would do to usage and error, predicted on latents that it was not fitted to."""

# N vectors, K codes, D features

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from vqcore.checkpoints.contents import Codebook
from vqcore.checkpoints.effective import Known, effective
from vqcore.checkpoints.order_in_file import arrangement_of
from vqcore.checkpoints.search_order import Arrangement, Codes, Search, Vectors, nearest
from vqcore.diagnostics.geometry import total_spread
from vqcore.diagnostics.usage import active_codes, count_codes, enough_to_judge, perplexity
from vqcore.files.errors import CheckpointError
from vqcore.remedies.halves import LatentSource, halves_of, latents_in_memory
from vqcore.remedies.moves import REMEDIES, Mask, Remedy, Unsuited, fitted

MOST_VECTORS = 1 << 16
VECTORS_PER_CODE = 4
MOST_VALUES = 1 << 25
"""From each half 65,536 vectors are read, or 4 per code if that is more, but never more than 128 MiB."""


GROUPS = 32

LARGEST = 1e37
"""Largest magnitude whose sums and differences still fit into float32."""


class Measured(NamedTuple):
    """One codebook, over all searches in it."""

    num_codes: int
    active: int
    """Codes used at least once by the held-out vectors."""

    perplexity: float
    error: float
    """‖z_e − z_q‖² of a search, summed over features, mean over vectors and searches."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """A quantizer on the held-out vectors, unchanged or after a remedy."""

    codebooks: tuple[Measured, ...]
    error: float
    """‖z_e − z_q‖² of the whole, summed over features, mean over vectors. Of cosine codebooks that are searched once
    it is between unit vectors, as their training sees it."""

    group_errors: NDArray[np.float64] = field(repr=False)
    """`error` of each of up to `GROUPS` parts of the held-out vectors, in their order: neighbours are alike."""

    relative_error: float | None
    """`error` over the variance of what is compared, summed over features; None if that is one point."""

    tables: tuple[Vectors, ...] = field(repr=False)
    """The vectors (K, D) of each codebook, as the search sees them."""

    moved: tuple[Mask, ...] = field(repr=False)
    """The mask (K,) of the codes that the remedy moved, of each codebook."""

    @property
    def margin(self) -> float:
        """Half the width of a 95% interval of `error`, over parts of the held-out vectors."""
        return margin_of(self.group_errors)

    def differs_from(self, other: "Outcome") -> bool:
        """Whether the errors on the same held-out vectors differ by more than chance, at 95%."""
        apart = self.group_errors - other.group_errors
        return bool(abs(apart.mean()) > margin_of(apart))


def margin_of(values: NDArray[np.float64]) -> float:
    """Half the width of the 95% interval of the mean of (n,) values, by Student's t; infinite for fewer than two.

    >>> round(margin_of(np.array([1.0, 2.0, 3.0])), 2)
    2.48
    """
    if len(values) < 2:
        return float("inf")
    return float(stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / len(values) ** 0.5)


@dataclass(frozen=True, kw_only=True, slots=True)
class WhatIf:
    """Before and after, by remedy."""

    before: Outcome
    after: Mapping[Remedy, Outcome]
    unsuited: Mapping[Remedy, str]
    """Remedies that do not apply here, and why."""

    num_fit: int
    """Vectors that the remedies were fitted to."""

    num_held_out: int
    """Other vectors, on which everything is measured."""

    num_vectors: int
    """Number of vectors from which the samples were drawn."""

    enough: bool
    """Whether `num_fit` vectors suffice to tell which codes are dead: even usage would touch 95% of each codebook."""

    seed: int


def what_if(
    codebooks: Sequence[Codebook],
    latents: LatentSource | NDArray[np.floating],
    *,
    remedies: Sequence[Remedy] = REMEDIES,
    known: Known | None = None,
    seed: int = 0,
    progress: Callable[[str, float], None] | None = None,
) -> WhatIf:
    """Predict the effect of `remedies` on the codebooks of one quantizer from `arranging.quantizers_of`.

    The latents are split into two halves: the remedy is fitted on a sample of one, and everything is measured on a
    sample of the other. Residual levels are treated in order, each on what the treated levels before it leave over.
    It costs some ten searches of at most 65,536 vectors for a restart, two for another remedy.

    Args:
        codebooks: all that work together, in order.
        latents: the inputs of the quantizer, (…, D) or a source of blocks; D as in `arranging.widths_of`.
        remedies: which.
        known: what the file lacks for the effective vectors.
        seed: of the sampling and the remedies.
        progress: called with what is being done and the share done, 0…1, every half second or so; an exception from
            it ends the work.

    Raises:
        CheckpointError: if the latents do not fit, or the file does not determine the codebooks.
    """
    source = latents_in_memory(latents) if isinstance(latents, np.ndarray) else latents
    found = [effective(book, known) for book in codebooks]
    for book, one in zip(codebooks, found, strict=True):
        if one.status == "raw":
            raise CheckpointError(
                f"`{book.label}` is not what is searched: {one.note} What other vectors would do cannot be computed. "
                "Save "
                "the tensors that are missing with it."
            )
    arrangement = arrangement_of(codebooks, found, source.dim)
    tables = [one.vectors for one in found]
    return what_if_of(arrangement, tables, source, remedies=remedies, seed=seed, progress=progress)


def what_if_of(
    arrangement: Arrangement,
    tables: Sequence[Vectors],
    latents: LatentSource,
    *,
    remedies: Sequence[Remedy] = REMEDIES,
    seed: int = 0,
    progress: Callable[[str, float], None] | None = None,
) -> WhatIf:
    """As `what_if`, for code vectors `tables` (K, D) as the search sees them; needs no file.

    Raises:
        CheckpointError: if the latents cannot be read, or a codebook has no finite vector.
    """
    told = _Told(progress)
    search = partial(nearest, check=told.again)
    most = max(MOST_VECTORS, VECTORS_PER_CODE * max(map(len, tables)))
    told("reading the latents", 0.0)
    halves = halves_of(latents, min(most, max(1, MOST_VALUES // latents.dim)), seed=seed, check=told.again)
    if not all(np.isfinite(table).all(1).any() for table in tables):
        raise CheckpointError(
            "A codebook has no finite vector, so nothing can be compared with it. Go back to a checkpoint from "
            "before its "
            "first NaN."
        )
    for name, values in (("latents", (halves.fit, halves.held_out)), ("code vectors", tables)):
        if any((np.isfinite(each) & (np.abs(each) > LARGEST)).any() for each in values):
            raise CheckpointError(
                f"The {name} have values beyond {LARGEST:g}, whose differences do not fit into float32. Check how "
                "they were computed; no remedy can be predicted."
            )
    still = tuple(np.zeros(len(table), np.bool_) for table in tables)
    after: dict[Remedy, Outcome] = {}
    unsuited: dict[Remedy, str] = {}
    for number, remedy in enumerate(remedies):
        told(f"trying {remedy}", (number + 1) / (len(remedies) + 2))
        try:
            treated, moved = _treated(remedy, arrangement, tables, halves.fit, np.random.default_rng(seed), search)
        except Unsuited as reason:
            unsuited[remedy] = str(reason)
        else:
            after[remedy] = _outcome(arrangement, treated, moved, halves.held_out, search)
    told("measuring it as it is", (len(remedies) + 1) / (len(remedies) + 2))
    return WhatIf(
        before=_outcome(arrangement, tuple(tables), still, halves.held_out, search),
        after=after,
        unsuited=unsuited,
        num_fit=len(halves.fit),
        num_held_out=len(halves.held_out),
        num_vectors=halves.num_vectors,
        enough=all(enough_to_judge(len(halves.fit), len(table)) for table in tables),
        seed=seed,
    )


class _Told:
    """Tells what is being done; `again` repeats it, so that whoever listens can end the work between two parts."""

    def __init__(self, progress: Callable[[str, float], None] | None) -> None:
        self._progress = progress
        self._doing, self._share = "", 0.0

    def __call__(self, doing: str, share: float) -> None:
        self._doing, self._share = doing, share
        self.again()

    def again(self) -> None:
        if self._progress is not None:
            self._progress(self._doing, self._share)


def _treated(
    remedy: Remedy,
    arrangement: Arrangement,
    tables: Sequence[Vectors],
    vectors: Vectors,
    generator: np.random.Generator,
    search: Search,
) -> tuple[tuple[Vectors, ...], tuple[Mask, ...]]:
    treated, searches = list(tables), arrangement.searches_of
    moved = [np.zeros(len(table), np.bool_) for table in tables]
    done: set[int] = set()
    if remedy == "align" and any(len(set(chain)) < len(chain) for chain in arrangement.chains):
        raise Unsuited("one codebook is shared by several residual levels, whose spreads differ")

    def treat_and_search(which: int, inputs: Vectors) -> Codes:
        if which not in done:
            done.add(which)
            cosine = arrangement.cosine[which]
            treated[which], moved[which] = fitted(remedy, tables[which], inputs, cosine, generator, search)
            if searches[which] > 1 and remedy != "align":
                # What the later searches are for shows once the first finds something. The codes that were dead for
                # the first are then drawn again, from all of it.
                asked = _asked_of(which, arrangement, treated, vectors, search)
                free = moved[which].copy()
                free[0] &= not free.all()  # a search needs one that is not
                without = np.where(free[:, None], np.float32(np.nan), tables[which])
                placed, moved[which] = fitted(remedy, without, asked, cosine, generator, search)
                treated[which] = np.where(moved[which][:, None], placed, tables[which])
            elif searches[which] > 1:
                asked = _asked_of(which, arrangement, tables, vectors, search)
                treated[which], moved[which] = fitted(remedy, tables[which], asked, cosine, generator, search)
        if arrangement.is_parallel:  # nothing is searched for in what this leaves over
            return np.zeros(len(inputs), np.int64)
        return search(inputs, treated[which])

    arrangement.run(vectors, treated, treat_and_search)
    return tuple(treated), tuple(moved)


def _asked_of(
    which: int, arrangement: Arrangement, tables: Sequence[Vectors], vectors: Vectors, search: Search
) -> Vectors:
    """What all searches in one codebook are for, (n · searches, D)."""
    asked: list[Vectors] = []

    def note_and_search(one: int, inputs: Vectors) -> Codes:
        if one == which:
            asked.append(inputs)
        return search(inputs, tables[one])

    arrangement.run(vectors, tables, note_and_search)
    return np.concatenate(asked)


def _outcome(
    arrangement: Arrangement,
    tables: tuple[Vectors, ...],
    moved: tuple[Mask, ...],
    vectors: Vectors,
    search: Search,
) -> Outcome:
    counts = [np.zeros(len(table), np.int64) for table in tables]
    errors: list[list[float]] = [[] for _ in tables]
    compared = []
    apart = np.zeros(len(vectors))

    def search_and_count(which: int, inputs: Vectors) -> Codes:
        codes = search(inputs, tables[which])
        counts[which] += count_codes(codes, len(tables[which]))
        squares = _squares(inputs, tables[which][codes])
        errors[which].append(float(squares.mean()))
        apart[:] += squares
        compared.append(_variance(inputs))
        return codes

    left_over = arrangement.run(vectors, tables, search_and_count)
    parallel = arrangement.is_parallel  # otherwise one search's error is not the whole's
    squares = apart if parallel else _squares(left_over)
    error = float(squares.mean())
    variance = sum(compared) if parallel else _variance(vectors)
    return Outcome(
        codebooks=tuple(
            Measured(len(count), active_codes(count), perplexity(count), float(np.mean(error)))
            for count, error in zip(counts, errors, strict=True)
        ),
        error=error,
        group_errors=np.array([part.mean() for part in np.array_split(squares, min(GROUPS, len(squares)))]),
        relative_error=error / variance if variance > 0 else None,
        tables=tables,
        moved=moved,
    )


def _squares(vectors: Vectors, less: Vectors | float = 0.0) -> NDArray[np.float64]:
    """‖v − w‖² of each of the vectors (N, D)."""
    return np.asarray(np.square(np.subtract(vectors, less, dtype=np.float64)).sum(1))


def _variance(vectors: Vectors) -> float:
    return total_spread(vectors) ** 2
