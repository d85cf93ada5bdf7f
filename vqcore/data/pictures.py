"""From a picture as people keep it to pixels of one size: rotated, deep, animated and transparent ones too."""

# S image size, C channels

import io
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from vqcore.files.regular_files import RegularFile

Pixels = NDArray[np.uint8]

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF")
"""What is decoded. Pillow knows more; one of them, EPS, would start another program."""

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".avif"})
GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F"})
MOST_PIXELS = 64 * 10**6
"""Of one picture: a small file can claim to be an image that fills the memory."""


class UnreadablePictureError(ValueError):
    """A picture that cannot be decoded; it is skipped and counted."""


def opened(source: Path | bytes) -> Image.Image:
    """The first frame of a picture, upright, in mode L or RGB.

    Raises:
        UnreadablePictureError: if it is damaged, too large, or no picture in one of `FORMATS`.
    """
    try:
        with Image.open(_stream(source), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise UnreadablePictureError(f"has more than {MOST_PIXELS // 10**6} million pixels")
            return plain(ImageOps.exif_transpose(image))
    except UnreadablePictureError:
        raise
    except Exception as error:  # each format's parser has errors of its own for damaged data
        raise UnreadablePictureError("cannot be decoded") from error


def is_colour(source: Path | bytes) -> bool:
    """Whether a picture has colours, told by its header alone.

    Raises:
        UnreadablePictureError: as `opened` does.
    """
    try:
        with Image.open(_stream(source), formats=FORMATS) as image:
            mode = image.palette.mode if image.mode == "P" and image.palette else image.mode
            return mode not in GREY_MODES
    except Exception as error:
        raise UnreadablePictureError("cannot be decoded") from error


def _stream(source: Path | bytes) -> IO[bytes]:
    """A file is read as every file from outside: only if it is regular and in a folder that is open."""
    return io.BytesIO(source) if isinstance(source, bytes) else cast(IO[bytes], RegularFile(source).stream())


def plain(image: Image.Image) -> Image.Image:
    """The same picture in mode L or RGB: deep values brought to 8 bits, transparency laid on white."""
    if image.mode in ("I", "I;16", "I;16B", "I;16L"):
        deep = np.asarray(image).astype(np.int64)
        return Image.fromarray((deep.clip(0, 65535) // 257).astype(np.uint8))
    if image.mode == "F":
        return Image.fromarray((np.nan_to_num(np.asarray(image)).clip(0, 1) * 255).round().astype(np.uint8))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        colour = image.convert("RGBA")
        flat = Image.alpha_composite(Image.new("RGBA", image.size, "white"), colour)
        return flat.convert("L" if image.mode in GREY_MODES else "RGB")
    if image.mode == "1":
        return image.convert("L")
    return image.copy() if image.mode in ("L", "RGB") else image.convert("RGB")


def fitted(image: Image.Image, channels: int, size: int) -> Pixels:
    """Pixels (S, S, C) of the largest square in the middle, resampled where it is not of that size."""
    image = image.convert("L" if channels == 1 else "RGB")
    edge = min(image.size)
    left, top = (image.width - edge) // 2, (image.height - edge) // 2
    if image.size != (size, size):
        box = (left, top, left + edge, top + edge)
        image = image.resize((size, size), Image.Resampling.BILINEAR, box=box, reducing_gap=3.0)
    return np.asarray(image).reshape(size, size, channels)


def picture_of(pixels: NDArray[Any]) -> Image.Image:
    """The picture of 8-bit values (H, W), (H, W, 1) or (H, W, 3)."""
    return Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels))
