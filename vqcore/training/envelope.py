"""Minimum, mean and maximum of a growing number of rows, in a bounded number of buckets."""

# B buckets, W columns

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np

from vqcore.history import Envelope, Floats, Ints

MOST_BUCKETS = 1024


class GrowingEnvelope:
    """Buckets of 2ⁿ consecutive rows; beyond `MOST_BUCKETS` they merge in pairs.

    What was returned does not change later.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        shape = (MOST_BUCKETS, len(names))
        self._low = np.full(shape, np.inf, dtype=np.float32)
        self._high = np.full(shape, -np.inf, dtype=np.float32)
        self._sum = np.zeros(shape)
        self._finite = np.zeros(shape, dtype=np.int64)
        self._last_step = np.zeros(MOST_BUCKETS, dtype=np.int64)
        self._first_step = np.zeros(MOST_BUCKETS, dtype=np.int64)
        self._bucket_rows = 1
        self._rows = 0
        self._handed_out: Envelope | None = None

    def add(self, steps: Ints, rows: Floats) -> None:
        """Add `rows` (n, W), recorded at `steps` (n,), which follow the earlier ones."""
        while self._rows + len(rows) > MOST_BUCKETS * self._bucket_rows:
            self._merge_pairs()
        bucket = (self._rows + np.arange(len(rows))) // self._bucket_rows
        starts = np.flatnonzero(np.diff(bucket, prepend=-1))
        into = slice(int(bucket[0]), int(bucket[-1]) + 1)
        finite = np.isfinite(rows)
        np.minimum(self._low[into], np.minimum.reduceat(np.where(finite, rows, np.inf), starts), out=self._low[into])
        np.maximum(
            self._high[into], np.maximum.reduceat(np.where(finite, rows, -np.inf), starts), out=self._high[into]
        )
        self._sum[into] += np.add.reduceat(np.where(finite, rows, 0).astype(np.float64), starts)
        self._finite[into] += np.add.reduceat(finite.astype(np.int64), starts)
        self._last_step[into] = steps[np.append(starts[1:], len(rows)) - 1]
        is_new = (self._rows + starts) % self._bucket_rows == 0
        self._first_step[into][is_new] = steps[starts[is_new]]
        self._rows += len(rows)
        self._handed_out = None

    def envelope(self) -> Envelope:
        """All rows so far."""
        if self._handed_out is None:
            self._handed_out = self._copy()
        return self._handed_out

    def __getstate__(self) -> dict[str, object]:
        """State for a copy, without the returned read-only view, which cannot be copied and is rebuilt."""
        return self.__dict__ | {"_handed_out": None}

    @property
    def nbytes(self) -> int:
        """Bytes that are kept, without returned views."""
        tables = (self._low, self._high, self._sum, self._finite, self._first_step, self._last_step)
        return sum(table.nbytes for table in tables)

    def _merge_pairs(self) -> None:
        half = MOST_BUCKETS // 2
        for values, merge, empty in (
            (self._low, np.minimum, np.inf),
            (self._high, np.maximum, -np.inf),
            (self._sum, np.add, 0),
            (self._finite, np.add, 0),
            (self._last_step, np.maximum, 0),
        ):
            values[:half] = merge(values[::2], values[1::2])
            values[half:] = empty
        self._first_step[:half] = self._first_step[::2].copy()
        self._bucket_rows *= 2

    def _copy(self) -> Envelope:
        count = -(-self._rows // self._bucket_rows)
        finite = self._finite[:count].copy()
        filled = finite > 0
        with np.errstate(over="ignore"):  # a mean beyond float32 becomes infinite, as its rows' would
            mean = (self._sum[:count] / np.maximum(finite, 1)).astype(np.float32)
        nan = np.float32(np.nan)
        rows = np.minimum(self._rows - np.arange(count) * self._bucket_rows, self._bucket_rows)
        tables = {
            "low": np.where(filled, self._low[:count], nan),
            "mean": np.where(filled, mean, nan),
            "high": np.where(filled, self._high[:count], nan),
        }
        return Envelope(
            first_step=_frozen(self._first_step[:count].copy()),
            last_step=_frozen(self._last_step[:count].copy()),
            rows=_frozen(rows),
            finite=columns(self._names, finite),
            **{name: columns(self._names, table) for name, table in tables.items()},
        )


def columns(names: Sequence[str], table: np.ndarray) -> MappingProxyType[str, np.ndarray]:
    """The columns of `table` (n, W) by name, read-only."""
    return MappingProxyType({name: _frozen(table[:, index]) for index, name in enumerate(names)})


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
