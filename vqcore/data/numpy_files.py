"""Images in numpy's own files, `.npy` and `.npz`."""

# n images, H × W pixels

import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vqcore.data.arrays import ArraySet, damaged, known_labels, unpacked_file
from vqcore.data.imageset import ImageSet, shown
from vqcore.data.rows import FileRows, Rows
from vqcore.files.errors import CheckpointError
from vqcore.files.regular_files import RegularFile


def numpy_images(path: Path) -> ImageSet:
    """Images of an `.npy` file, or of an `.npz` file with labels and parts where it has them.

    Of an `.npz`, the arrays are found by name: `images` and `labels`, `x` and `y`, each also with `train` and `test`
    or `val`, as in `x_train` and `test_labels`.

    Raises:
        ValueError: if there are no images, or labels of another number; if the file holds Python objects.
    """
    arrays: dict[str, Rows] = {"images": _npy(path)} if path.suffix == ".npy" else dict(_members(path))
    parts = {_part_and_kind(name): array for name, array in arrays.items()}
    images = [parts[part, "images"] for part in PARTS if (part, "images") in parts]
    if not images:
        raise ValueError(
            f"`data` must be an array of images (n, height, width) or (n, height, width, 3), but {shown(path)} holds "
            f"{', '.join(f'{name} {array.shape}' for name, array in arrays.items()) or 'nothing'}. "
            "Save them as `images`."
        )
    axes = {_colour_axis(path, array.shape) for array in images}
    if len(axes) > 1:
        raise ValueError(f"`data` must be all grey or all colour, but the parts of {shown(path)} differ. Save one.")
    (axis,), to_bytes = axes, _to_bytes(path, images)
    channels = 1 if axis is None else images[0].shape[1:][axis]

    def to_pixels(row: NDArray[Any]) -> NDArray[np.uint8]:
        return to_bytes(row if axis is None else np.moveaxis(row, axis, -1))

    labels = [np.asarray(parts[part, "labels"][:]).reshape(-1) for part in PARTS if (part, "labels") in parts]
    known, classes = known_labels(path, labels, sum(map(len, images)))
    held_out_from = len(images[0]) if len(images) > 1 else None
    return ArraySet(shown(path), images, channels, to_pixels, known, classes, held_out_from)


PARTS = ("", "train", "held-out")


def _part_and_kind(name: str) -> tuple[str, str]:
    words = set(re.split(r"[^a-z]+", name.lower()))
    part = "train" if words & {"train"} else "held-out" if words & {"test", "val", "valid"} else ""
    kinds = {"images": {"images", "image", "x", "data", "arr"}, "labels": {"labels", "label", "y", "targets"}}
    return part, next((kind for kind, known in kinds.items() if words & known), name)


def _npy(path: Path) -> Rows:
    try:
        start, shape, dtype = _header(RegularFile(path).stream())
        return FileRows(path, start, shape, dtype)
    except (ValueError, OSError, EOFError) as error:
        if isinstance(error, PermissionError | CheckpointError):
            raise
        raise damaged(path, "a numpy array in C order without Python objects") from error


def _header(file: Any) -> tuple[int, tuple[int, ...], np.dtype[Any]]:
    """Where the values of an array in numpy's format begin, its shape and dtype."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read(file)
    if dtype.hasobject or (is_fortran and len(shape) > 1) or not shape:
        raise ValueError("objects, columns first, or a single value")
    return file.tell(), shape, dtype


def _members(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(RegularFile(path).stream()) as archive:
            return {
                Path(name).stem: _unpacked_member(archive, name)
                for name in archive.namelist()
                if name.endswith(".npy")
            }
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError) as error:
        raise damaged(path, "an .npz file of numpy arrays without Python objects") from error


def _unpacked_member(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """The array of a member, unpacked into a file without a name, so that it need not fit into memory."""
    with archive.open(name) as member, unpacked_file(member) as unpacked:
        start, shape, dtype = _header(unpacked)
        return np.empty(shape, dtype) if 0 in shape else np.memmap(unpacked, dtype, "r", start, shape)


def _colour_axis(path: Path, shape: tuple[int, ...]) -> int | None:
    """Which axis of one image has its colours; None where there is none."""
    if 0 not in shape:
        if len(shape) == 3:
            return None
        for axis in (-1, 1):
            if len(shape) == 4 and shape[axis] in (1, 3):
                return axis - (axis > 0)
    raise ValueError(
        f"`data` must be images (n, height, width), (n, height, width, 3) or (n, 3, height, width), but "
        f"{shown(path)} holds an array of shape {shape}. Reshape it."
    )


def _to_bytes(path: Path, images: list[Rows]) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
    """How a value becomes one from 0 to 255, from the dtype or, for fractions, from the range that is there."""
    dtype = images[0].dtype
    if dtype == np.uint8:
        return np.asarray
    if dtype == np.uint16:
        return lambda values: (values // 257).astype(np.uint8)
    if dtype == np.bool_:
        return lambda values: values.astype(np.uint8) * np.uint8(255)
    low, high = _range(images)
    for name, begin, end in (("0 to 1", 0, 1), ("−1 to 1", -1, 1), ("0 to 255", 0, 255)):
        if begin <= low and high <= end and (name != "0 to 255" or high > 1):
            return lambda values: np.round((values.astype(float) - begin) * (255 / (end - begin))).astype(np.uint8)
    raise ValueError(
        f"`data` must have values from 0 to 255, 0 to 1 or −1 to 1, but those of {shown(path)} go from {low:g} to "
        f"{high:g}. Rescale them."
    )


def _range(images: list[Rows]) -> tuple[float, float]:
    """The smallest and largest value, NaN if there is one; a thousand images at a time."""
    low, high = np.inf, -np.inf
    for array in images:
        for start in range(0, len(array), 1000):
            block = array[start : start + 1000]
            low, high = np.minimum(low, block.min()), np.maximum(high, block.max())
    return float(low), float(high)
