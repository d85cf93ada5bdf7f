"""A set of images as every format gives it: how many, of which classes, and one picture at a time."""

import os
from abc import ABC, abstractmethod
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vqcore.data.pictures import UnreadablePictureError, opened

Ints = NDArray[np.int64]


class Skipped:
    """What a set leaves out, by reason, with the name of the first of each."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, reason: str, name: str) -> None:
        """Count one, called `name`."""
        self._counts[reason] += 1
        self._first.setdefault(reason, name)

    def __len__(self) -> int:
        return sum(self._counts.values())

    @property
    def said(self) -> str:
        """A sentence, or nothing where nothing was skipped."""
        parts = [f"{count:,} {reason} (first: {self._first[reason]})" for reason, count in self._counts.items()]
        return f"Skipped: {'; '.join(parts)}." if parts else ""


class ImageSet(ABC):
    """Images in a fixed order. Only what is asked for is read.

    Args:
        name: what a person calls it, such as its path.
        channels: 1 if all are grey, else 3.
        labels: (n,) the class of each; None if unknown.
        classes: their names.
        held_out_from: images from this one on are the set's own held-out part; None: it has none.
    """

    def __init__(
        self,
        name: str,
        channels: int,
        labels: Ints | None = None,
        classes: tuple[str, ...] = (),
        held_out_from: int | None = None,
    ) -> None:
        self.name = name
        self.channels = channels
        self.labels = labels
        self.classes = classes
        self.held_out_from = held_out_from
        self.skipped = Skipped()

    @property
    def said(self) -> str:
        """How many images of how many classes there are, grey or in colour, and what was left out."""
        classes = "without classes" if self.labels is None else f"in {len(self.classes):,} classes"
        colours = "grey" if self.channels == 1 else "in colour"
        return f"{len(self):,} images {classes}, {colours}. {self.skipped.said}".strip()

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def picture(self, index: int) -> Image.Image:
        """One picture in mode L or RGB.

        Raises:
            UnreadablePictureError: if it cannot be decoded.
        """

    def named(self, index: int) -> str:
        """What a person finds one picture by."""
        return f"image {index:,}"

    def split(self, seed: int) -> tuple[Ints, Ints]:
        """Which images are trained on and which are held out: the set's own parts, else a tenth drawn from `seed`.

        Raises:
            ValueError: for fewer than two images.
        """
        if len(self) < 2:
            raise ValueError(
                f"`data` must hold at least two images, one to train on and one held out, but {self.name} holds "
                f"{len(self)}. Add images, or name another folder."
            )
        if self.held_out_from is not None and 0 < self.held_out_from < len(self):
            parts = np.split(np.arange(len(self)), [self.held_out_from])
            return parts[0], parts[1]
        order = np.random.default_rng(seed).permutation(len(self))
        held_out = min(max(1, len(self) // HELD_OUT_SHARE), MOST_HELD_OUT)
        return np.sort(order[held_out:]), np.sort(order[:held_out])


HELD_OUT_SHARE = 10
MOST_HELD_OUT = 10_000


class FileSet(ImageSet):
    """Images in files of their own, below one folder."""

    def __init__(
        self,
        root: Path,
        files: list[str],
        channels: int,
        labels: Ints | None,
        classes: tuple[str, ...],
        held_out_from: int | None,
    ) -> None:
        super().__init__(shown(root), channels, labels, classes, held_out_from)
        self._root, self._files = root, files

    def __len__(self) -> int:
        return len(self._files)

    def picture(self, index: int) -> Image.Image:
        """See `ImageSet.picture`; what cannot be decoded is counted."""
        try:
            return opened(self._root / self._files[index])
        except UnreadablePictureError as error:
            self.skipped.add(str(error), self.named(index))
            raise

    def named(self, index: int) -> str:
        """See `ImageSet.named`: its path below the folder."""
        return shown(self._files[index])


def shown(path: Path | str) -> str:
    r"""A path as text that can be printed, whatever bytes its name has.

    >>> shown("a\udcffb.png")
    'a�b.png'
    """
    return os.fsencode(path).decode(errors="replace")
