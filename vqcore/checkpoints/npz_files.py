"""NumPy files: an `.npz` by its directory, an `.npy` by its header. Nothing is ever unpickled."""

import math
import zipfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from vqcore.checkpoints.errors import CheckpointError, shown
from vqcore.checkpoints.tensors import LARGEST_READ, VALUES_PER_BLOCK, StoredArray

LARGEST_UNPACKED = 1024**3
LARGEST_RATIO = 100
"""An archive may unpack to 1 GiB, or to 100 times its size where that is more; then it is taken for a bomb."""

MAGIC = b"\x93NUMPY"


class Header(NamedTuple):
    """The first lines of an `.npy`."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int


class NpyArray(StoredArray):
    """An `.npy` file. Each part is mapped anew, so that no more of it stays in memory."""

    def __init__(self, key: str, path: Path) -> None:
        super().__init__(key)
        self._path = path
        with path.open("rb") as file:
            self._header = read_header(file, key)
        held = self._header.offset + math.prod(self._header.shape) * self._header.dtype.itemsize
        if held > path.stat().st_size:
            raise CheckpointError(
                f"`{shown(path)}` should have {held:,} bytes by its header but has {path.stat().st_size:,}. Copy or "
                "download it again."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """As stored."""
        return self._header.shape

    @property
    def dtype(self) -> str:
        """As stored."""
        return self._header.dtype.name

    def part(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """The values at `index`."""
        if self.size == 0:
            return np.empty(self.shape, self._header.dtype)[index]
        order: Any = "F" if self._header.fortran else "C"
        mapped = np.memmap(self._path, self._header.dtype, "r", self._header.offset, self.shape, order)
        return _widened(np.array(mapped[index]))


class NpzArray(StoredArray):
    """One member of an `.npz`, unpacked when read."""

    def __init__(self, key: str, path: Path, info: zipfile.ZipInfo) -> None:
        super().__init__(key)
        self._path, self._info = path, info

    @property
    def shape(self) -> tuple[int, ...]:
        """As stored."""
        return self._header.shape

    @property
    def dtype(self) -> str:
        """As stored."""
        return self._header.dtype.name

    def part(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """The values at `index`; the array is unpacked whole."""
        if self.size * self._header.dtype.itemsize > LARGEST_READ:
            raise CheckpointError(f"`{shown(self.key)}` is too large to unpack in memory. Save it as .npy.")
        header = self._header
        values = next(self._unpacked(self.size), np.empty(0, header.dtype))
        return _widened(values.reshape(header.shape, order="F" if header.fortran else "C")[index])

    def blocks(self, axis: int) -> Iterator[NDArray[Any]]:
        """As `StoredArray.blocks`, unpacked once and from the first to the last."""
        sample = math.prod(self.shape[1:])
        if self._header.fortran or axis == 0 or sample > VALUES_PER_BLOCK:
            yield from super().blocks(axis)
            return
        for values in self._unpacked(sample * max(1, VALUES_PER_BLOCK // max(1, sample))):
            samples = _widened(values.reshape(-1, *self.shape[1:]))
            yield np.moveaxis(samples, axis, -1).reshape(-1, self.shape[axis])

    @cached_property
    def _header(self) -> Header:
        try:
            with zipfile.ZipFile(self._path) as archive, archive.open(self._info) as file:
                return read_header(file, self.key)
        except CheckpointError:
            raise
        except Exception as error:  # the decompressor raises its own kinds
            raise CheckpointError(_damaged(self.key, error)) from error

    def _unpacked(self, values_at_once: int) -> Iterator[NDArray[Any]]:
        """The values in the order of the file, flat."""
        header = self._header
        try:
            with zipfile.ZipFile(self._path) as archive, archive.open(self._info) as file:
                file.read(header.offset)
                for start in range(0, self.size, max(1, values_at_once)):
                    count = min(self.size - start, values_at_once)
                    yield np.frombuffer(file.read(count * header.dtype.itemsize), header.dtype, count)
        except Exception as error:  # the decompressor raises its own kinds
            raise CheckpointError(_damaged(self.key, error)) from error


def load_npz(path: Path, archive: zipfile.ZipFile) -> dict[str, StoredArray]:
    """The archive's arrays by name.

    Raises:
        CheckpointError: for an archive of other things.
    """
    names = [info for info in archive.infolist() if info.filename.endswith(".npy")]
    if not names:
        raise CheckpointError(
            f"`{shown(path)}` is an archive with neither tensors of torch nor arrays of NumPy. Unpack it and give "
            "the checkpoint inside."
        )
    return {(key := info.filename.removesuffix(".npy")): NpzArray(key, path, info) for info in names}


def check_unpacked(path: Path, archive: zipfile.ZipFile, size: int) -> None:
    """Raises CheckpointError where the archive unpacks to far more than the file, of `size` bytes, can hold."""
    unpacked = sum(info.file_size for info in archive.infolist())
    if unpacked > max(LARGEST_UNPACKED, LARGEST_RATIO * size):
        raise CheckpointError(
            f"`{shown(path)}` unpacks from {size:,} to {unpacked:,} bytes, as a zip bomb does. Unpack it yourself "
            "and give what is inside."
        )


def read_header(file: IO[bytes], key: str) -> Header:
    """The header of the `.npy` that begins where `file` stands.

    Raises:
        CheckpointError: for no header, or an array of Python objects.
    """
    try:
        major, _ = npy.read_magic(file)
        read = npy.read_array_header_1_0 if major == 1 else npy.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except Exception as error:  # the header is parsed as Python's literals
        raise CheckpointError(_damaged(key, error)) from error
    if dtype.hasobject or dtype.kind not in "fiub" or any(size < 0 for size in shape):
        what = "Python objects, which are not data" if dtype.hasobject else f"{shown(dtype)}"
        raise CheckpointError(f"`{shown(key)}` is an array of {what}; numbers are needed. Convert it and save again.")
    return Header(tuple(shape), bool(fortran), dtype, file.tell())


def _widened(values: NDArray[Any]) -> NDArray[Any]:
    with np.errstate(invalid="ignore"):  # a signalling NaN
        return values.astype(np.float32) if values.dtype.kind == "f" and values.dtype.itemsize < 4 else values


def _damaged(key: str, error: Exception) -> str:
    reason = shown(str(error) or type(error).__name__)
    return f"`{shown(key)}` cannot be read as an array of NumPy ({reason}). Save it again."
