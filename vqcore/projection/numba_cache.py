"""Where numba caches what it compiles for UMAP: a folder of ours if it has no writable one."""

import atexit
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from vqcore.holding import make_held, remove_abandoned

_PREFIX = "vq-scope-numba-"
_PACKAGES = ("umap", "pynndescent")
"""Modules that ask numba to cache; without a place for the cache they cannot be imported."""


def cache_environment() -> dict[str, str]:
    """What the worker's environment needs in addition to ours; nothing if numba has a writable cache.

    Numba runs what it finds there. So the folder is new, closed to other users, and removed with this process: the
    next one compiles again.

    Raises:
        OSError: if there is no folder for temporary files either.
    """
    return {} if _has_place() else {"NUMBA_CACHE_DIR": _own_folder()}


def _has_place() -> bool:
    """Whether numba can write where it looks: the configured folder, beside the source, or the user's cache."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    if named and _can_write(Path(named)):
        return True
    return all(map(_can_write, _beside_source())) or _can_write(_of_user())


def _beside_source() -> list[Path]:
    specs = filter(None, map(find_spec, _PACKAGES))
    return [Path(spec.origin).parent / "__pycache__" for spec in specs if spec.origin is not None]


def _of_user() -> Path:
    """The user's cache folder as numba computes it; on Windows it is elsewhere in the user's folder."""
    usual = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    named = os.environ.get("XDG_CACHE_HOME") if sys.platform == "linux" else None
    folder = Path(named or usual)
    with suppress(RuntimeError):  # there is no home
        folder = folder.expanduser()
    return folder / "numba"


def _can_write(folder: Path) -> bool:
    """Whether `folder`, created if missing, can be written to. One below an unknown home does not count."""
    if not folder.is_absolute():
        return False
    there = next(each for each in (folder, *folder.parents) if each.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


@cache
def _own_folder() -> str:
    remove_abandoned(Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"))
    folder, _ = make_held(lambda: Path(tempfile.mkdtemp(prefix=_PREFIX)))  # new, and open to its owner alone
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return str(folder)
