"""One vector: its input, what the model makes of that and the codes between, the vector's place outlined in each."""

# h × w code maps

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.figures.examples import (
    SPACE,
    TILE,
    coloured,
    enlarged,
    outline,
    outline_traces,
    pictures,
    pointed_cells,
)
from app.figures.examples import png as address_of
from app.theme import axis, layout, role

LINE_PIXELS = 17
"""Of one line of words."""


def vector_picture(
    given: NDArray[np.float32],
    codes: NDArray[np.int64],
    num_codes: int,
    *,
    place: tuple[int, int],
    names: Sequence[str],
    facts: Sequence[str],
    output: NDArray[np.float32] | None = None,
) -> dict[str, Any]:
    """Pictures in a row: the input (C, H, W) in ±1, the reconstruction alike, the code map (h, w); words below.

    Args:
        given: the input.
        codes: of all its vectors.
        num_codes: K.
        place: row and column of the vector.
        names: what stands above each picture.
        facts: lines that stand below.
        output: what the model makes of the input; None where that is no picture.
    """
    shown = [pictures(given[None])[0], *([] if output is None else [pictures(output[None])[0]])]
    tiles = [enlarged(picture) for picture in (*shown, coloured(codes[None], num_codes, None)[0])]
    pitch, width = TILE + SPACE, len(tiles) * (TILE + SPACE) - SPACE
    sheet = np.zeros((TILE, width, 4), dtype=np.uint8)
    for order, tile in enumerate(tiles):
        sheet[:, order * pitch : order * pitch + TILE] = tile
    here = np.zeros(codes.shape, dtype=bool)
    here[place] = True
    lines = np.concatenate([outline(here) + np.array([order * pitch, 0]) for order in range(len(tiles))])
    cells = pointed_cells(codes[None], top=0, left=(len(tiles) - 1) * pitch)
    return {
        "data": [{"type": "image", "source": address_of(sheet), "hoverinfo": "skip"}, cells, *outline_traces(lines)],
        "layout": layout(
            xaxis=axis(visible=False, range=[0, width], constrain="domain", constraintoward="left", fixedrange=True),
            yaxis=axis(
                visible=False,
                range=[TILE, 0],
                scaleanchor="x",
                constrain="domain",
                constraintoward="top",
                fixedrange=True,
            ),
            annotations=[
                *(_words(name, x=order * pitch, y=0, above=True) for order, name in enumerate(names)),
                *(_words(fact, x=0, y=TILE, line=line) for line, fact in enumerate(facts)),
            ],
            margin={"l": 4, "r": 4, "t": LINE_PIXELS + 3, "b": LINE_PIXELS * len(facts) + 8},
            dragmode=False,
            hoverdistance=TILE,
        ),
        "alt": f"{', '.join(names)}, with the vector's place outlined. {'. '.join(facts)}.",
    }


def _words(text: str, *, x: float, y: float, above: bool = False, line: int = 0) -> dict[str, Any]:
    return {
        "x": x,
        "y": y,
        "xanchor": "left",
        "yanchor": "bottom" if above else "top",
        "yshift": 0 if above else -LINE_PIXELS * line - 2,
        "text": text,
        "showarrow": False,
        "align": "left",
        "font": {"size": 12, "color": role("muted" if above else "text")},
    }
