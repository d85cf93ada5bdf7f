"""Any photograph made ready to go whole through a convolutional model: bounded, and fitting its stride."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

MOST_SIDE = 512
"""Pixels of the longer side; a larger photograph is scaled down."""

BEHIND = 255
"""What lies behind a photograph that can be seen through: white."""


class Whole(NamedTuple):
    """A photograph as a model takes it."""

    image: Tensor
    """(C, H, W) in ±1."""

    said: str
    """What was done to it, in words; empty for nothing."""


def whole_image(photograph: NDArray[np.uint8], *, channels: int, stride: int) -> Whole:
    """A photograph (H, W), or (H, W, 1 to 4) where the last of 2 or 4 is opacity, with the model's `channels`.

    It is laid on white where it can be seen through, scaled to at most `MOST_SIDE` pixels a side, turned grey or
    into colours as the model has it, and cropped in its middle to multiples of the model's `stride`.

    Raises:
        ValueError: for what is no such array, and for one that has less than a stride on a side.
    """
    if photograph.dtype != np.uint8 or photograph.ndim not in (2, 3) or 0 in photograph.shape:
        raise ValueError(
            f"A photograph must be bytes (height, width, 1 to 4), but got {photograph.dtype} {photograph.shape}."
        )
    pixels = photograph[..., None] if photograph.ndim == 2 else photograph
    if pixels.shape[2] > 4:
        raise ValueError(f"A photograph has 1 to 4 channels, but got {pixels.shape[2]}.")
    done: list[str] = []
    scaled = _scaled(_opaque(pixels, done), done)
    cropped = _cropped(_in_channels(scaled, channels, done), stride, done)
    image = torch.from_numpy(cropped.copy()).movedim(-1, 0).float().div_(127.5).sub_(1).contiguous()
    return Whole(image, ", ".join(done))


def _opaque(pixels: NDArray[np.uint8], done: list[str]) -> NDArray[np.uint8]:
    if pixels.shape[2] not in (2, 4):
        return pixels
    done.append("laid on white")
    share = pixels[..., -1:] / 255.0
    return np.asarray((pixels[..., :-1] * share + BEHIND * (1 - share)).round(), np.uint8)


def _scaled(pixels: NDArray[np.uint8], done: list[str]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    if max(height, width) <= MOST_SIDE:
        return pixels
    share = MOST_SIDE / max(height, width)
    size = max(1, round(width * share)), max(1, round(height * share))
    done.append(f"scaled from {width:,} × {height:,} to {size[0]} × {size[1]} pixels")
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    smaller = np.asarray(image.resize(size, Image.Resampling.BOX))
    return smaller.reshape(size[1], size[0], -1)


def _in_channels(pixels: NDArray[np.uint8], channels: int, done: list[str]) -> NDArray[np.uint8]:
    if pixels.shape[2] == channels:
        return pixels
    if pixels.shape[2] == 1:
        return pixels.repeat(channels, 2)
    done.append("turned grey")
    return np.asarray(Image.fromarray(pixels).convert("L"))[..., None].repeat(channels, 2)


def _cropped(pixels: NDArray[np.uint8], stride: int, done: list[str]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    if min(height, width) < stride:
        raise ValueError(
            f"The photograph has {width} × {height} pixels{' once scaled' if done else ''}, but the model makes one "
            f"code of {stride} × {stride}. Take one with at least {stride} on each side."
        )
    rows, columns = height - height % stride, width - width % stride
    if (rows, columns) == (height, width):
        return pixels
    done.append(f"cropped to {columns} × {rows}")
    top, left = (height - rows) // 2, (width - columns) // 2
    return pixels[top : top + rows, left : left + columns]
