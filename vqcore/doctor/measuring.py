"""Latents in blocks, measured against a codebook: bounded statistics of any number of vectors in one pass."""

# N vectors, n of a block, S searched, M sampled, K codes, D features

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqcore.checkpoints.search_order import Arrangement, nearest, unit
from vqcore.diagnostics import limits
from vqcore.diagnostics.evidence import LatentEvidence, looked_up
from vqcore.diagnostics.geometry import is_point
from vqcore.doctor.inputs import most_repeated

SAMPLE = 8192
"""M, vectors kept for geometry."""

SAMPLE_SEED = 0

SEARCH_WORK = 3e12
"""Multiply-adds that a search may take before only a random subset is searched: some 25 seconds on two
cores, which do 60 to 75 billion a second each."""

HOPELESS_WORK = 4e11
"""The same, where usage cannot be judged in any case."""

SEARCHED_AT_ONCE = 1 << 22
"""Values gathered before a search: preparing the codebook for few vectors is wasteful."""

ROUNDING = 1e-3
"""Vectors count as distinct if they differ by more than this share of the first block's spread."""

MOST_DISTINCT = 1 << 20

Floats = NDArray[np.float32]
Progress = Callable[[int, int], None]
"""Called now and then with vectors done and vectors in all; an exception from it ends the work."""


class Measured(NamedTuple):
    """Result of one pass over the latents."""

    latents: LatentEvidence
    """Mean, spread and distinct vectors of all N if they are the quantizer's input; otherwise of those searched, as
    the error always is."""

    counts: NDArray[np.int64]
    """(K,) assignments of the searched vectors."""

    @property
    def searched(self) -> int:
        """S, assignments behind `counts`."""
        return int(self.counts.sum())


def measure(blocks: Iterable[Floats], num_vectors: int, codebook: Floats, *, cosine: bool = False) -> Measured:
    """Search all N vectors in one codebook and sum them up; see `measure_levels`."""
    return measure_levels(blocks, num_vectors, [codebook], cosine=cosine)[0]


def measure_levels(
    blocks: Iterable[Floats], num_vectors: int, codebooks: Sequence[Floats], *, cosine: bool = False
) -> list[Measured]:
    """Search all N vectors in the first codebook, what it leaves over in the next, and so on.

    Args:
        blocks: (n, D) each, N rows in all; one is in memory at a time.
        num_vectors: N.
        codebooks: (K, D) effective code vectors, one for each level.
        cosine: compare only directions: vectors and codes are normalized to unit length first.

    Returns:
        For each level the statistics of what it searched for.

    Raises:
        ValueError: for no vector at all.
    """
    arrangement = Arrangement((tuple(range(len(codebooks))),), (cosine,) * len(codebooks))
    return measure_arranged(blocks, num_vectors, arrangement, codebooks, searched=num_vectors)


def measure_arranged(
    blocks: Iterable[Floats],
    num_vectors: int,
    arrangement: Arrangement,
    codebooks: Sequence[Floats],
    *,
    searched: int,
    progress: Progress | None = None,
) -> list[Measured]:
    """Search `searched` of the N vectors, drawn at random, in all codebooks of one quantizer; sum up all N.

    Args:
        blocks: (n, D) each, N rows in all; one is in memory at a time.
        num_vectors: N.
        arrangement: which codebook is searched for what.
        codebooks: (K, D) effective code vectors.
        searched: S, up to N.
        progress: told after each block, and the same again every half second or so of a search.

    Returns:
        For each codebook the statistics of what it was searched for, over all its searches.

    Raises:
        ValueError: for no vector at all.
    """
    if num_vectors < 1:
        raise ValueError("There are no latents to measure. Give at least one vector.")
    searched = min(searched, num_vectors)
    levels = [
        _Level(codebook, searched * searches, cosine)
        for codebook, searches, cosine in zip(codebooks, arrangement.searches_of, arrangement.cosine, strict=True)
    ]
    for which, level in enumerate(levels):
        level.depths = [depth for chain in arrangement.chains for depth, one in enumerate(chain) if one == which]
    tables = [level.codebook for level in levels]
    firsts = _first_searches(arrangement) if searched < num_vectors else {}
    for which in firsts.values():
        levels[which].sums_given = True

    done = 0

    def check() -> None:
        if progress is not None:
            progress(done, num_vectors)

    def noted(seen: Iterable[Floats]) -> Iterator[Floats]:
        """Pass the blocks on after adding them to what is summed over all vectors."""
        nonlocal done
        for block in seen:
            parts = np.split(block, len(arrangement.chains), axis=1)
            for run, which in firsts.items():
                levels[which].sum_up(unit(parts[run]) if arrangement.cosine[which] else parts[run])
            yield block
            done += len(block)
            check()

    for some in _drawn(noted(blocks), num_vectors, searched):
        arrangement.run(some, tables, lambda which, inputs: levels[which].search(inputs, check))
    return [level.measured() for level in levels]


