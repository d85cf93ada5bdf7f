"""Images in the IDX files of the MNIST family, gzipped or not."""

import gzip
import re
import struct
import zlib
from pathlib import Path

import numpy as np

from vqcore.data.arrays import ArraySet, damaged, known_labels, unpacked_file
from vqcore.data.imageset import ImageSet, shown
from vqcore.data.rows import FileRows, Rows
from vqcore.files.errors import CheckpointError
from vqcore.files.regular_files import RegularFile

IDX_IMAGES = re.compile(r"(?P<part>.*?)images?[-.]idx3-ubyte(?P<packed>\.gz)?")
HELD_OUT_PARTS = ("t10k", "test", "val")


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
    known, classes = known_labels(name, labels, sum(map(len, images)))
    held_out_from = len(images[0]) if len(images) > 1 else None
    return ArraySet(shown(name), images, 1, np.asarray, known, classes, held_out_from)


def _idx(path: Path, dims: int) -> Rows:
    """The array of an IDX file of bytes with `dims` dimensions; a gzipped one is unpacked into a file."""
    try:
        if path.suffix != ".gz":
            return FileRows(path, 4 * (1 + dims), _idx_shape(RegularFile(path).read(0, 4 * (1 + dims)), dims))
        with gzip.open(RegularFile(path).stream()) as packed, unpacked_file(packed) as file:
            shape = _idx_shape(file.read(4 * (1 + dims)), dims)
            return np.memmap(file, np.uint8, "r", 4 * (1 + dims), shape)
    except CheckpointError:
        raise
    except (ValueError, EOFError, struct.error, zlib.error, gzip.BadGzipFile) as error:
        raise damaged(path, f"an IDX file of bytes with {dims} dimension{'s' if dims > 1 else ''}") from error


def _idx_shape(header: bytes, dims: int) -> tuple[int, ...]:
    magic, *shape = struct.unpack(f">{1 + dims}I", header)
    if magic != 0x0800 + dims:
        raise ValueError(magic)
    return tuple(shape)
