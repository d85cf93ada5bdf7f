"""Uploaded files, bounded in size, in number and in how long they are kept."""

import secrets
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app.sessions.background import Background
from app.sessions.jobs import Kept
from app.temporary import Folder

Role = Literal["checkpoint", "latents"]

MOST_MEGABYTES = 200
"""Largest file."""

MOST_MEGABYTES_TOGETHER = 1_000
"""Limit for all files on the server, including repaired copies; the least recently used make room for one more."""

MOST_UPLOADS = 8
"""Checkpoints with their latents kept at once; one more replaces the least recently used."""

UNUSED_MINUTES = 60
"""Minutes without use after which files and their results are removed."""

SWEEP_SECONDS = 60.0
MEGABYTE = 1 << 20
"""Bytes per megabyte, as Streamlit counts them."""

LONGEST_NAME = 80


class UploadError(ValueError):
    """A file that cannot be kept: one sentence that names it, what is wrong and what to do."""


class Dropped:
    """A checkpoint and perhaps latents, in a temporary folder.

    Raises:
        OSError: if there is no space for one.
    """

    def __init__(self) -> None:
        self.id = secrets.token_urlsafe(9)
        self.folder = Folder()
        self.files: dict[Role, Path] = {}
        self.used_at = 0.0


class UsesUpload(Protocol):
    """An examination, of uploaded or other files."""

    @property
    def upload(self) -> str:
        """Id of the uploaded files; empty for others."""

    @property
    def is_busy(self) -> bool:
        """Whether it is reading or writing."""

    def close(self) -> None:
        """End it."""


class Uploads:
    """Uploads by unguessable id.

    Args:
        cases: the examinations that use them, removed with them.
        most_bytes: of all files together.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        cases: Kept[UsesUpload],
        *,
        most_bytes: int = MOST_MEGABYTES_TOGETHER * MEGABYTE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cases, self._most_bytes, self._clock = cases, most_bytes, clock
        self._dropped: dict[str, Dropped] = {}
        self._lock = threading.RLock()
        self._sweeper: _Sweeper | None = None

    def find(self, upload: str) -> Dropped | None:
        """The upload with this id, marked as used now; None if it is gone."""
        with self._lock:
            dropped = self._dropped.get(upload)
            if dropped is not None:
                dropped.used_at = self._clock()
            return dropped

    def put(self, upload: str, role: Role, name: str, content: BinaryIO, num_bytes: int) -> Dropped:
        """Keep `content` as the file for `role` in the upload with this id, or in a new one; returns the upload.

        Raises:
            UploadError: if it is too large, or there is no space.
        """
        if num_bytes > MOST_MEGABYTES * MEGABYTE:
            raise UploadError(
                f"`{safe_name(name)}` must be at most {MOST_MEGABYTES} MB, but is {num_bytes / MEGABYTE:,.0f} MB. "
                "Give its path on this machine."
            )
        with self._lock:
            try:
                dropped = self.find(upload) or self._begin()
            except OSError as error:
                raise _refusal(name, error) from error
            try:
                self._make_room(num_bytes, dropped)
                dropped.files[role] = _written(dropped.folder.path / role, safe_name(name), content)
            except OSError as error:
                raise _refusal(name, error) from error
            finally:
                if not dropped.files:
                    self._remove(dropped)
            return dropped

    def take_back(self, dropped: Dropped, role: Role) -> None:
        """Remove one file of it."""
        with self._lock:
            dropped.files.pop(role).unlink(missing_ok=True)

    def remove_unused(self) -> None:
        """Remove what nobody has used for `UNUSED_MINUTES`."""
        with self._lock:
            for dropped in tuple(self._dropped.values()):
                if self._clock() - dropped.used_at >= 60 * UNUSED_MINUTES and not self._is_busy(dropped):
                    self._remove(dropped)

    def close(self) -> None:
        """Remove everything."""
        with self._lock:
            for dropped in tuple(self._dropped.values()):
                self._remove(dropped)
            if self._sweeper is not None:
                self._sweeper.cancel()
                self._sweeper = None

    def _begin(self) -> Dropped:
        while len(self._dropped) >= MOST_UPLOADS:
            self._remove_stalest(None)
        dropped = Dropped()
        dropped.used_at = self._clock()
        self._dropped[dropped.id] = dropped
        if self._sweeper is None:
            self._sweeper = _Sweeper(self).start()
        return dropped

    def _make_room(self, num_bytes: int, keep: Dropped) -> None:
        while sum(one.folder.num_bytes for one in self._dropped.values()) + num_bytes > self._most_bytes:
            self._remove_stalest(keep)

    def _remove_stalest(self, keep: Dropped | None) -> None:
        idle = [one for one in self._dropped.values() if one is not keep and not self._is_busy(one)]
        if not idle:
            raise UploadError(
                "There is no space for one more file while others are being examined. Try again in a minute, "
                "or give its path on this machine."
            )
        self._remove(min(idle, key=lambda one: one.used_at))

    def _remove(self, dropped: Dropped) -> None:
        self._dropped.pop(dropped.id)
        self._cases.drop_where(lambda case: case.upload == dropped.id)
        dropped.folder.remove()

    def _is_busy(self, dropped: Dropped) -> bool:
        return any(case.is_busy for case in self._cases.values() if case.upload == dropped.id)


class _Sweeper(Background):
    """Thread that expires `uploads` now and then, even if nobody visits."""

    def __init__(self, uploads: Uploads) -> None:
        super().__init__("uploads")
        self._uploads = uploads

    def _work(self) -> None:
        while not self._stopping.wait(SWEEP_SECONDS):
            self._uploads.remove_unused()


def _refusal(name: str, error: OSError) -> UploadError:
    return UploadError(
        f"`{safe_name(name)}` cannot be kept: {error.strerror or error}. Free disk space for temporary files, or "
        "give "
        "its path on this machine."
    )


def _written(folder: Path, name: str, content: BinaryIO) -> Path:
    """Write `content` as the only file in `folder`, completely or not at all."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path = folder / name
    try:
        with path.open("wb") as file:
            shutil.copyfileobj(content, file, 1 << 20)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def free_sent(sent: UploadedFile) -> None:
    """Free the memory in which Streamlit would keep a file at least as long as the visitor's session."""
    context = get_script_run_ctx()
    if context is not None and hasattr(context.uploaded_file_mgr, "remove_file"):  # its protocol does not say so
        context.uploaded_file_mgr.remove_file(context.session_id, sent.file_id)


def safe_name(name: str) -> str:
    r"""A file name that is safe in any folder: the last part, printable characters, not too long.

    >>> safe_name("../../etc/pass\nwd.pt"), safe_name(".."), safe_name("C:\\models\\a.pt")
    ('passwd.pt', 'file', 'a.pt')
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(letter for letter in last if letter.isprintable() and letter not in '<>:"|?*')
    stem, dot, ending = kept.rpartition(".")
    kept = f"{stem[: LONGEST_NAME - 12]}{dot}{ending[:11]}" if stem else kept[:LONGEST_NAME]
    return kept.strip(". ") or "file"
