"""Two samples of latents, one to fit on and one to evaluate on, in memory that does not grow with N."""

# N vectors, D features

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vqcore.files.errors import CheckpointError

STRETCHES = 64
LONGEST_STRETCH = 4096
"""Latents come in the order of their inputs, and neighbours are alike. The halves take turns in stretches, so that
the vectors of one image seldom fall into both halves."""


class LatentSource(Protocol):
    """Latents that can be read once, in blocks; `latents.Latents` is one."""

    @property
    def dim(self) -> int:
        """D."""

    @property
    def num_vectors(self) -> int:
        """N."""

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """All vectors as (n, D) blocks, finite."""


@dataclass(frozen=True, slots=True)
class InMemory:
    """An (N, D) array as a source of latents."""

    array: NDArray[np.float32]

    @property
    def dim(self) -> int:
        """D."""
        return int(self.array.shape[1])

    @property
    def num_vectors(self) -> int:
        """N."""
        return len(self.array)

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """The array as one block."""
        yield self.array


def latents_in_memory(vectors: ArrayLike) -> InMemory:
    """`vectors` (…, D) as a source of latents.

    Raises:
        CheckpointError: if they are not finite floats.
    """
    array = np.asarray(vectors)
    if array.dtype.kind != "f" or array.ndim < 2 or array.shape[-1] < 1:
        raise CheckpointError(
            f"`latents` must be floats of shape (…, D), but are {array.dtype} {array.shape}. Convert them."
        )
    array = np.ascontiguousarray(array.reshape(-1, array.shape[-1]), dtype=np.float32)
    if not np.isfinite(array).all():
        raise CheckpointError("`latents` must be finite, but contain NaN or infinity. Check how they were computed.")
    return InMemory(array)


class Halves(NamedTuple):
    """A sample of each half."""

    fit: NDArray[np.float32]
    """(n, D)."""

    held_out: NDArray[np.float32]
    """(m, D)."""

    num_vectors: int
    """Number of vectors in both halves."""


def halves_of(latents: LatentSource, most: int, *, seed: int, check: Callable[[], None] | None = None) -> Halves:
    """At most `most` vectors of each half of `latents`, spread evenly over it and drawn by `seed`.

    `check` is called at each block; an exception from it ends the reading.

    Raises:
        CheckpointError: for fewer than two vectors, or if reading them fails.
    """
    total = latents.num_vectors
    if total < 2:
        raise CheckpointError(
            f"`latents` must hold at least two vectors, one for each half, but there is {total}. Give more."
        )
    generator = np.random.default_rng(seed)
    stretch = min(max(1, total // STRETCHES), LONGEST_STRETCH)
    wanted = [_drawn(total, stretch, half, most, generator) for half in (0, 1)]
    found: tuple[list[NDArray[np.float32]], ...] = ([], [])
    start = 0
    for block in latents.blocks():
        if check is not None:
            check()
        for places, rows in zip(wanted, found, strict=True):
            first, last = np.searchsorted(places, (start, start + len(block)))
            rows.append(block[places[first:last] - start])
        start += len(block)
    fit, held_out = (np.concatenate(rows) for rows in found)
    return Halves(fit, held_out, total)


def _drawn(total: int, stretch: int, half: int, most: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Ascending indices in 0…total − 1, all in one half: one from each of equally many equal parts of it."""
    whole, rest = divmod(total, 2 * stretch)
    size = whole * stretch + min(max(rest - half * stretch, 0), stretch)
    count = min(size, most)
    parts = np.arange(count + 1) * size // max(1, count)
    within = generator.integers(parts[:-1], parts[1:])
    places: NDArray[np.int64] = (within // stretch) * 2 * stretch + half * stretch + within % stretch
    return places
