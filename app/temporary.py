"""The server's temporary files, removed with what they belong to, with the server, or when the next one starts."""

import atexit
import shutil
import tempfile
import threading
import weakref
from functools import cache
from pathlib import Path

from vqcore.holding import make_held, remove_abandoned

PREFIX = "vq-scope-server-"

_lock = threading.Lock()


class Folder:
    """A temporary folder, removed once nothing refers to it any more, at the latest with the server.

    Raises:
        OSError: if none can be made.
    """

    def __init__(self) -> None:
        with _lock:  # one for the server, whoever is first
            place = _of_server()
        self.path = Path(tempfile.mkdtemp(dir=place))
        self._removal = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    @property
    def num_bytes(self) -> int:
        """Bytes of the files in it."""
        return sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file())

    def remove(self) -> None:
        """Remove it and everything in it now."""
        self._removal()


def remove_what_ended_servers_left() -> list[Path]:
    """Remove the temporary folders of killed servers; returns them."""
    return remove_abandoned(Path(tempfile.gettempdir()).glob(f"{PREFIX}*"))


@cache
def _of_server() -> Path:
    """The folder that this process holds until it ends."""
    remove_what_ended_servers_left()
    folder, _ = make_held(lambda: Path(tempfile.mkdtemp(prefix=PREFIX)))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
