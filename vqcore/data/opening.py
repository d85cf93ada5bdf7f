"""From what a person writes behind `data=` to a set of images."""

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from vqcore.data.cifar import cifar_images
from vqcore.data.folders import folder_of_images
from vqcore.data.idx import IDX_IMAGES, idx_files, idx_images
from vqcore.data.imageset import ImageSet, shown
from vqcore.data.numpy_files import numpy_images
from vqcore.data.parquet import parquet_images
from vqcore.data.pictures import SUFFIXES

FASHION = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package `dataset-fashion-mnist` puts it."""

FASHION_CLASSES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")
NAMES = ("photos", "digits", "fashion")
MOST_OPEN = 8


class _Resolving:
    check: Callable[[Path], Path] = staticmethod(lambda path: path)


def check_paths_with(check: Callable[[Path], Path]) -> None:
    """From now on, have `check` say where a path that `data` names really is; it raises ValueError to refuse."""
    _Resolving.check = staticmethod(check)


_KNOWN: dict[str, ImageSet] = {}
"""By name, as it was opened last: a page says of them what is known, and waits for no disk."""


def known_images(data: str) -> ImageSet | None:
    """The set that `data` names if it has been opened already; reads nothing."""
    return _KNOWN.get(data)


def opened_images(data: str) -> ImageSet:
    """The set that `data` names, opened once as long as what lies there is the same.

    Raises:
        ValueError: if there is nothing that can be trained on, in one sentence.
    """
    if not data.strip():
        raise ValueError(f"`data` must be {', '.join(NAMES)} or a path, but is empty. Name one of them.")
    path = FASHION if data == "fashion" else _Resolving.check(Path(data).expanduser())
    if data == "fashion" and not path.is_dir():
        raise ValueError(
            "`data` fashion is Debian's package dataset-fashion-mnist, which is not installed. Install it: "
            "apt-get install dataset-fashion-mnist, or name a folder with its four files."
        )
    try:
        if not path.exists():
            raise ValueError(
                f"`data` must be {', '.join(NAMES)} or a path, but there is nothing at {shown(path)}. Check the path."
            )
        stat = path.stat()
        _KNOWN[data] = found = _opened(path.resolve(), stat.st_mtime_ns, stat.st_size)
        return found
    except PermissionError as error:
        raise ValueError(
            f"`data` must be a path that may be read, but {shown(error.filename or path)} may not. "
            "Change its permissions: chmod -R u+rX"
        ) from error
    except OSError as error:  # a loop of links, a name that is too long, a disk that fails
        raise ValueError(
            f"`data` must be a path that can be read, but {shown(path)} cannot: {os.strerror(error.errno or 0)}."
        ) from error


@lru_cache(maxsize=MOST_OPEN)
def _opened(path: Path, changed: int, length: int) -> ImageSet:
    del changed, length  # part of the key: a set that changed on disk is opened again
    return _folder(path) if path.is_dir() else _file(path)


def _folder(path: Path) -> ImageSet:
    if files := idx_files(path):
        images = idx_images(path, files)
        if path == FASHION.resolve() and len(images.classes) == len(FASHION_CLASSES):
            images.classes = FASHION_CLASSES
        return images
    if (cifar := cifar_images(path)) is not None:
        return cifar
    if tables := sorted(path.glob("*.parquet")):
        return parquet_images(path, tables)
    return folder_of_images(path)


def _file(path: Path) -> ImageSet:
    suffix = path.suffix.lower()
    if not path.is_file():
        raise ValueError(f"`data` must be a folder or a file, but {shown(path)} is a pipe or a device. Name another.")
    if suffix in (".npy", ".npz"):
        return numpy_images(path)
    if suffix == ".parquet":
        return parquet_images(path, [path])
    if IDX_IMAGES.fullmatch(path.name):
        return idx_images(path, [path])
    if suffix in SUFFIXES:
        raise ValueError(f"`data` must be many images, but {shown(path)} is one. Name the folder that holds them.")
    unpacked = " Unpack it first." if suffix in (".zip", ".tar", ".gz", ".tgz", ".7z") else ""
    raise ValueError(
        "`data` must be a folder of images, an IDX or CIFAR folder, or a file .npz, .npy or .parquet, but "
        f"{shown(path)} is none of them.{unpacked or ' Name another.'}"
    )
