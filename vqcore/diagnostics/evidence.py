"""What a diagnosis is based on, as frozen values: whatever is missing is None and is not judged."""

# N vectors, M sampled vectors, K codes, D features

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqcore.history import History

Floats = NDArray[np.floating[Any]]

ROUNDING = 1e-10
"""Largest spread over length that float64 sums give for equal vectors. Float32 vectors that really differ have a
thousand times more."""


class UsageEvidence(NamedTuple):
    """How often the codes were used, and over which window."""

    counts: NDArray[Any]
    """(K,) hits, or numbers in proportion to them."""

    num_vectors: float | None
    """N, the number of assignments behind `counts`, or a lower bound; None if unknown."""

    window: str
    """What "used" means here."""

    unused_below: float = 0.5
    """A code counts as unused if its count is below this: moving averages never reach 0."""

    of_codes: bool = False
    """Whether a model's own codes were counted, without the latents that they were chosen for."""

    drawn_from: int | None = None
    """Of how many vectors these N are a random part; None if they are all there are."""


class Attainable(NamedTuple):
    """What k-means reaches on the same latents, fitted and measured on different ones."""

    error: float
    """As `LatentEvidence.error`."""

    num_codes: int
    """Its codes: K, or fewer if the sample is too small for K."""


class ResponseEvidence(NamedTuple):
    """How much the decoder's output answers to the code vectors that it is given."""

    output_variance: float
    """Over inputs, summed over the elements of one input's output."""

    code_variance: float
    """Over the same inputs, summed over the elements of one input's code vectors; above 0."""

    num_inputs: int


class LookedUp(NamedTuple):
    """Q, the assigned code vectors, each counted as often as it is used."""

    mean: Floats
    """(D,)."""

    variance: float
    """Summed over features."""


def looked_up(codebook: Floats, counts: NDArray[Any]) -> LookedUp:
    """The moments of Q from (K, D) code vectors and their counts (K,), not all 0."""
    used = np.flatnonzero(counts)
    vectors, shares = codebook[used].astype(np.float64), counts[used] / counts[used].sum()
    with np.errstate(invalid="ignore", over="ignore"):  # of infinite codes nothing is judged
        mean = shares @ vectors
        return LookedUp(mean, float(shares @ np.square(vectors - mean).sum(1)))


class Repeated(NamedTuple):
    """The vector that comes most often among the latents, bit for bit."""

    share: float
    """Of the sampled latents."""

    code: int


@dataclass(frozen=True, kw_only=True)
class LatentEvidence:
    """P, as bounded statistics of any number of vectors."""

    num_vectors: int
    mean: Floats
    """(D,)."""

    variance: Floats
    """(D,), biased."""

    sample: Floats
    """(M, D) vectors drawn at random from all N, or all of them."""

    error: float
    """‖z_e − z_q‖² summed over features, mean over all N."""

    distinct: int
    """Distinct vectors among the N, up to rounding at a thousandth of their spread. Counting may stop at
    `limits.FEWEST_VECTORS_PER_CODE` per code, beyond which it makes no difference."""

    looked_up: LookedUp | None = None
    """Of the vectors whose error is known; None in evidence from elsewhere."""

    left_by_search: tuple[float, ...] = ()
    """‖residual‖² after over before, for each search after the first of levels that share this table."""

    attainable: Attainable | None = None
    """None if k-means was not run, as on every frame of a live page."""

    repeated: Repeated | None = None
    """None if no vector comes again and again, or nobody has looked."""

    @cached_property
    def spread(self) -> float:
        """Root of the variance summed over features; 0 if it is only rounding error."""
        spread = float(np.sqrt(self.variance.sum()))
        return spread if spread > ROUNDING * self.length else 0.0

    @cached_property
    def length(self) -> float:
        """‖mean of P‖."""
        return float(np.linalg.norm(self.mean))

    @property
    def relative_error(self) -> float | None:
        """The error over the variance of P; None if P is one point, which has no variance."""
        return self.error / self.spread**2 if self.spread > 0 else None

    @property
    def length_ratio(self) -> float | None:
        """‖z_q‖ / ‖z_e‖, each the root of a mean square; None if unknown or all z_e are 0."""
        if self.looked_up is None or self.energy == 0:
            return None
        return float(((self.looked_up.variance + np.square(self.looked_up.mean).sum()) / self.energy) ** 0.5)

    @cached_property
    def energy(self) -> float:
        """‖z_e‖² summed over features, mean over vectors."""
        return float(self.variance.sum() + np.square(self.mean).sum())


