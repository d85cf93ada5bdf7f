"""Images that lie in arrays: numpy's files, the IDX files of the MNIST family, and CIFAR's binary files."""

# n images, H × W pixels, C channels

import gzip
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vqcore.data.imageset import ImageSet, Ints, shown
from vqcore.data.pictures import picture_of

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
    """Images in one or several arrays (n, H, W, C), which may lie on disk."""

    def __init__(
        self,
        name: str,
        arrays: list[NDArray[Any]],
        labels: Ints | None = None,
        classes: tuple[str, ...] = (),
        held_out_from: int | None = None,
        to_bytes: Callable[[NDArray[Any]], NDArray[np.uint8]] = np.asarray,
    ) -> None:
        super().__init__(name, int(arrays[0].shape[-1]), labels, classes, held_out_from)
        self._arrays, self._to_bytes = arrays, to_bytes
        self._ends = np.cumsum([len(array) for array in arrays])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def picture(self, index: int) -> Image.Image:
        """See `ImageSet.picture`."""
        which = int(np.searchsorted(self._ends, index, side="right"))
        row = index - int(self._ends[which - 1] if which else 0)
        return picture_of(self._to_bytes(self._arrays[which][row]))


# --- numpy


def numpy_images(path: Path) -> ImageSet:
    """Images of an `.npy` file, or of an `.npz` file with labels and parts where it has them.

    Of an `.npz`, the arrays are found by name: `images` and `labels`, `x` and `y`, each also with `train` and `test`
    or `val`, as in `x_train` and `test_labels`.

    Raises:
        ValueError: if there are no images, or labels of another number; if the file holds Python objects.
    """
    arrays = {"images": _mapped(path)} if path.suffix == ".npy" else _members(path)
    parts = {_part_and_kind(name): array for name, array in arrays.items()}
    images = [_channels_last(path, parts[part, "images"]) for part in PARTS if (part, "images") in parts]
    if not images:
        raise ValueError(
            f"`data` must be an array of images (n, height, width) or (n, height, width, 3), but {shown(path)} holds "
            f"{', '.join(f'{name} {array.shape}' for name, array in arrays.items()) or 'nothing'}. "
            "Save them as `images`."
        )
    if len({array.shape[-1] for array in images}) > 1:
        raise ValueError(f"`data` must be all grey or all colour, but the parts of {shown(path)} differ. Save one.")
    labels = [parts[part, "labels"].reshape(-1) for part in PARTS if (part, "labels") in parts]
    known, classes = _labels(path, [np.asarray(each) for each in labels], sum(map(len, images)))
    held_out_from = len(images[0]) if len(images) > 1 else None
    return ArraySet(shown(path), images, known, classes, held_out_from, _brought_to_bytes(path, images))


PARTS = ("", "train", "held-out")


def _part_and_kind(name: str) -> tuple[str, str]:
    words = set(re.split(r"[^a-z]+", name.lower()))
    part = "train" if words & {"train"} else "held-out" if words & {"test", "val", "valid"} else ""
    kinds = {"images": {"images", "image", "x", "data", "arr"}, "labels": {"labels", "label", "y", "targets"}}
    return part, next((kind for kind, known in kinds.items() if words & known), name)


def _mapped(path: Path) -> NDArray[Any]:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    except (ValueError, OSError, EOFError) as error:
        raise _damaged(path, "a numpy array without Python objects") from error


