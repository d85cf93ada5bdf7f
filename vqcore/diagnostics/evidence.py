"""What a diagnosis rests on, as frozen values: whatever is missing is None and is not judged."""

# N vectors, M sampled vectors, K codes, D features

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqcore.history import History

Floats = NDArray[np.floating[Any]]


class UsageEvidence(NamedTuple):
    """How often the codes were used, and over what."""

    counts: NDArray[Any]
    """(K,) hits, or numbers in proportion to them."""

    num_vectors: float | None
    """N, the assignments behind `counts`, or the least that they can be; None where nobody knows."""

    window: str
    """What "used" means here."""

    unused_below: float = 0.5
    """A code counts as unused where its count is below this: moving averages never reach 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
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
    """Different vectors among the N, up to rounding at a thousandth of their spread. Counting may stop at
    `limits.FEWEST_VECTORS_PER_CODE` a code, from where on it makes no difference."""

    @property
    def relative_error(self) -> float:
        """The error over the variance of P; infinite where P is one point and the codes miss it."""
        total = float(self.variance.sum())
        return self.error / total if total > 0 else (0.0 if self.error == 0 else float("inf"))

    @property
    def energy(self) -> float:
        """‖z_e‖² summed over features, mean over vectors."""
        return float(self.variance.sum() + np.square(self.mean).sum())


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingEvidence:
    """What is known of how the codebook was trained."""

    steps: int | None = None
    """Done so far; of an earlier codebook, since it."""

    unit: str = "step"
    """What `steps` counts, where it is an earlier codebook that tells: `step`, `epoch` or `checkpoint`."""

    history: History | None = None
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
    """A code unused for this many steps is moved; 0 never."""

    vectors_per_step: int | None = None
    placed_at: NDArray[np.int64] | None = None
    """(K,) the step after which each code was last moved by replacement, −1 never."""

    data_vectors: int | None = None
    """Vectors in one pass over the training data."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """One codebook, and what is known around it."""

    codebook: Floats
    """(K, D) effective code vectors."""

    usage: UsageEvidence | None = None
    latents: LatentEvidence | None = None
    training: TrainingEvidence = field(default_factory=TrainingEvidence)
    residual_level: int = 0
    """Place among the levels of a residual quantizer; `latents` are then the residuals before this level."""

    initialized: bool | None = None
    """The flag that some layouts keep: False until the first training batch placed the codes."""

    stored_dtype: str = "float32"
    """As torch names it."""

    @property
    def num_codes(self) -> int:
        """K."""
        return len(self.codebook)

    @property
    def dim(self) -> int:
        """D."""
        return int(self.codebook.shape[1])
