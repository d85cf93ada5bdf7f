"""Which format a file has, by its bytes and not by its name, and its contents as nested arrays."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vqcore.checkpoints.errors import CheckpointError, shown
from vqcore.checkpoints.npz_files import MAGIC, NpyArray, check_unpacked, load_npz
from vqcore.checkpoints.safetensors_files import load_safetensors
from vqcore.checkpoints.torch_files import load_legacy, load_zip

FORMATS = ".pt .pth .bin .ckpt .safetensors .npz"


class Contents(NamedTuple):
    """A file, opened."""

    format: str
    """torch, safetensors, npz or npy."""

    root: Any
    """What was saved: for torch anything, mappings and tensors among it; otherwise arrays by key."""

    metadata: Mapping[str, str]
    """What safetensors keeps beside the arrays."""


def open_contents(path: Path) -> Contents:
    """Open `path`, whatever its name; values are not read.

    Raises:
        CheckpointError: for anything that is no file of tensors, or is a damaged one, or would run code.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise CheckpointError(f"`{shown(path)}` is not a file. Give one of {FORMATS}.")
        if size == 0:
            raise CheckpointError(f"`{shown(path)}` is empty. Copy or download it again.")
        with path.open("rb") as file:
            start = file.read(512)
        return _opened(path, start, size)
    except (OSError, ValueError) as error:
        if isinstance(error, CheckpointError):
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise CheckpointError(f"`{shown(path)}` cannot be opened: {shown(reason)}.") from error


def _opened(path: Path, start: bytes, size: int) -> Contents:
    if start.startswith(b"PK"):
        return _opened_zip(path, size)
    if start.startswith(MAGIC):
        return Contents("npy", {path.stem: NpyArray(path.stem, path)}, {})
    header = int.from_bytes(start[:8], "little")
    if start[8:9] == b"{" and header >= 2:
        return Contents("safetensors", *load_safetensors(path))
    if start.startswith(b"\x80"):
        return Contents("torch", load_legacy(path, size), {})
    raise CheckpointError(_unknown(path, start))


def _opened_zip(path: Path, size: int) -> Contents:
    try:
        archive = zipfile.ZipFile(path)
        names = archive.namelist()
    except Exception as error:  # a broken directory can raise anything
        raise CheckpointError(
            f"`{shown(path)}` begins as an archive does but its end is missing or damaged. Copy or download it again."
        ) from error
    with archive:
        check_unpacked(path, archive, size)
        if any(name.rpartition("/")[2] == "data.pkl" for name in names):
            return Contents("torch", load_zip(path, archive), {})
        return Contents("npz", load_npz(path, archive), {})


def _unknown(path: Path, start: bytes) -> str:
    if start.startswith(b"version https://git-lfs"):
        return f"`{shown(path)}` is a pointer of Git LFS, not the file itself. Fetch it: git lfs pull."
    if start.isascii() and not any(byte < 9 for byte in start):
        return f"`{shown(path)}` is a text file. Give one of {FORMATS}."
    return f"`{shown(path)}` is not a checkpoint of a known format. Give one of {FORMATS}, whole and undamaged."
