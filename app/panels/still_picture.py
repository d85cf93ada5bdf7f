"""The picture of a moment as images that a saved page carries in itself."""

# I images, h × w places

from dataclasses import dataclass

import numpy as np

from app.figures.examples import code_colours, png
from app.figures.picture_sheet import sheet
from app.panels.picture_subject import Subject
from vqcore.snapshot import Bytes

LEAST_SIDE = 32
"""Pixels of a side of an image: smaller ones are enlarged."""


@dataclass(frozen=True, slots=True)
class Still:
    """One image with its words."""

    label: str
    source: str
    """A data URL."""

    is_wrong: bool = False
    """Whether it is a classifier's wrong answer."""


def stills(subject: Subject, num_codes: int) -> tuple[Still, ...]:
    """The images, what becomes of them, and each place in its code's colour; a classifier's with its answers."""
    if subject.captions:
        return tuple(
            Still(f"{'✓' if is_right else '✗'} {caption}", _source(image[None], 1), not is_right)
            for image, caption, is_right in zip(subject.given, subject.captions, subject.right, strict=True)
        )
    views = {"original": subject.given, "reconstruction": subject.outputs, "codes": _coloured(subject, num_codes)}
    return tuple(
        Still(label, _source(images, subject.columns)) for label, images in views.items() if images is not None
    )


def _coloured(subject: Subject, num_codes: int) -> Bytes:
    """(I, H, W, 3), as large as the images as far as whole pixels allow."""
    colours: Bytes = code_colours(num_codes)[subject.codes]  # (I, h, w, 3)
    rows, columns = (
        max(1, side // places) for side, places in zip(subject.given.shape[1:3], subject.places, strict=True)
    )
    return colours.repeat(rows, 1).repeat(columns, 2)


def _source(images: Bytes, columns: int) -> str:
    times = -(-LEAST_SIDE // min(images.shape[1:3]))
    shown = sheet(images.repeat(times, 1).repeat(times, 2), columns)
    return png(np.repeat(shown, 3, 2) if shown.shape[-1] == 1 else shown)
