"""The same held-out inputs, and below them what each of several models makes of them."""

# B inputs

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.figures.examples import SPACE, TILE, Bytes, enlarged, pictures, png
from app.theme import axis, layout, role

PITCH = TILE + SPACE
LINE = 16
"""Height of a row of words, in the sheet's pixels."""

PIXELS_PER_LETTER = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A row: pictures or words, one for each input."""

    name: str
    colour: str
    """Of the name."""

    pictures: NDArray[np.float32] | None = None
    """(B, C, H, W) in ±1; None where there are words."""

    words: Sequence[str] = ()
    right: Sequence[bool] = ()
    """Whether each of the words is right, where that can be said."""

    @property
    def height(self) -> int:
        """In the sheet's pixels."""
        return LINE if self.pictures is None else PITCH


def reconstructions(rows: Sequence[Made]) -> dict[str, Any]:
    """All rows below each other, their names on the left. The first has pictures."""
    assert rows[0].pictures is not None
    count = len(rows[0].pictures)
    sheet = np.concatenate([_strip(row, count) for row in rows])
    tops = np.cumsum([0, *(row.height for row in rows)])[:-1].tolist()
    marks = [mark for row, top in zip(rows, tops, strict=True) for mark in _marks(row, top)]
    height, width = sheet.shape[:2]
    return {
        "data": [{"type": "image", "source": png(sheet), "hoverinfo": "skip"}],
        "layout": layout(
            xaxis=axis(visible=False, range=[0, width], constrain="domain", fixedrange=True),
            yaxis=axis(visible=False, range=[height, 0], scaleanchor="x", constrain="domain", fixedrange=True),
            annotations=marks,
            margin={"l": 14 + PIXELS_PER_LETTER * max(len(row.name) for row in rows), "r": 4, "t": 2, "b": 2},
            dragmode=False,
        ),
        "alt": f"{count} held-out inputs, and below them the rows {', '.join(row.name for row in rows[1:])}.",
    }


def _strip(row: Made, count: int) -> Bytes:
    """A row of tiles with space around each, (height, B·PITCH, 4); words lie on nothing."""
    if row.pictures is None:
        return np.zeros((LINE, count * PITCH, 4), np.uint8)
    tiles = [enlarged(picture) for picture in pictures(row.pictures)]
    return np.concatenate([np.pad(tile, [(0, SPACE), (0, SPACE), (0, 0)]) for tile in tiles], axis=1)


def _marks(row: Made, top: int) -> list[dict[str, Any]]:
    middle = top + (TILE if row.pictures is not None else LINE) / 2
    name = {"xref": "paper", "x": 0, "xanchor": "right", "xshift": -6, "text": row.name}
    marks = [{**name, "y": middle, "showarrow": False, "font": {"size": 11, "color": row.colour}}]
    for column, word in enumerate(row.words):
        text, colour = word, role("text")
        if row.right:
            text, colour = f"{word} {'✓' if row.right[column] else '✗'}", role("good" if row.right[column] else "bad")
        place = {"x": column * PITCH + TILE / 2, "y": middle, "text": text}
        marks.append({**place, "showarrow": False, "font": {"size": 12, "color": colour}})
    return marks
