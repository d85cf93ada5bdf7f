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

QUALITIES = (95, 90, 85, 75, 60, 40, 20)
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
    if image.width * image.height < PLENTY or len(np.unique(pixels.reshape(-1, pixels.shape[-1])[::97], axis=0)) < 16:
        exact = exact_file(pixels)
        if len(exact) <= most_bytes:
            return exact
    for quality in QUALITIES:
        written = _written(image, format="jpeg", quality=quality, subsampling=0)
        if len(written) <= most_bytes:
            break
    return written


def exact_file(pixels: Bytes) -> bytes:
    """Pixels (H, W, 1 or 3) as a PNG."""
    return _written(_image(pixels), format="png", compress_level=6)


def _image(pixels: Bytes) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _written(image: Image.Image, **settings: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, **settings)  # type: ignore[arg-type]
    return buffer.getvalue()
