"""NumPy files: an `.npz` by its directory, an `.npy` by its header. Nothing is ever unpickled."""

import io
import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from vqcore.files.errors import CheckpointError, shown
from vqcore.files.kinds import Kind
from vqcore.files.regular_files import RegularFile
from vqcore.files.stored_tensors import MOST_AXES, Storage, StoredTensor, contiguous, widened
from vqcore.files.tensors import VALUES_PER_BLOCK, FileArray, StoredArray, blocks_of
from vqcore.files.zip_records import is_stored, start_of_data

LARGEST_UNPACKED = 256 * 1024**2
LARGEST_RATIO = 100
"""An archive that unpacks to more than 256 MiB and more than 100 times its size is treated as a zip bomb."""

LONGEST_HEADER = 1 << 14
"""Bytes of a header; numpy itself accepts no more than 10,000."""

MAGIC = b"\x93NUMPY"


class Header(NamedTuple):
    """The header of an `.npy`."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int

    @property
    def bytes(self) -> int:
        """Bytes that the values take."""
        return math.prod(self.shape) * self.dtype.itemsize


def load_npy(file: RegularFile) -> FileArray:
    """The array of an `.npy`, under the name of its file.

    Raises:
        CheckpointError: for a header that does not describe the file, or an array of Python objects.
    """
    key = file.path.stem
    header = read_header(io.BytesIO(file.read(0, LONGEST_HEADER)), key)
    held = header.offset + header.bytes
    if held > file.size:
        raise CheckpointError(
            f"`{shown(file.path)}` should have {held:,} bytes by its header but has {file.size:,}. Copy or "
            "download it again."
        )
    return _array(key, file, 0, header)


class NpzArray(StoredArray):
    """One member of an `.npz`: read in place if it is not compressed, otherwise unpacked at each access."""

    def __init__(self, key: str, file: RegularFile, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        super().__init__(key)
        self._file, self._archive, self._info = file, archive, info

    @property
    def shape(self) -> tuple[int, ...]:
        """As stored."""
        return self._header.shape

    @property
    def dtype(self) -> str:
        """As stored."""
        return self._header.dtype.name

    def part(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """The values at `index`; a compressed member is unpacked whole."""
        if self._in_place is not None:
            return self._in_place.part(index)
        header = self._header
        values = np.empty(self.size, header.dtype)
        at = 0
        for block in self._unpacked(VALUES_PER_BLOCK):
            values[at : at + len(block)] = block
            at += len(block)
        return widened(values.reshape(header.shape, order="F" if header.fortran else "C")[index])

    def blocks(self, axis: int) -> Iterator[NDArray[Any]]:
        """As `StoredArray.blocks`, unpacked once: in file order, or whole if the order differs."""
        if self._in_place is not None:
            yield from self._in_place.blocks(axis)
            return
        sample = math.prod(self.shape[1:])
        if self._header.fortran or axis == 0 or sample > VALUES_PER_BLOCK:
            whole = self.read()
            yield from blocks_of(lambda index: whole[index], self.shape, axis)
            return
        for values in self._unpacked(sample * max(1, VALUES_PER_BLOCK // max(1, sample))):
            samples = widened(values.reshape(-1, *self.shape[1:]))
            yield np.moveaxis(samples, axis, -1).reshape(-1, self.shape[axis])

    @cached_property
    def _start(self) -> int | None:
        """Where it lies uncompressed in the file; None if it is compressed."""
        return start_of_data(self._file, self._info) if is_stored(self._info) else None

    @cached_property
    def _header(self) -> Header:
        length = min(LONGEST_HEADER, self._info.file_size)
        with self._reasons():
            start = self._start
            first = self._file.read(start, length) if start is not None else self._beginning(length)
        header = read_header(io.BytesIO(first), self.key)
        if header.offset + header.bytes != self._info.file_size:
            raise CheckpointError(
                f"`{shown(self.key)}` cannot be read as a NumPy array: it needs {header.offset + header.bytes:,} "
                f"bytes and has {self._info.file_size:,}. Save it again."
            )
        return header

    @cached_property
    def _in_place(self) -> FileArray | None:
        header = self._header
        if self._start is None and _is_numeric(header.dtype):
            return None
        return _array(self.key, self._file, self._start or 0, header)

    def _beginning(self, length: int) -> bytes:
        with self._archive.open(self._info) as file:
            return file.read(length)

    def _unpacked(self, values_at_once: int) -> Iterator[NDArray[Any]]:
        """The values in the order of the file, flat."""
        header = self._header
        with self._reasons(), self._archive.open(self._info) as file:
            file.read(header.offset)
            for start in range(0, self.size, max(1, values_at_once)):
                count = min(self.size - start, values_at_once)
                yield np.frombuffer(file.read(count * header.dtype.itemsize), header.dtype, count)

    @contextmanager
    def _reasons(self) -> Iterator[None]:
        try:
            yield
        except CheckpointError:
            raise
        except Exception as error:  # the decompressor raises its own kinds
            raise CheckpointError(_damaged(self.key, error)) from error


def load_npz(file: RegularFile, archive: zipfile.ZipFile) -> dict[str, StoredArray]:
    """The archive's arrays by name.

    Raises:
        CheckpointError: for an archive of other things.
    """
    infos = [info for info in archive.infolist() if info.filename.endswith(".npy")]
    if not infos:
        raise CheckpointError(
            f"`{shown(file.path)}` is an archive with neither torch tensors nor NumPy arrays. Unpack it and "
            "give the checkpoint inside."
        )
    if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in infos):
        raise CheckpointError(
            f"`{shown(file.path)}` is compressed in a way that np.savez_compressed does not use. Save it with "
            "np.savez_compressed."
        )
    return {(key := info.filename.removesuffix(".npy")): NpzArray(key, file, archive, info) for info in infos}


def _array(key: str, file: RegularFile, start: int, header: Header) -> FileArray:
    strides = contiguous(header.shape[::-1])[::-1] if header.fortran else contiguous(header.shape)
    kind = Kind(header.dtype.name, header.dtype if _is_numeric(header.dtype) else None)
    storage = Storage(file, start + header.offset, header.bytes)
    return FileArray(key, StoredTensor(storage, kind, 0, header.shape, strides))


def _is_numeric(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "fiubc"


def check_unpacked(file: RegularFile, archive: zipfile.ZipFile) -> None:
    """Raise CheckpointError if the archive unpacks to far more than the file can hold."""
    unpacked = sum(info.file_size for info in archive.infolist())
    if unpacked > max(LARGEST_UNPACKED, LARGEST_RATIO * file.size):
        raise CheckpointError(
            f"`{shown(file.path)}` unpacks from {file.size:,} to {unpacked:,} bytes, as a zip bomb does. Unpack it "
            "yourself and give what is inside."
        )


def read_header(file: IO[bytes], key: str) -> Header:
    """The header of the `.npy` that begins at the position of `file`.

    Raises:
        CheckpointError: for no header, or an array of Python objects.
    """
    try:
        major, _ = npy.read_magic(file)
        read = npy.read_array_header_1_0 if major == 1 else npy.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except Exception as error:  # the header is parsed as Python's literals
        raise CheckpointError(_damaged(key, error)) from error
    if dtype.hasobject:
        raise CheckpointError(
            f"`{shown(key)}` is an array of Python objects, but numbers are needed. Convert it and save again."
        )
    if not all(type(size) is int and size >= 0 for size in shape) or len(shape) > MOST_AXES:
        raise CheckpointError(_damaged(key, ValueError(f"an array of shape {shape}")))
    return Header(tuple(shape), bool(fortran), dtype, file.tell())


def _damaged(key: str, error: Exception) -> str:
    reason = shown(str(error) or type(error).__name__)
    return f"`{shown(key)}` cannot be read as a NumPy array ({reason}). Save it again."
