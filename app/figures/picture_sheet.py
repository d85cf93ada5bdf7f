"""Pictures as a browser shows them: tiles of one size on a sheet, and the sheet as a small file. Knows no model."""

# I tiles, H × W pixels each

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]

PLENTY = 20_000
"""Pixels from which on a sheet is tried as JPEG first: compressing so many without loss takes milliseconds."""

FEW_COLOURS = 16
"""Below which a larger sheet, such as that of a collapsed codebook, is compressed without loss, too."""

QUALITIES: tuple[int, ...] = (95, 90, 85, 75, 60, 40, 20)
"""Of JPEG, best first; the colours are kept at full resolution."""


def columns_of(count: int, *, most_rows: int) -> int:
    """How many of `count` tiles stand beside each other for them to fill at most `most_rows` rows."""
    return math.ceil(count / max(1, min(count, most_rows)))


def sheet(tiles: Bytes, columns: int) -> Bytes:
    """Tiles (I, H, W, C) row by row without gaps, (rows·H, columns·W, C); what remains is black."""
    count, height, width, channels = tiles.shape
    rows = math.ceil(count / columns)
    filled = np.zeros((rows * columns, height, width, channels), np.uint8)
    filled[:count] = tiles
    grid = filled.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width, channels)


def image_file(pixels: Bytes, most_bytes: int) -> bytes:
    """Pixels (H, W, 1 or 3) as a PNG where that has at most `most_bytes`, else as the best JPEG that has.

    Every browser shows both.
    """
    image = _image(pixels)
    if image.width * image.height < PLENTY or _distinct(pixels[::7, ::13]) < FEW_COLOURS:
        exact = exact_file(pixels)
        if len(exact) <= most_bytes:
            return exact
    best, others = None, QUALITIES[:-1]
    while others:  # halving: each try takes a millisecond or two, and a worse quality never takes more bytes
        middle = len(others) // 2
        tried = _jpeg(image, others[middle])
        if len(tried) <= most_bytes:
            best, others = tried, others[:middle]
        else:
            others = others[middle + 1 :]
    return best or _jpeg(image, QUALITIES[-1])


def _jpeg(image: Image.Image, quality: int) -> bytes:
    return _written(image, format="jpeg", quality=quality, subsampling=0)


def _distinct(pixels: Bytes) -> int:
    """How many colours (H, W, 1 or 3) has: each as one number, since rows are slow to compare."""
    places = 256 ** np.arange(pixels.shape[-1])
    return len(np.unique(pixels @ places))


def exact_file(pixels: Bytes) -> bytes:
    """Pixels (H, W, 1 or 3) as a PNG."""
    return _written(_image(pixels), format="png", compress_level=6)


def _image(pixels: Bytes) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _written(image: Image.Image, **settings: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, **settings)  # type: ignore[arg-type]
    return buffer.getvalue()
