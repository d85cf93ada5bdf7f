"""The embedded data: what ships inside scikit-learn, cut into training and held-out parts.

The files are read from scikit-learn's folder. Its own loaders would cost two seconds of imports before
the first training step; a test checks that both give the same data.
"""

import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vqcore.problems.problem import Data, Split
from vqcore.problems.whole_images import whole_image

PATCH = 32
TRAINING_PATCHES = 4096
HELD_OUT_COLUMNS = range(256, 384)
"""The strip of each photograph's 640 columns that no training patch touches."""

STRIP_TOPS, STRIP_HEIGHT = (130, 110), 192
"""Where the part of each held-out strip begins that is shown whole, and its height: the motif alone."""

PHOTOGRAPHS_CREDIT = (
    "Photographs: china.jpg by danielbuechele, flower.jpg by vultilion, CC BY 2.0, via scikit-learn; cropped."
)
PHOTOGRAPHS_SOURCES = (
    "https://www.flickr.com/photos/danielbuechele/6061409035 https://www.flickr.com/photos/vultilion/6056698931 "
    "https://creativecommons.org/licenses/by/2.0/"
)
PLACE = 4
"""Side in pixels of what the network makes one code of."""

HELD_OUT_STRIDE = 16
HELD_OUT_DIGITS = 360


def patches(seed: int) -> Data:
    """32 × 32 colour patches of scikit-learn's two photographs, scaled to ±1, (n, 3, 32, 32).

    Training patches lie at places drawn from `seed`, left or right of a strip 128 columns wide; held-out
    patches are a grid inside the strip, the same for every seed.
    """
    photos = _photographs()
    train, held_out = ([_patch(photos, *place) for place in places] for places in patch_places(seed))
    train_inputs, held_out_inputs = _images(train), _images(held_out)
    photo_of = torch.arange(len(photos)).repeat_interleave(len(held_out) // len(photos))
    return Data(Split(train_inputs, train_inputs), Split(held_out_inputs, held_out_inputs, photo_of))


@cache
def held_out_strips() -> Tensor:
    """The motif of each photograph's held-out strip, whole, scaled to ±1, (2, 3, 192, 128)."""
    columns = slice(HELD_OUT_COLUMNS.start, HELD_OUT_COLUMNS.stop)
    tops = zip(_photographs(), STRIP_TOPS, strict=True)
    strips = [photo[top : top + STRIP_HEIGHT, columns] for photo, top in tops]
    return torch.stack([whole_image(strip, channels=3, stride=PLACE).image for strip in strips])


Place = tuple[int, int, int]
"""Which photograph, and the row and column where a patch begins."""


def patch_places(seed: int, size: int = PATCH) -> tuple[list[Place], list[Place]]:
    """Where the training patches and the held-out ones lie, as `patches` describes it, for patches of `size`."""
    photos = _photographs()
    generator = np.random.default_rng(seed)
    height, width = photos[0].shape[:2]
    left = range(HELD_OUT_COLUMNS.start - size + 1)
    right = range(HELD_OUT_COLUMNS.stop, width - size + 1)
    rows = generator.integers(height - size + 1, size=TRAINING_PATCHES)
    columns = generator.choice(np.array([*left, *right]), size=TRAINING_PATCHES)
    train = [
        (int(generator.integers(len(photos))), int(row), int(column))
        for row, column in zip(rows, columns, strict=True)
    ]
    held_out = [
        (photo, row, column)
        for photo in range(len(photos))
        for row in range(0, height - size + 1, HELD_OUT_STRIDE)
        for column in range(HELD_OUT_COLUMNS.start, HELD_OUT_COLUMNS.stop - size + 1, HELD_OUT_STRIDE)
    ]
    return train, held_out


def digits_images(seed: int) -> Data:
    """scikit-learn's 8 × 8 handwritten digits, scaled to ±1, (n, 1, 8, 8); the targets are the inputs."""
    del seed  # which digits are held out never changes
    inputs, labels = _digits()
    train, held_out = inputs[:-HELD_OUT_DIGITS], inputs[-HELD_OUT_DIGITS:]
    return Data(Split(train, train), Split(held_out, held_out, labels[-HELD_OUT_DIGITS:]))


def digits_labels(seed: int) -> Data:
    """The same digits; the targets are their classes 0…9."""
    del seed
    inputs, labels = _digits()
    return Data(
        Split(inputs[:-HELD_OUT_DIGITS], labels[:-HELD_OUT_DIGITS]),
        Split(inputs[-HELD_OUT_DIGITS:], labels[-HELD_OUT_DIGITS:], labels[-HELD_OUT_DIGITS:]),
    )


def clusters(seed: int) -> Data:
    """Points of the plane around eight centres on a circle, (n, 2), drawn from `seed`; targets are the points."""
    generator = np.random.default_rng(seed)
    angles = np.arange(8) * np.pi / 4
    centres = 2 * np.stack([np.cos(angles), np.sin(angles)], 1)
    centre_of = generator.integers(8, size=5120)
    points = centres[centre_of] + 0.3 * generator.standard_normal((5120, 2))
    inputs, held_out_centres = torch.from_numpy(points.astype(np.float32)), torch.from_numpy(centre_of[4096:])
    return Data(Split(inputs[:4096], inputs[:4096]), Split(inputs[4096:], inputs[4096:], held_out_centres))


@cache
def _photographs() -> list[np.ndarray]:
    """Two images (427, 640, 3) uint8, as `sklearn.datasets.load_sample_images` returns them."""
    folder = _scikit_learn_data() / "images"
    return [np.asarray(Image.open(folder / name)) for name in ("china.jpg", "flower.jpg")]


def _patch(photos: list[np.ndarray], photo: int, row: int, column: int, size: int = PATCH) -> np.ndarray:
    return photos[photo][row : row + size, column : column + size]


def _images(found: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(found)).movedim(-1, 1).float().div_(127.5).sub_(1).contiguous()


@cache
def _digits() -> tuple[Tensor, Tensor]:
    """Images (n, 1, 8, 8) in ±1 and classes (n,), in the order of `sklearn.datasets.load_digits`."""
    table = np.loadtxt(_scikit_learn_data() / "data" / "digits.csv.gz", delimiter=",", dtype=np.float32)
    images = torch.from_numpy(table[:, :-1].reshape(-1, 1, 8, 8)).div(8).sub(1)  # 0…16 in the file
    # In file order neighbours share a writer: held-out digits are the last ones, not a shuffle of all.
    return images, torch.from_numpy(table[:, -1].astype(np.int64))


def _scikit_learn_data() -> Path:
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "The data of all problems come with scikit-learn. Install it: pip install scikit-learn"
        )
    return Path(spec.origin).parent / "datasets"
