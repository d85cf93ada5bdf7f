"""Images that lie in arrays, and what the readers of such files share."""

# n images, H × W pixels, C channels

import gzip
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vqcore.data.imageset import ImageSet, Ints, shown
from vqcore.data.pictures import picture_of
from vqcore.data.rows import Rows

CHUNK = 2**22
MOST_BYTES = 2**38
"""Of one unpacked file."""


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


@contextmanager
def unpacked_file(packed: IO[bytes] | gzip.GzipFile) -> Iterator[IO[bytes]]:
    """A file without a name that holds what `packed` does. A map over it outlives it."""
    with tempfile.TemporaryFile() as unpacked:
        while chunk := packed.read(CHUNK):
            unpacked.write(chunk)
            if unpacked.tell() > MOST_BYTES:
                raise ValueError("too large")
        unpacked.seek(0)
        yield unpacked


def known_labels(path: Path, parts: Sequence[NDArray[Any]], num_images: int) -> tuple[Ints | None, tuple[str, ...]]:
    """Labels from 0 up and the names of their classes, from what the parts of a set say; None without any.

    Raises:
        ValueError: for another number of labels than of images.
    """
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


def damaged(path: Path, expected: str) -> ValueError:
    """The error for a file that is not what its name says."""
    return ValueError(f"`data` must be {expected}, but {shown(path)} is not, or is cut short. Get the file again.")