class InputEvidence(NamedTuple):
    """The codes of whole inputs."""

    num_inputs: int
    distinct: int
    """Inputs that differ in some code."""

    largest: int
    """The most that have all codes in common."""

    codes_each: int
    possible: int | None = None
    """How many tuples there are, if each input has one: a code of each level and no more; None otherwise."""

    by_prefix: tuple[int, ...] = ()
    """Inputs that differ in some of the first codes, for each number of codes, if each input has one tuple."""


class AverageEvidence(NamedTuple):
    """Moving averages over the vectors of a step, as a file keeps them beside its codebook."""

    counts: NDArray[Any]
    """(K,) vectors of each code."""

    sums: Floats | None = None
    """(K, D) of the vectors of each code, if they are kept and the codebook is not mapped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingEvidence:
    """What is known about how the codebook was trained."""

    steps: int | None = None
    """Steps done so far, or since an earlier codebook."""

    unit: str = "step"
    """What `steps` counts, if there is an earlier codebook: `step`, `epoch` or `checkpoint`."""

    history: History | None = None
    options: Mapping[str, Any] | None = None
    """The live options in force, by name, if known: a remedy that is in force is not offered."""

    alpha: float | None = None
    beta: float | None = None
    """Share of the commitment loss that moves the codebook, as in DESIGN; 1 − β moves the encoder."""

    moved_by: str = "gradient"
    """`gradient` or `ema`."""

    gradient_norm: Floats | None = None
    """(K,) of the newest step, with respect to the raw codebook."""

    initial_codebook: Floats | None = None
    """(K, D) at the start, or an earlier checkpoint's."""

    replace_every: int = 0
    """A code unused for this many steps is moved; 0: never."""

    vectors_per_step: int | None = None
    placed_at: NDArray[np.int64] | None = None
    """(K,) the last step after which replacement moved each code; −1: never."""

    data_vectors: int | None = None
    """Vectors in one pass over the training data."""

    frozen: bool = False
    """Whether the codebook was meant to stay as `initial_codebook`."""

    other_ranks: tuple[Floats, ...] = ()
    """(K, D) the codebook as each of the other processes of a distributed training has it at the same step."""

    threshold: float | None = None
    """Codes with fewer vectors a step, on average, are replaced."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """One codebook, and what is known about it."""

    codebook: Floats
    """(K, D) effective code vectors."""

    usage: UsageEvidence | None = None
    more_usage: tuple[UsageEvidence, ...] = ()
    """Other sources, as a file's own counts beside given latents: they add to what is known, and never hide it."""

    inputs: InputEvidence | None = None
    """None without codes, or where they do not tell which inputs they are of."""

    averages: AverageEvidence | None = None
    latents: LatentEvidence | None = None
    response: ResponseEvidence | None = None
    """None where no decoder was seen, or where all inputs have the same codes, so that nothing could be answered."""

    training: TrainingEvidence = field(default_factory=TrainingEvidence)
    residual_level: int = 0
    """Index among the levels of a residual quantizer; `latents` are then the residuals before this level."""

    initialized: bool | None = None
    """The flag that some layouts keep: False until the first training batch has placed the codes."""

    stored_dtype: str = "float32"
    """As torch names it."""

    broken_latents: int = 0
    """Number of latents with NaN or infinity, which `latents` leaves out."""

    first_broken_latent: int | None = None
    """The number of the first among all, from 0, if known."""

    @property
    def num_codes(self) -> int:
        """K."""
        return len(self.codebook)

    @property
    def usages(self) -> tuple[UsageEvidence, ...]:
        """All sources, the given one first."""
        return self.more_usage if self.usage is None else (self.usage, *self.more_usage)

    @property
    def dim(self) -> int:
        """D."""
        return int(self.codebook.shape[1])
