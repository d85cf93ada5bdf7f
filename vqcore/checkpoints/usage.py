"""What a file's usage statistics mean: few of them are counts."""

# K codes, S scales

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqcore.files.errors import shown
from vqcore.files.tensors import StoredArray

Floats = NDArray[np.float64]

LARGEST = float(np.finfo(np.float32).max)
"""What is beyond it is infinite to whatever trains."""


class Usage(NamedTuple):
    """A statistic that was read. If `tracked`, at least one of `hits` and `idle` is there."""

    tracked: bool
    """Whether the values mean anything: not if nothing ever updated them."""

    hits: Floats | None
    """(K,) in proportion to how often each code was used in the window."""

    idle: Floats | None
    """(K,) training batches since each code was last used, as far as the statistic goes."""

    window: str
    """What "used" means here, for display."""

    note: str
    """Caveats."""


class Meaning(NamedTuple):
    """The meaning of a kind of statistic."""

    name: str
    window: str
    note: str
    interpret: Callable[[NDArray[Any], int], tuple[Floats | None, Floats | None]]
    """From the values and K to (hits, idle)."""


class UsageStatistic(NamedTuple):
    """A statistic that lies beside a codebook."""

    key: str
    meaning: Meaning
    array: StoredArray
    num_codes: int
    cut: tuple[slice | int, ...] = ()
    """Index of this codebook's values within a stacked tensor."""

    def read(self) -> Usage:
        """The interpreted values.

        Raises:
            CheckpointError: if they cannot be read.
        """
        if "complex" in self.array.dtype:
            return Usage(False, None, None, self.meaning.window, f"`{shown(self.key)}` holds complex numbers.")
        with np.errstate(all="ignore"):  # a signalling NaN
            values = np.asarray(self.array.read(), dtype=np.float64)[self.cut]
        if not (np.abs(values) <= LARGEST).all():
            return Usage(
                False,
                None,
                None,
                self.meaning.window,
                f"`{shown(self.key)}` holds NaN or infinity, in float32 at least.",
            )
        hits, idle = self.meaning.interpret(values, self.num_codes)
        if hits is not None and idle is None and (hits == hits[0]).all() and self.num_codes > 1:
            note = f"All values are {hits[0]:g}: never updated in training, not perfectly even use."
            return Usage(False, None, None, self.meaning.window, note)
        if idle is not None and not idle.any():
            return Usage(False, None, None, self.meaning.window, "Fresh, or every code was used in the last batch.")
        return Usage(True, hits, idle, self.meaning.window, self.meaning.note)


def _as_hits(values: NDArray[Any], num_codes: int) -> tuple[Floats | None, Floats | None]:
    return values[:num_codes].clip(0), None


def _per_scale(values: NDArray[Any], num_codes: int) -> tuple[Floats | None, Floats | None]:
    return values.reshape(-1, num_codes).sum(0).clip(0), None


def _recent_codes(values: NDArray[Any], num_codes: int) -> tuple[Floats | None, Floats | None]:
    codes = values.round().clip(0, num_codes - 1).astype(np.int64)
    counts: Floats = np.bincount(codes.ravel(), minlength=num_codes).astype(np.float64)
    return counts, None


def _countdown(values: NDArray[Any], num_codes: int) -> tuple[Floats | None, Floats | None]:
    left: Floats = values[:num_codes]
    return None, left.max(initial=0) - left


def _ages(values: NDArray[Any], num_codes: int) -> tuple[Floats | None, Floats | None]:
    return None, values[:num_codes].clip(0)


EMA_HITS = Meaning(
    "moving average of hits",
    "an exponential moving average over training steps; it sums to about the vectors of one step",
    "A short window whose decay is not saved: at 0.8 the last 20 steps carry 99% of the weight, at 0.99 the last "
    "459. Unused "
    "recently is not dead.",
    _as_hits,
)
HITS = Meaning(
    "hits",
    "training since the counter began; no file says when that was",
    "Its meaning is guessed from its name and its whole numbers.",
    _as_hits,
)
REVIVED_HITS = EMA_HITS._replace(
    note="A replaced code restarts at a fixed value (1, a threshold or the mean), which shows as a spike."
)
SMOOTHED_HITS = EMA_HITS._replace(note="Laplace-smoothed in place, so never exactly 0 for an unused code.")
EMA_SHARES = Meaning(
    "moving average of shares", "an exponential moving average over training steps; sums to about 1", "", _as_hits
)
HITS_PER_SCALE = Meaning(
    "moving average of hits at each scale",
    "an exponential moving average over training steps, summed over scales",
    "Updated only under torch.distributed, so zeros after training in one process.",
    _per_scale,
)
RECENT_CODES = Meaning(
    "the last codes themselves",
    "the last codes that training assigned, as many as the buffer is long",
    "Before the buffer is full its zeros count as code 0; half precision cannot hold large codes exactly.",
    _recent_codes,
)
COUNTDOWN = Meaning(
    "countdown to replacement",
    "training batches since a code was last used, up to the replacement interval",
    "A countdown, not a count: a used code is reset to the interval, an unused one loses 1 per batch.",
    _countdown,
)
STEPS_UNUSED = Meaning("steps unused", "training steps since a code was last used", "", _ages)
UNKNOWN = Meaning(
    "unknown",
    "unknown: a number for each code beside the codebook",
    "Its meaning is guessed from its name.",
    _as_hits,
)


def statistic(array: StoredArray | None, meaning: Meaning, num_codes: int) -> tuple[UsageStatistic, ...]:
    """The statistic in `array` for a codebook of K codes, or nothing without an array."""
    return () if array is None else (UsageStatistic(array.key, meaning, array, num_codes),)
