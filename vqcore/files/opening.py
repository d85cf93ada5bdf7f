"""Opens a file by its bytes, not by its name, and gives its contents as nested arrays."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vqcore.files.errors import CheckpointError, shown
from vqcore.files.npz_files import MAGIC, check_unpacked, load_npy, load_npz
from vqcore.files.regular_files import RegularFile
from vqcore.files.safetensors_files import load_safetensors
from vqcore.files.torch_files import load_legacy, load_zip

PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x04\x22\x4d\x18": "lz4",
    b"x\x01": "zlib",
    b"x\x5e": "zlib",
    b"x\x9c": "zlib",
    b"x\xda": "zlib",
}
FORMATS = ".pt .pth .bin .ckpt .safetensors .npz"


class Contents(NamedTuple):
    """A file, opened."""

    format: str
    """Format: torch, safetensors, npz or npy."""

    root: Any
    """What was saved: anything, including mappings and tensors, for torch; otherwise arrays by key."""

    metadata: Mapping[str, str]
    """Metadata that safetensors keeps with the arrays."""


def open_contents(path: Path) -> Contents:
    """Open `path`, whatever its name; values are not read.

    Raises:
        CheckpointError: for anything that is not a file of tensors, is damaged, or would run code.
    """
    try:
        file = RegularFile(path)
        if file.size == 0:
            raise CheckpointError(f"`{shown(path)}` is empty. Copy or download it again.")
        return _opened(file, file.read(0, 512))
    except (OSError, ValueError) as error:
        if isinstance(error, CheckpointError):
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise CheckpointError(
            f"`{shown(path)}` cannot be opened: {shown(reason)}. Check its path and permissions."
        ) from error
    except MemoryError as error:
        raise CheckpointError(f"`{shown(path)}` does not fit into memory. Close other programs.") from error


def _opened(file: RegularFile, start: bytes) -> Contents:
    if start.startswith(b"PK"):
        return _opened_zip(file)
    if start.startswith(MAGIC):
        return Contents("npy", {file.path.stem: load_npy(file)}, {})
    header = int.from_bytes(start[:8], "little")
    if start[8:9] == b"{" and header >= 2:
        return Contents("safetensors", *load_safetensors(file))
    if start.startswith(b"\x80"):
        return Contents("torch", load_legacy(file), {})
    raise CheckpointError(_unknown(file.path, start))


def _opened_zip(file: RegularFile) -> Contents:
    try:
        archive = zipfile.ZipFile(file.stream())
    except CheckpointError:
        raise
    except Exception as error:  # a broken directory can raise anything
        raise CheckpointError(
            f"`{shown(file.path)}` begins like an archive, but its end is missing or damaged. Copy or download it "
            "again."
        ) from error
    check_unpacked(file, archive)
    if any(name.rpartition("/")[2] == "data.pkl" for name in archive.namelist()):
        return Contents("torch", load_zip(file, archive), {})
    return Contents("npz", load_npz(file, archive), {})


def _unknown(path: Path, start: bytes) -> str:
    if start.startswith(b"version https://git-lfs"):
        return f"`{shown(path)}` is a Git LFS pointer, not the file itself. Fetch it with git lfs pull."
    for begin, packer in PACKED.items():
        if start.startswith(begin):
            return (
                f"`{shown(path)}` is compressed with {packer}. Unpack it and give what is inside; for a k-means that "
                "joblib "
                "wrote, save only the centres: np.save('centres.npy', kmeans.cluster_centers_)."
            )
    if start.isascii() and not any(byte < 9 for byte in start):
        return f"`{shown(path)}` is a text file. Give one of {FORMATS}."
    return f"`{shown(path)}` is not a checkpoint of a known format. Give one of {FORMATS}, complete and undamaged."