def _members(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
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
        version = np.lib.format.read_magic(unpacked)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_fortran, dtype = read(unpacked)
        if dtype.hasobject:
            raise ValueError(name)
        if 0 in shape:
            return np.empty(shape, dtype)
        return np.memmap(unpacked, dtype, "r", unpacked.tell(), shape, "F" if is_fortran else "C")


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


def _channels_last(path: Path, images: NDArray[Any]) -> NDArray[Any]:
    if images.ndim == 3 and 0 not in images.shape:
        return images[..., None]
    if images.ndim == 4 and 0 not in images.shape:
        if images.shape[-1] in (1, 3):
            return images
        if images.shape[1] in (1, 3):
            return np.moveaxis(images, 1, -1)
    raise ValueError(
        f"`data` must be images (n, height, width), (n, height, width, 3) or (n, 3, height, width), but "
        f"{shown(path)} holds an array of shape {images.shape}. Reshape it."
    )


def _brought_to_bytes(path: Path, images: list[NDArray[Any]]) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
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


def _range(images: list[NDArray[Any]]) -> tuple[float, float]:
    """The smallest and largest value, NaN if there is one; a thousand images at a time."""
    low, high = np.inf, -np.inf
    for array in images:
        for start in range(0, len(array), 1000):
            block = array[start : start + 1000]
            low, high = np.minimum(low, block.min()), np.maximum(high, block.max())
    return float(low), float(high)


def _labels(path: Path, parts: list[NDArray[Any]], num_images: int) -> tuple[Ints | None, tuple[str, ...]]:
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
    images = [_idx(path, 3)[..., None] for path in files]
    beside = [path.with_name(re.sub(r"images?([-.])idx3", r"labels\1idx1", path.name)) for path in files]
    labels = [np.asarray(_idx(path, 1)) for path in beside if path.exists()]
    known, classes = _labels(name, labels, sum(map(len, images)))
    return ArraySet(shown(name), images, known, classes, len(images[0]) if len(images) > 1 else None)


def _idx(path: Path, dims: int) -> NDArray[np.uint8]:
    """The array of an IDX file of bytes with `dims` dimensions, on disk: a gzipped one is unpacked into a file."""
    try:
        if path.suffix != ".gz":
            with path.open("rb") as file:
                return _mapped_idx(file, dims)
        with gzip.open(path) as packed, _unpacked(packed) as file:
            return _mapped_idx(file, dims)
    except PermissionError:
        raise
    except (ValueError, OSError, EOFError, struct.error, zlib.error) as error:
        raise _damaged(path, f"an IDX file of bytes with {dims} dimension{'s' if dims > 1 else ''}") from error


def _mapped_idx(file: IO[bytes], dims: int) -> NDArray[np.uint8]:
    magic, *shape = struct.unpack(f">{1 + dims}I", file.read(4 * (1 + dims)))
    if magic != 0x0800 + dims:
        raise ValueError(magic)
    return np.memmap(file, np.uint8, "r", 4 * (1 + dims), tuple(shape))


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
            labels = np.concatenate([each[:, label_bytes - 1] for each in records]).astype(np.int64)
            images = [each[:, label_bytes:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) for each in records]
            classes = _class_names(folder / names, int(labels.max()) + 1)
            held_out_from = sum(map(len, records[:-1])) or None
            return ArraySet(shown(folder), list(images), labels, classes, held_out_from)
    if (folder / "test_batch").is_file() or ((folder / "meta").is_file() and (folder / "train").is_file()):
        raise ValueError(
            f"`data` must be CIFAR's binary version, but {shown(folder)} holds the version for Python, whose files "
            "are pickles and are not opened. Take the archive whose name ends in -binary.tar.gz."
        )
    return None


def _cifar(path: Path, label_bytes: int) -> NDArray[np.uint8]:
    record, length = label_bytes + 3072, path.stat().st_size
    if length == 0 or length % record:
        raise _damaged(path, f"whole records of {record:,} bytes")
    return np.memmap(path, np.uint8, "r", 0, (length // record, record))


def _class_names(path: Path, count: int) -> tuple[str, ...]:
    names = path.read_text(errors="replace").split("\n") if path.is_file() else []
    names = [name.strip() for name in names if name.strip()]
    return tuple(names) if len(names) >= count else tuple(map(str, range(count)))


def _damaged(path: Path, expected: str) -> ValueError:
    return ValueError(f"`data` must be {expected}, but {shown(path)} is not, or is cut short. Get the file again.")
