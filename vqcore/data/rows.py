"""The rows of an array in a file, read one by one at their positions.

Not a memory map: if somebody shortens the file meanwhile, a map of it ends the whole process.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from vqcore.files.regular_files import RegularFile


class FileRows:
    """An array (n, …) in row order, of which rows and slices of rows are read when they are asked for."""

    def __init__(self, path: Path, start: int, shape: Sequence[int], dtype: DTypeLike = np.uint8) -> None:
        """The array of `shape` that begins at byte `start`.

        Raises:
            ValueError: if the file ends before the array does, or is no regular file.
        """
        self._file, self._start = RegularFile(path), start
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)
        self._row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        if start + len(self) * self._row_bytes > self._file.size:
            raise ValueError(f"{len(self)} rows of {self._row_bytes} bytes in {self._file.size}")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int | slice) -> NDArray[Any]:
        rows = range(len(self))[index]
        first, count = (rows, 1) if isinstance(rows, int) else (rows.start, len(rows))
        data = self._file.read(self._start + first * self._row_bytes, count * self._row_bytes)
        found = np.frombuffer(data, self.dtype).reshape(count, *self.shape[1:])
        return found[0] if isinstance(rows, int) else found


Rows = NDArray[Any] | FileRows
