"""Images that lie in arrays: numpy's files, the IDX files of the MNIST family, and CIFAR's binary files."""

# n images, H × W pixels, C channels

import gzip
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vqcore.data.imageset import ImageSet, Ints, shown
from vqcore.data.pictures import picture_of
from vqcore.data.rows import FileRows, Rows
from vqcore.files.errors import CheckpointError
from vqcore.files.regular_files import RegularFile

CHUNK = 2**22
MOST_BYTES = 2**38
"""Of one unpacked file."""

IDX_IMAGES = re.compile(r"(?P<part>.*?)images?[-.]idx3-ubyte(?P<packed>\.gz)?")
HELD_OUT_PARTS = ("t10k", "test", "val")
CIFAR = {
    "test_batch.bin": (1, "data_batch_{}.bin", "batches.meta.txt"),
    "test.bin": (2, "train.bin", "fine_label_names.txt"),
}
"""By the held-out file: bytes of labels before each image, the training files, and the file of class names."""


class ArraySet(ImageSet):
    """Images in one or several arrays of rows, which may lie on disk."""

    def __init__(
        self,
        name: str,
        arrays: Sequence[Rows],
        channels: int,
        to_pixels: Callable[[NDArray[Any]], NDArray[np.uint8]],
        labels: Ints | None = None,
        classes: tuple[str, ...] = (),
        held_out_from: int | None = None,
    ) -> None:
        """`to_pixels` turns a row into pixels (H, W, C) or (H, W)."""
        super().__init__(name, channels, labels, classes, held_out_from)
        self._arrays, self._to_pixels = arrays, to_pixels
        self._ends = np.cumsum([len(array) for array in arrays])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def picture(self, index: int) -> Image.Image:
        """See `ImageSet.picture`."""
        which = int(np.searchsorted(self._ends, index, side="right"))
        row = index - int(self._ends[which - 1] if which else 0)
        return picture_of(self._to_pixels(self._arrays[which][row]))


# --- numpy


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
    known, classes = _labels(path, labels, sum(map(len, images)))
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
        raise _damaged(path, "a numpy array in C order without Python objects") from error


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
        raise _damaged(path, "an .npz file of numpy arrays without Python objects") from error


