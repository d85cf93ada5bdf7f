"""Untrusted files, opened only if regular and read at positions: none can hang, and none is memory-mapped."""

import io
import os
import stat
import weakref
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any

from vqcore.files.errors import CheckpointError, shown

LARGEST_AT_ONCE = 16 * 1024**2
"""Most bytes that `Stream.read` returns at once: a zip archive's directory of some 160,000 entries."""


class _Opening:
    check: Callable[[int, Path], None] = staticmethod(lambda handle, path: None)


def check_opened_with(check: Callable[[int, Path], None]) -> None:
    """From now on, call `check` with the descriptor and name of each opened file; it raises to refuse."""
    _Opening.check = staticmethod(check)


def open_regular(path: Path) -> int:
    """A descriptor of the file at `path`, for the caller to close.

    Raises:
        CheckpointError: for a folder, a pipe, a socket or a device, without waiting on it.
        OSError: if it cannot be opened.
    """
    _check_regular(path, path.stat())  # before opening, which alone can rewind a tape
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        _check_regular(path, os.fstat(handle))  # another file may have that name by now
        _Opening.check(handle, path)
    except BaseException:
        os.close(handle)
        raise
    return handle


class RegularFile:
    """An open file that can be read at any position as long as nobody writes to it.

    A memory map of a truncated file ends the whole process with SIGBUS. A positioned read comes back short, which
    is an ordinary error. A file that is replaced by renaming another one stays open as it was.
    """

    def __init__(self, path: Path) -> None:
        """Open `path`.

        Raises:
            CheckpointError: for a folder, a pipe, a socket or a device, without waiting on it.
            OSError: if it cannot be opened.
        """
        self.path = path
        self._handle = open_regular(path)
        weakref.finalize(self, os.close, self._handle)
        found = os.fstat(self._handle)
        self.size = found.st_size
        self._stamp = _stamp(found)
        self._start = 0
        self._whole: RegularFile | None = None

    def read(self, start: int, count: int) -> bytes:
        """`count` bytes from `start`, or fewer at the end of the file.

        Raises:
            CheckpointError: if the file has changed since it was opened.
        """
        buffer = bytearray(max(0, min(count, self.size - start)))
        self.fill(memoryview(buffer), start)
        return bytes(buffer)

    def fill(self, buffer: memoryview, start: int) -> None:
        """Read as many bytes as `buffer` has room for.

        Raises:
            CheckpointError: if they are not there, or the file has changed since it was opened.
        """
        done = 0
        try:
            while done < len(buffer):
                count = os.preadv(self._handle, [buffer[done:]], self._start + start + done)
                if count == 0:
                    break
                done += count
            unchanged = _stamp(os.fstat(self._handle)) == self._stamp
        except OSError as error:
            raise CheckpointError(
                f"`{shown(self.path)}` cannot be read: {shown(error.strerror or error)}. Copy it to another disk."
            ) from error
        if done < len(buffer) or not unchanged:
            raise CheckpointError(
                f"`{shown(self.path)}` changed while it was being read. Open it again once nothing writes to it any "
                "more."
            )

    def part(self, start: int, size: int) -> "RegularFile":
        """The `size` bytes from `start` as a file of their own, which keeps this one open."""
        part = copy(self)
        part._whole, part._start, part.size = self, self._start + start, max(0, min(size, self.size - start))
        return part

    def stream(self) -> "Stream":
        """The file as a stream with a position."""
        return Stream(self)


class Stream(io.RawIOBase):
    """A `RegularFile` for readers that need `seek` and `read`; it never gives much at once."""

    def __init__(self, file: RegularFile) -> None:
        super().__init__()
        self._file, self._at = file, 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Position of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to `offset` from the start, from here or from the end."""
        at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._file.size}[whence]
        if at < 0:
            raise ValueError(f"place {at} in a file")
        self._at = at
        return at

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` up to the end of the file."""
        view = memoryview(buffer).cast("B")
        view = view[: max(0, min(len(view), self._file.size - self._at))]
        self._file.fill(view, self._at)
        self._at += len(view)
        return len(view)

    def read(self, size: int | None = -1) -> bytes:
        """`size` bytes, or fewer at the end of the file.

        Raises:
            CheckpointError: for more than `LARGEST_AT_ONCE`.
        """
        left = max(0, self._file.size - self._at)
        size = left if size is None or size < 0 else min(size, left)
        if size > LARGEST_AT_ONCE:
            raise CheckpointError(
                f"`{shown(self._file.path)}` has a directory of {size / 1024**2:,.0f} MiB, more than the "
                f"{LARGEST_AT_ONCE // 1024**2} that are read. Save fewer arrays in one file."
            )
        data = self._file.read(self._at, size)
        self._at += size
        return data


def _check_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise CheckpointError(f"`{shown(path)}` is {_kind(status.st_mode)}, not a file. Give a regular file.")


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def _stamp(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns
