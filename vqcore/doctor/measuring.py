"""Latents in blocks, against a codebook: bounded statistics of any number of vectors, in one pass."""

# N vectors, n of a block, M sampled, K codes, D features

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from vqcore.diagnostics import limits
from vqcore.diagnostics.evidence import LatentEvidence
from vqcore.quantizer.nearest import nearest_codes

SAMPLE = 8192
"""M, vectors kept for geometry."""

SAMPLE_SEED = 0

ROUNDING = 1e-3
"""Vectors count as different where they differ by more than this share of the first block's spread."""

MOST_DISTINCT = 1 << 20

Floats = NDArray[np.float32]


class Measured(NamedTuple):
    """What one pass over the latents gives."""

    latents: LatentEvidence
    counts: NDArray[np.int64]
    """(K,) assignments."""


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
        cosine: compare directions alone: vectors and codes are brought to unit length first.

    Returns:
        For each level the statistics of what it searched for.

    Raises:
        ValueError: for no vector at all.
    """
    if num_vectors < 1:
        raise ValueError("There is not one latent to look at. Give at least one vector.")
    generator = np.random.default_rng(SAMPLE_SEED)
    chosen = np.sort(generator.choice(num_vectors, min(SAMPLE, num_vectors), replace=False, shuffle=False))
    levels = [_Level(codebook, chosen, cosine) for codebook in codebooks]
    for block in blocks:
        residual = block
        for level in levels:
            residual = level.add(residual)
    return [level.measured() for level in levels]


class _Level:
    """The sums of one level."""

    def __init__(self, codebook: Floats, chosen: NDArray[np.int64], cosine: bool) -> None:
        codebook = np.array(codebook, dtype=np.float32)
        self.codebook = _unit(codebook) if cosine else codebook
        self.chosen, self.cosine = chosen, cosine
        self.counts = np.zeros(len(codebook), dtype=np.int64)
        self.moments = _Moments(codebook.shape[1])
        self.distinct = _Distinct(min(MOST_DISTINCT, limits.FEWEST_VECTORS_PER_CODE * len(codebook)))
        self.sample: list[Floats] = []
        self.error = 0.0

    def add(self, block: Floats) -> Floats:
        """Sum up (n, D) vectors; returns what the level leaves over of them."""
        block = _unit(block) if self.cosine else block
        searched = torch.from_numpy(np.require(block, requirements=["C", "W"]))  # torch warns of read-only memory
        codes = nearest_codes(searched, torch.from_numpy(self.codebook)).numpy()
        left: Floats = block - self.codebook[codes]
        first, last = np.searchsorted(self.chosen, [self.moments.seen, self.moments.seen + len(block)])
        self.sample.append(block[self.chosen[first:last] - self.moments.seen])
        self.counts += np.bincount(codes, minlength=len(self.codebook))
        self.error += float(np.square(left).sum(dtype=np.float64))
        self.distinct.add(block)
        self.moments.add(block)
        return left

    def measured(self) -> Measured:
        seen = self.moments.seen
        latents = LatentEvidence(
            num_vectors=seen,
            mean=self.moments.mean,
            variance=self.moments.squares / seen,
            sample=np.concatenate(self.sample),
            error=self.error / seen,
            distinct=len(self.distinct.hashes),
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
    """Hashes of the different vectors seen, until there are `limit`."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.hashes = np.empty(0, dtype=np.int64)
        self._step: float | None = None

    def add(self, block: Floats) -> None:
        if len(self.hashes) >= self.limit:
            return
        if self._step is None:
            self._step = ROUNDING * float(block.std(0).mean()) or 1.0
            self._weights = np.random.default_rng(SAMPLE_SEED).integers(1, 2**62, block.shape[1])
        with np.errstate(over="ignore"):  # wraps around, as a hash may
            rounded = np.round(block.astype(np.float64) / self._step).clip(-(2.0**62), 2.0**62).astype(np.int64)
            hashes = (rounded * self._weights).sum(1)
        self.hashes = np.union1d(self.hashes, hashes)[: self.limit]


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)