def _unpacked_member(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """The array of a member, unpacked into a file without a name, so that it need not fit into memory."""
    with archive.open(name) as member, _unpacked(member) as unpacked:
        start, shape, dtype = _header(unpacked)
        return np.empty(shape, dtype) if 0 in shape else np.memmap(unpacked, dtype, "r", start, shape)


@contextmanager
def _unpacked(packed: IO[bytes] | gzip.GzipFile) -> Iterator[IO[bytes]]:
    """A file without a name that holds what `packed` does. A map over it outlives it."""
    with tempfile.TemporaryFile() as unpacked:
        while chunk := packed.read(CHUNK):
            unpacked.write(chunk)
            if unpacked.tell() > MOST_BYTES:
                raise ValueError("too large")
        unpacked.seek(0)
        yield unpacked


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


def _labels(path: Path, parts: Sequence[NDArray[Any]], num_images: int) -> tuple[Ints | None, tuple[str, ...]]:
    if not parts:
        return None, ()
    labels = np.concatenate(parts)
    if len(labels) != num_images:
        raise ValueError(
            f"`data` must have one label an image, but {shown(path)} holds {num_images:,} images and {len(labels):,} "
            "labels. Save both from the same set."
        )
    values, labels = np.unique(labels, return_inverse=True)
    return labels.astype(np.int64), tuple(map(str, values))


# --- IDX


def idx_files(folder: Path) -> list[Path]:
    """The files of images in `folder` whose names are those of the MNIST family, training part first."""
    found = [path for path in sorted(folder.iterdir()) if IDX_IMAGES.fullmatch(path.name)]
    return sorted(found, key=lambda path: path.name.startswith(HELD_OUT_PARTS) or "-test" in path.name)


def idx_images(name: Path, files: list[Path]) -> ImageSet:
    """The images of IDX files, gzipped or not, with the labels that lie beside them.

    Raises:
        ValueError: if a file is cut short or is not IDX, or if labels are of another number.
    """
    images = [_idx(path, 3) for path in files]
    beside = [path.with_name(re.sub(r"images?([-.])idx3", r"labels\1idx1", path.name)) for path in files]
    labels = [_idx(path, 1)[:] for path in beside if path.exists()]
    known, classes = _labels(name, labels, sum(map(len, images)))
    held_out_from = len(images[0]) if len(images) > 1 else None
    return ArraySet(shown(name), images, 1, np.asarray, known, classes, held_out_from)


def _idx(path: Path, dims: int) -> Rows:
    """The array of an IDX file of bytes with `dims` dimensions; a gzipped one is unpacked into a file."""
    try:
        if path.suffix != ".gz":
            return FileRows(path, 4 * (1 + dims), _idx_shape(RegularFile(path).read(0, 4 * (1 + dims)), dims))
        with gzip.open(RegularFile(path).stream()) as packed, _unpacked(packed) as file:
            shape = _idx_shape(file.read(4 * (1 + dims)), dims)
            return np.memmap(file, np.uint8, "r", 4 * (1 + dims), shape)
    except CheckpointError:
        raise
    except (ValueError, EOFError, struct.error, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, f"an IDX file of bytes with {dims} dimension{'s' if dims > 1 else ''}") from error


def _idx_shape(header: bytes, dims: int) -> tuple[int, ...]:
    magic, *shape = struct.unpack(f">{1 + dims}I", header)
    if magic != 0x0800 + dims:
        raise ValueError(magic)
    return tuple(shape)


# --- CIFAR


def cifar_images(folder: Path) -> ImageSet | None:
    """CIFAR-10 or CIFAR-100 in its binary version; None where the folder holds none.

    Raises:
        ValueError: if a file is cut short, or if the folder holds the version for Python, which is pickled.
    """
    for held_out, (label_bytes, training, names) in CIFAR.items():
        if (folder / held_out).is_file():
            files = [folder / training.format(number) for number in range(1, 6)] if "{" in training else []
            files = [path for path in files or [folder / training] if path.is_file()] + [folder / held_out]
            records = [_cifar(path, label_bytes) for path in files]
            labels = np.concatenate([_labels_of(each, label_bytes - 1) for each in records])
            classes = _class_names(folder / names, int(labels.max()) + 1)
            held_out_from = sum(map(len, records[:-1])) or None

            def to_pixels(record: NDArray[Any], lead: int = label_bytes) -> NDArray[np.uint8]:
                return record[lead:].reshape(3, 32, 32).transpose(1, 2, 0)

            return ArraySet(shown(folder), records, 3, to_pixels, labels, classes, held_out_from)
    if (folder / "test_batch").is_file() or ((folder / "meta").is_file() and (folder / "train").is_file()):
        raise ValueError(
            f"`data` must be CIFAR's binary version, but {shown(folder)} holds the version for Python, whose files "
            "are pickles and are not opened. Take the archive whose name ends in -binary.tar.gz."
        )
    return None


def _cifar(path: Path, label_bytes: int) -> FileRows:
    record, length = label_bytes + 3072, path.stat().st_size
    if length == 0 or length % record:
        raise _damaged(path, f"whole records of {record:,} bytes")
    return FileRows(path, 0, (length // record, record))


def _labels_of(records: FileRows, column: int) -> Ints:
    blocks = [records[start : start + 1000][:, column] for start in range(0, len(records), 1000)]
    return np.concatenate(blocks).astype(np.int64)


def _class_names(path: Path, count: int) -> tuple[str, ...]:
    names = path.read_text(errors="replace").split("\n") if path.is_file() else []
    names = [name.strip() for name in names if name.strip()]
    return tuple(names) if len(names) >= count else tuple(map(str, range(count)))


def _damaged(path: Path, expected: str) -> ValueError:
    return ValueError(f"`data` must be {expected}, but {shown(path)} is not, or is cut short. Get the file again.")
