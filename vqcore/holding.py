"""Temporary files and folders that are removed with their process, at the latest when another cleans up after it.

A process holds its own with a lock that the system releases however the process ends, so what nobody holds is
garbage. Without such locks, on Windows and some network disks, nothing is ever treated as garbage.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

TRIES = 10
"""Attempts: a cleaner may remove a new file or folder just before it is locked; then another is made."""


def make_held(make: Callable[[], Path]) -> tuple[Path, int | None]:
    """A new file or folder from `make`, and the handle that holds it until it is closed.

    Raises:
        OSError: if `make` raises it.
    """
    for _ in range(TRIES):
        path = make()
        try:
            return path, _hold(path)
        except (BlockingIOError, FileNotFoundError):
            continue
        except OSError:  # no locks here
            return path, None
    return path, None


def remove_abandoned(paths: Iterable[Path]) -> list[Path]:
    """Remove those of `paths` that are ours and that no process holds; returns them."""
    removed: list[Path] = []
    if sys.platform == "win32":
        return removed
    for path in paths:
        with suppress(OSError):
            if path.lstat().st_uid != os.getuid():
                continue
            handle = _hold(path)
            try:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
                removed.append(path)
            finally:
                os.close(handle)
    return removed


def _hold(path: Path) -> int:
    """A handle that holds `path`.

    Raises:
        BlockingIOError: another process holds it.
        FileNotFoundError: it is gone.
        OSError: locks do not work here, or it is a link.
    """
    if sys.platform == "win32":
        raise OSError("no locks on Windows")
    can_write = os.access(path, os.W_OK) and not path.is_dir()  # which NFS wants for a lock
    handle = os.open(path, (os.O_RDWR if can_write else os.O_RDONLY) | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(handle), path.lstat()):  # removed and recreated before it was held
            raise FileNotFoundError(path)
    except BaseException:
        os.close(handle)
        raise
    return handle
