"""One moment as a picture of a film: what a model makes of images, its map and its usage beside each other.

Knows no clock and no file; drawn by Pillow alone, a few milliseconds a moment.
"""

# M vectors, K codes

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont

from app.theme import LIGHT

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

HEIGHT, MARGIN, GAP = 192, 12, 14
TITLE, FOOT = 46, 18
WIDEST = 288
"""Pixels of the images' side by side, at the most."""

MAP_SIDE, BARS_WIDTH = HEIGHT, 150
DOT = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
SPELLED = {"α": "alpha", "β": "beta", "γ": "gamma", "μ": "mu", "ν": "nu", "×": "x", "…": "..."}
"""What Pillow's own font has no letters for."""

ENLARGED = 4
"""Times that a classifier's inputs grow, so that a line around them is thin."""

SMALLEST, LARGEST = 2.0, 9.0
"""Half a diagonal in pixels of a code that is hardly used, and of one that a tenth of all vectors use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmMoment:
    """What is drawn of one moment."""

    pixels: Bytes
    """(h, w, 3) the images of that moment beside each other."""

    p: Floats
    """(M, 2) the vectors, in units of the map: from 0, left or bottom, to 1."""

    c: Floats
    """(K, 2) the code vectors, likewise."""

    counts: NDArray[np.int64]
    """(K,) vectors of each code."""

    title: str
    note: str
    """The newest switch, in words."""


def film_frame(moment: FilmMoment, credit: str) -> Image.Image:
    """The moment: images, map and usage from left to right, its words above, the credit below."""
    shown = _fitted(moment.pixels)
    left, map_left = MARGIN, MARGIN + shown.width + GAP
    bars_left = map_left + MAP_SIDE + GAP
    size = bars_left + BARS_WIDTH + MARGIN, TITLE + HEIGHT + GAP + FOOT
    frame = Image.new("RGB", size, LIGHT["background"])
    draw = ImageDraw.Draw(frame)
    draw.text((left, 6), moment.title, LIGHT["text"], font=_font(15))
    draw.text((left, 26), _in_room(moment.note, size[0] - left - MARGIN), LIGHT["muted"], font=_font(12))
    draw.text((left, size[1] - FOOT), credit, LIGHT["muted"], font=_font(9))
    frame.paste(shown, (left, TITLE + (HEIGHT - shown.height) // 2))
    _map(draw, moment, (map_left, TITLE))
    _bars(draw, moment.counts, (bars_left, TITLE))
    return frame


def _in_room(words: str, width: int) -> str:
    """The words in letters that the font has, cut where they would leave the frame."""
    for letter, spelled in SPELLED.items():
        words = words.replace(letter, spelled)
    shown = words
    while shown and _font(12).getlength(shown) > width:
        words = words[:-1]
        shown = f"{words.rstrip(' ,')} ..."
    return shown


def answered(tiles: Bytes, right: Sequence[bool]) -> Bytes:
    """A classifier's inputs (I, h, w, C) larger, framed by whether each was answered rightly, or crossed."""
    shown = np.repeat(np.repeat(tiles, ENLARGED, 1), ENLARGED, 2)
    shown = shown.repeat(3, 3) if shown.shape[3] == 1 else shown
    side = min(shown.shape[1:3])
    for tile, is_right in zip(shown, right, strict=True):
        colour = ImageColor.getrgb(LIGHT["good" if is_right else "bad"])[:3]
        tile[[0, -1]], tile[:, [0, -1]] = colour, colour
        if not is_right:
            line = np.arange(side)
            tile[line, line] = tile[line, side - 1 - line] = colour
    return shown


def _fitted(pixels: Bytes) -> Image.Image:
    """The images as large as their room allows; small ones grow by whole numbers, so that pixels stay sharp."""
    image = Image.fromarray(pixels)
    share = min(WIDEST / image.width, HEIGHT / image.height)
    if share >= 2:
        return image.resize((image.width * int(share), image.height * int(share)), Image.Resampling.NEAREST)
    size = max(1, round(image.width * share)), max(1, round(image.height * share))
    return image if share >= 1 else image.resize(size, Image.Resampling.BOX)


def _map(draw: ImageDraw.ImageDraw, moment: FilmMoment, corner: tuple[int, int]) -> None:
    """P as dots, codes without use as crosses, used ones as diamonds by their use."""
    left, top = corner
    draw.rectangle((left, top, left + MAP_SIDE - 1, top + HEIGHT - 1), outline=LIGHT["axis"])
    p, c = (_placed(points, corner) for points in (moment.p, moment.c))
    dots = (p[:, None] + DOT).reshape(-1, 2)  # of two by two pixels
    draw.point(dots.ravel().tolist(), LIGHT["P"])
    used = moment.counts > 0
    inside = ((moment.c >= 0) & (moment.c <= 1)).all(1)
    for x, y in c[~used & inside].tolist():
        draw.line((x - 2, y - 2, x + 2, y + 2), LIGHT["dead"])
        draw.line((x - 2, y + 2, x + 2, y - 2), LIGHT["dead"])
    shares = np.sqrt(np.minimum(moment.counts / max(1, moment.counts.sum()) / 0.1, 1))
    for (x, y), share in zip(c[used].tolist(), shares[used].tolist(), strict=True):
        reach = SMALLEST + (LARGEST - SMALLEST) * share
        corners = [(x - reach, y), (x, y - reach), (x + reach, y), (x, y + reach)]
        draw.polygon(corners, fill=LIGHT["Q"], outline=LIGHT["background"])


def _placed(points: Floats, corner: tuple[int, int]) -> NDArray[np.int64]:
    """(n, 2) pixels of points; those beside the map lie at its edge."""
    share = np.nan_to_num(points.astype(np.float64)).clip(0, 1)
    across, down = corner[0] + 2 + share[:, 0] * (MAP_SIDE - 5), corner[1] + HEIGHT - 3 - share[:, 1] * (HEIGHT - 5)
    return np.stack([across, down], 1).round().astype(np.int64)


def _bars(draw: ImageDraw.ImageDraw, counts: NDArray[np.int64], corner: tuple[int, int]) -> None:
    """Use of each code, most used first, on a log scale; a grey field for those without."""
    left, top = corner
    bottom = top + HEIGHT - 1
    draw.rectangle((left, top, left + BARS_WIDTH - 1, bottom), outline=LIGHT["axis"])
    codes = np.minimum((np.arange(BARS_WIDTH - 2) * len(counts) / (BARS_WIDTH - 2)).astype(int), len(counts) - 1)
    heights = np.sort(counts)[::-1][codes]
    tallest = np.log1p(max(1, int(counts.sum())))
    for x, height in enumerate(heights.tolist(), start=left + 1):
        if height:
            draw.line((x, bottom - 1, x, bottom - 1 - (HEIGHT - 4) * np.log1p(height) / tallest), LIGHT["Q"])
        else:
            draw.line((x, top + 1, x, bottom - 1), LIGHT["grid"])


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
