"""A part of a set of images as training sees it: batches of tensors, read when they are asked for."""

# B images of a batch, S image size, C channels

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from vqcore.data.imageset import ImageSet, Ints
from vqcore.data.pictures import Pixels, UnreadablePictureError, fitted
from vqcore.problems.problem import Split, Task

MOST_KEPT = 192 * 2**20
"""Bytes of decoded pixels that one set keeps; what lies beyond is decoded each time."""

MOST_SETS_KEPT = 2


class FittedImages:
    """A set's images at one size; the first of them stay decoded, as far as `MOST_KEPT` reaches.

    Trainings share it, from threads of their own: a place is written before it is marked as filled.
    """

    def __init__(self, images: ImageSet, size: int) -> None:
        self.images, self.size = images, size
        shape = (size, size, images.channels)
        count = min(len(images), MOST_KEPT // int(np.prod(shape)))
        self._kept = np.zeros((count, *shape), dtype=np.uint8)  # of the system's zeros: untouched places cost nothing
        self._filled = np.zeros(count, dtype=bool)
        self._unreadable: set[int] = set()

    def pixels(self, index: int) -> Pixels | None:
        """(S, S, C); None for a picture that cannot be decoded."""
        if index in self._unreadable:
            return None
        if index < len(self._filled) and self._filled[index]:
            kept: Pixels = self._kept[index]
            return kept
        try:
            found = fitted(self.images.picture(index), self.images.channels, self.size)
        except UnreadablePictureError:
            self._unreadable.add(index)
            return None
        if index < len(self._filled):
            self._kept[index], self._filled[index] = found, True
        return found


class LazyPart:
    """Some of a set's images, in place of a `Split` whose tensors would not fit into memory.

    In place of a picture that cannot be decoded comes the next of this part that can.
    """

    def __init__(self, images: FittedImages, rows: Ints, task: Task, device: torch.device | str = "cpu") -> None:
        self._images, self._rows, self._task = images, rows, task
        self._device = torch.device(device)

    @property
    def num_inputs(self) -> int:
        """How many images this part has."""
        return len(self._rows)

    def batch(self, index: Tensor) -> Split:
        """The images at `index` (B,): inputs (B, C, S, S) in ±1, targets and labels."""
        found = [self._readable(place) for place in index.tolist()]
        pixels = torch.from_numpy(np.stack([each for each, _ in found])).to(self._device)
        # Not `contiguous`, which leaves a single channel the strides of channels last. With them torch's convolutions
        # write beyond their memory in the backward pass, and the process ends.
        channels_first = pixels.movedim(-1, 1)
        inputs = torch.empty(channels_first.shape, device=self._device).copy_(channels_first).div_(127.5).sub_(1)
        labels = None
        if self._images.images.labels is not None:
            rows = self._rows[[place for _, place in found]]
            labels = torch.from_numpy(self._images.images.labels[rows]).to(self._device)
        if self._task != "classification":
            return Split(inputs, inputs, labels)
        assert labels is not None
        return Split(inputs, labels, labels)

    def batches(self, size: int) -> Iterator[Split]:
        """All of it in order, `size` images at a time."""
        for index in torch.arange(self.num_inputs).split(size):
            yield self.batch(index)

    def whole(self) -> Split:
        """All of it at once."""
        return self.batch(torch.arange(self.num_inputs))

    def to(self, device: torch.device) -> "LazyPart":
        """The same images, whose batches come on `device`."""
        return LazyPart(self._images, self._rows, self._task, device)

    def _readable(self, place: int) -> tuple[Pixels, int]:
        for further in range(self.num_inputs):
            at = (place + further) % self.num_inputs
            pixels = self._images.pixels(int(self._rows[at]))
            if pixels is not None:
                return pixels, at
        images = self._images.images
        raise ValueError(
            "`data` must hold images that can be decoded, both to train on and held out, but of "
            f"{images.name} none of the {self.num_inputs:,} in one of these parts can, "
            f"{images.named(int(self._rows[0]))} the first. Convert them to PNG or JPEG, or remove them."
        )


@lru_cache(maxsize=MOST_SETS_KEPT)
def fitted_images(images: ImageSet, size: int) -> FittedImages:
    """A set at one size, shared by all trainings that use it."""
    return FittedImages(images, size)
