"""The images that come with the product, as sets like any other: patches of photographs, and digits."""

from functools import lru_cache

import numpy as np
from PIL import Image

from vqcore.data.arrays import ArraySet
from vqcore.data.imageset import ImageSet
from vqcore.data.pictures import picture_of
from vqcore.problems import datasets

PHOTOS = ("temple", "flower")
LARGEST_PATCH = len(datasets.HELD_OUT_COLUMNS)
BUILT_IN = {"photos": PHOTOS, "digits": tuple("0123456789")}
"""The names of their classes by the name of the set."""


class PatchSet(ImageSet):
    """Colour patches of two photographs, as `vqcore.problems.datasets.patches` cuts them, of any size."""

    def __init__(self, size: int, seed: int) -> None:
        if size > LARGEST_PATCH:
            raise ValueError(
                f"`image_size` must be at most {LARGEST_PATCH} for data=photos, whose held-out strip is that wide, "
                f"but got {size}. Name a folder of larger images."
            )
        train, held_out = datasets.patch_places(seed, size)
        self._places, self._size = [*train, *held_out], size
        labels = np.array([photo for photo, _, _ in self._places], dtype=np.int64)
        super().__init__("photos", 3, labels, PHOTOS, held_out_from=len(train))

    def __len__(self) -> int:
        return len(self._places)

    def picture(self, index: int) -> Image.Image:
        """See `ImageSet.picture`."""
        photo, row, column = self._places[index]
        return picture_of(datasets._photographs()[photo][row : row + self._size, column : column + self._size])


@lru_cache(maxsize=4)
def built_in_images(name: str, size: int, seed: int) -> ImageSet:
    """The set called `name`, one of `BUILT_IN`; `size` and `seed` matter to patches alone.

    Raises:
        ValueError: for patches larger than the strip that is held out.
    """
    if name == "photos":
        return PatchSet(size, seed)
    images, labels = datasets._digits()
    pixels = ((images.numpy() + 1) * 127.5).round().astype(np.uint8)  # (n, 1, 8, 8)
    held_out_from = len(pixels) - datasets.HELD_OUT_DIGITS
    return ArraySet("digits", [pixels[:, 0]], 1, np.asarray, labels.numpy(), BUILT_IN[name], held_out_from)
