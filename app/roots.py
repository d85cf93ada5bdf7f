"""The folders in which the Doctor reads and writes files, and the checks that no path leads out of them.

A path can be redirected between a check and its use. So what is read is checked once it is open, and what is
written is put into folders that were opened one by one without following a link.
"""

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from app.doors.start import Start, started
from vqcore.files.errors import CheckpointError, shown
from vqcore.files.regular_files import check_opened_with

WALKED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", 0)
"""How folders on the way are opened: `O_PATH`, if available, passes through folders that one may not list."""

OURS = "vq-scope-"
"""Prefix of a server's temporary folders."""


def resolve_readable(path: Path) -> Path:
    """The real location of the file or folder at `path`; relative to the folder that the server was started in.

    Raises:
        CheckpointError: if that is in none of the folders, or a link in a folder leads out of them.
    """
    start = started()
    path = start.folder / path
    if _reaches_everything(start):
        return path
    found = _real(path)
    _check_within(path, found, start)
    for link in _links_at(found):
        _check_within(link, _real(link), start)
    return found


def resolve_writable(path: Path) -> Path:
    """Where a file called `path` would be written; its name is kept even if it is a link.

    Raises:
        CheckpointError: if that is in none of the folders.
    """
    start = started()
    path = start.folder / path
    if "\0" in path.name:
        raise CheckpointError(f"`{shown(path)}` is not a valid file name. Leave out invisible characters.")
    found = _real(path.parent) / path.name
    _check_within(path, found, start)
    return found


def check_opened(handle: int, path: Path) -> None:
    """Check that the file open at `handle` lies in one of the folders, whatever its path led through.

    Raises:
        CheckpointError: if it does not.
    """
    start = started()
    if _reaches_everything(start):
        return
    found = _path_of(handle)
    own = Path(tempfile.gettempdir()).resolve()
    if not (found.is_relative_to(own) and str(found.relative_to(own)).startswith(OURS)):
        _check_within(path, found, start)


def about_roots() -> str:
    """What the page says about the folders."""
    start = started()
    if _reaches_everything(start):
        return "Reads and writes files on this machine, in every folder that the server's user can access."
    return f"Reads and writes files below {', '.join(map(str, start.folders))} only."


def put(staged: Path, out: Path, *, source: Path, force: bool) -> None:
    """Move `staged` to `out` atomically.

    Args:
        staged: in a folder that nobody else can change.
        out: as returned by `resolve_writable`.
        source: a file that is never replaced.
        force: whether another existing file may be replaced.

    Raises:
        CheckpointError: if it cannot be written; what was there stays as it was.
    """
    try:
        with _walked(out.parent) as folder:
            _put(staged, folder, out.name, source=source, force=force)
    except FileExistsError as error:
        raise CheckpointError(f"`{shown(out)}` exists. Name another file, or allow it to be overwritten.") from error
    except OSError as error:
        raise CheckpointError(f"`{shown(out)}` cannot be written: {shown(error.strerror or error)}.") from error


@contextmanager
def _walked(folder: Path) -> Iterator[int]:
    """A descriptor of `folder`, below one of the roots; OSError if there is a link on the way."""
    root = next((one for one in started().folders if folder.is_relative_to(one)), None)
    if root is None:
        raise PermissionError(None, "its folder is not open to the Doctor")
    with ExitStack() as stack:
        here = os.open(root, WALKED)
        stack.callback(os.close, here)
        for name in folder.relative_to(root).parts:
            here = os.open(name, WALKED, dir_fd=here)
            stack.callback(os.close, here)
        yield here


def _put(staged: Path, folder: int, name: str, *, source: Path, force: bool) -> None:
    part = f".{name[:100]}.{secrets.token_hex(4)}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(part, flags, 0o600, dir_fd=folder)
    try:
        with os.fdopen(handle, "wb") as writing, staged.open("rb") as reading:
            shutil.copyfileobj(reading, writing, 1 << 20)
            os.fchmod(writing.fileno(), staged.stat().st_mode & 0o777)
            writing.flush()
            os.fsync(writing.fileno())
        _take_place(part, folder, name, source=source, force=force)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(part, dir_fd=folder)


def _take_place(part: str, folder: int, name: str, *, source: Path, force: bool) -> None:
    """Give `part` its final name; a link of that name is replaced, and its target stays."""
    if not force:  # of two who come at once, one finds it there
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder))
    with suppress(FileNotFoundError):
        if os.path.samestat(os.stat(name, dir_fd=folder), source.stat()):
            raise PermissionError(None, "it is the checkpoint itself, which is never written to")
    os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)


def _path_of(handle: int) -> Path:
    """Where an open file lies now, with links resolved."""
    if hasattr(fcntl, "F_GETPATH"):  # macOS
        return Path(os.fsdecode(fcntl.fcntl(handle, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0")))
    return Path(f"/proc/self/fd/{handle}").readlink()


def _links_at(found: Path) -> Iterator[Path]:
    """The links that reading `found` follows: to folders in a folder, and beside a file.

    A link to a file in a folder is checked when it is opened, since one that leads out is just one bad file.
    """
    if not found.is_dir():
        yield found.with_name("report.json")
        return
    entries = _entries(found)
    below = [one for entry in entries if entry.is_dir() and not entry.is_symlink() for one in _entries(entry)]
    yield from (entry for entry in (*entries, *below) if entry.is_symlink() and entry.is_dir())


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # the reader says so
        return []


def _reaches_everything(start: Start) -> bool:
    return any(one == Path(one.anchor) for one in start.folders)


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a ring of links, or a name that none can have
        raise CheckpointError(f"`{shown(path)}` is not a path on this machine: {shown(error)}.") from error


def _check_within(path: Path, found: Path, start: Start) -> None:
    if not any(found.is_relative_to(one) for one in start.folders):
        raise CheckpointError(
            f"`{shown(path)}` must be below {', '.join(shown(one) for one in start.folders)}. Start the server with "
            "`--files FOLDER` to open another folder."
        )


check_opened_with(check_opened)