def vectors_to_search(num_vectors: int, arrangement: Arrangement, codebooks: Sequence[Floats]) -> int:
    """S: all N if that is quick, else what `SEARCH_WORK` allows, but never fewer than usage needs.

    Where N are too few for that whatever is searched, only as many as show the error and a collapse.
    """
    each = sum(2 * codebooks[which].size for chain in arrangement.chains for which in chain)
    needed = [limits.vectors_needed(len(codebook)) for codebook in codebooks]
    if num_vectors < min(needed):
        return min(num_vectors, max(SAMPLE, int(HOPELESS_WORK // each)))
    enough = max(needed)
    return min(num_vectors, max(enough, int(SEARCH_WORK // each)))


def _first_searches(arrangement: Arrangement) -> dict[int, int]:
    """For each run of features the codebook searched first there, if it is searched for nothing else."""
    searches = arrangement.searches_of
    return {run: chain[0] for run, chain in enumerate(arrangement.chains) if searches[chain[0]] == 1}


def _drawn(blocks: Iterable[Floats], num_vectors: int, wanted: int) -> Iterator[Floats]:
    """The blocks, or a random selection of their rows if fewer are wanted, in blocks worth a search."""
    if wanted == num_vectors:
        yield from blocks
        return
    rows = np.sort(np.random.default_rng(SAMPLE_SEED).choice(num_vectors, wanted, replace=False, shuffle=False))
    gathered: list[Floats] = []
    seen = 0
    for block in blocks:
        first, last = np.searchsorted(rows, [seen, seen + len(block)])
        gathered.append(block[rows[first:last] - seen])
        seen += len(block)
        if sum(part.size for part in gathered) >= SEARCHED_AT_ONCE:
            yield np.concatenate(gathered)
            gathered = []
    if any(map(len, gathered)):
        yield np.concatenate(gathered)


class _Level:
    """The sums of one codebook, over all its searches."""

    def __init__(self, codebook: Floats, num_vectors: int, cosine: bool) -> None:
        codebook = np.array(codebook, dtype=np.float32)
        generator = np.random.default_rng(SAMPLE_SEED)
        self.codebook = unit(codebook) if cosine else codebook
        self.chosen = np.sort(generator.choice(num_vectors, min(SAMPLE, num_vectors), replace=False, shuffle=False))
        self.counts = np.zeros(len(codebook), dtype=np.int64)
        self.moments = _Moments(codebook.shape[1])
        self.distinct = _Distinct(min(MOST_DISTINCT, limits.FEWEST_VECTORS_PER_CODE * len(codebook)))
        self.sample: list[Floats] = []
        self.sample_codes: list[NDArray[np.int64]] = []
        self.searched = 0
        self.error = 0.0
        self.depths = [0]
        """For each search of a block, its place in its chain."""

        self.energies = np.zeros((0, 2))
        """‖input‖² and ‖what is left of it‖², for each search."""

        self.calls = 0
        self.sums_given = False
        """Whether the caller calls `sum_up`, with more vectors than are searched."""

    def sum_up(self, block: Floats) -> None:
        """Add (n, D) vectors to mean, spread and the count of distinct ones."""
        self.distinct.add(block)
        self.moments.add(block)

    def search(self, block: Floats, check: Callable[[], None]) -> NDArray[np.int64]:
        """The codes of (n, D) vectors, counted; `check` is called now and then."""
        writable = np.require(block, requirements=["C", "W"])  # torch warns of read-only memory
        codes = nearest(writable, self.codebook, check=check)
        first, last = np.searchsorted(self.chosen, [self.searched, self.searched + len(block)])
        drawn = self.chosen[first:last] - self.searched
        self.sample.append(block[drawn])
        self.sample_codes.append(codes[drawn])
        self.searched += len(block)
        self.counts += np.bincount(codes, minlength=len(self.codebook))
        apart = np.subtract(block, self.codebook[codes], dtype=np.float64)  # squares of float32 may overflow it
        left = float(np.square(apart, out=apart).sum())
        self.error += left
        self._note_energy(block, left)
        if not self.sums_given:
            self.sum_up(block)
        return codes

    def _note_energy(self, block: Floats, left: float) -> None:
        if len(self.energies) == 0:
            self.energies = np.zeros((len(self.depths), 2))
        self.energies[self.calls % len(self.depths)] += float(np.square(block, dtype=np.float64).sum()), left
        self.calls += 1

    def measured(self) -> Measured:
        before, after = self.energies.T
        later = [at for at, depth in enumerate(self.depths) if depth > 0 and len(self.depths) > 1 and before[at] > 0]
        sample = np.concatenate(self.sample)
        latents = LatentEvidence(
            num_vectors=self.moments.seen,
            mean=self.moments.mean,
            variance=self.moments.squares / self.moments.seen,
            sample=sample,
            error=self.error / self.searched,
            distinct=len(self.distinct),
            looked_up=looked_up(self.codebook, self.counts),
            left_by_search=tuple(float(after[at] / before[at]) for at in later),
            repeated=most_repeated(sample, np.concatenate(self.sample_codes)),
        )
        return Measured(latents, self.counts)


class _Moments:
    """Mean and sum of squared deviations, merged block by block (Chan, Golub & LeVeque, 1983)."""

    def __init__(self, dim: int) -> None:
        self.mean = np.zeros(dim)
        self.squares = np.zeros(dim)
        self.seen = 0

    def add(self, block: Floats) -> None:
        mean = block.mean(0, dtype=np.float64)
        total, apart = self.seen + len(block), mean - self.mean
        self.squares += np.square(block - mean).sum(0) + np.square(apart) * self.seen * len(block) / total
        self.mean = self.mean + apart * len(block) / total
        self.seen = total


class _Distinct:
    """Hashes of the distinct vectors seen, up to `limit`."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.hashes = np.empty(0, dtype=np.int64)
        self._step: float | None = None
        self._same: Floats | None = None
        """The single vector (1, D) of all blocks so far, which have no spread to round by."""

    def __len__(self) -> int:
        return len(self.hashes) or (0 if self._same is None else 1)

    def add(self, block: Floats) -> None:
        if len(self.hashes) >= self.limit:
            return
        if self._same is not None:
            block, self._same = np.concatenate([self._same, block]), None
        if self._step is None:
            if is_point(block):
                self._same = block[:1]
                return
            self._step = ROUNDING * float(block.std(0, dtype=np.float64).mean())
            self._weights = np.random.default_rng(SAMPLE_SEED).integers(1, 2**62, block.shape[1])
        with np.errstate(over="ignore"):  # wraps around, as a hash may
            rounded = np.round(block.astype(np.float64) / self._step).clip(-(2.0**62), 2.0**62).astype(np.int64)
            hashes = (rounded * self._weights).sum(1)
        self.hashes = np.union1d(self.hashes, hashes)[: self.limit]
