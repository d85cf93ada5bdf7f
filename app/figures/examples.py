"""Held-out inputs, the model's outputs for them, and the codes in between, as one picture."""

# B inputs, h × w code maps

import base64
import colorsys
import io
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.theme import axis, layout, role

TILE = 32
"""Side of one picture on the sheet in pixels; the browser enlarges it and keeps the pixels sharp."""

SPACE = 3
LINE = 8
"""Height of a line of captions, in pixels of the sheet."""

FADED = 0x60
"""Opacity, of 255, of a cell that is not chosen: its code's colour can still be seen."""

Bytes = NDArray[np.uint8]


def examples(
    inputs: NDArray[np.float32],
    code_maps: NDArray[np.int64],
    num_codes: int,
    *,
    reconstructions: NDArray[np.float32] | None = None,
    captions: list[str] | None = None,
    right: list[bool] | None = None,
    chosen: NDArray[np.bool_] | None = None,
    pins: Mapping[int, int] | None = None,
) -> dict[str, Any]:
    """Rows of B pictures: inputs (B, C, H, W) in ±1, reconstructions alike, code maps (B, h, w).

    Captions stand under each column, coloured by `right` if given, for a classifier's answers.
    Cells that are `chosen`, (B, h, w), are outlined in every row, and the others fade in the code maps; those of
    pinned codes get a frame in the colour of the pin's place.
    """
    given = _sheet([pictures(inputs)])
    rows = [] if reconstructions is None else [pictures(reconstructions)]
    made = _sheet([*rows, coloured(code_maps, num_codes, chosen)])
    names = ["input", "decoded", "codes"] if reconstructions is not None else ["input", "codes"]
    pitch = TILE + SPACE
    height, width = pitch + made.shape[0], made.shape[1]
    labels = [_row_label(name, order * pitch + TILE / 2) for order, name in enumerate(names)]
    if captions is not None:
        labels += [_caption(text, i, height, right[i] if right else None) for i, text in enumerate(captions)]
    bottom = height + LINE * max((1 + text.count("<br>") for text in captions or ()), default=0)
    return {
        "data": [
            # Two pictures: the inputs stay the same, and what has not changed is not sent again.
            {"type": "image", "source": _png_again(given.tobytes(), given.shape), "hoverinfo": "skip"},
            {"type": "image", "source": png(made), "y0": pitch, "hoverinfo": "skip"},
            *_cells(code_maps, (len(names) - 1) * pitch, pins or {}),
            *_outlines(chosen, len(names)),
        ],
        "layout": layout(
            xaxis=axis(visible=False, range=[0, width], constrain="domain", fixedrange=True),
            yaxis=axis(visible=False, range=[bottom, 0], scaleanchor="x", constrain="domain", fixedrange=True),
            annotations=labels,
            margin={"l": 58, "r": 4, "t": 2, "b": 2},
            dragmode=False,
            hoverdistance=TILE,
        ),
        "alt": f"{len(inputs)} held-out inputs with {', '.join(names[1:])} below each.",
    }


@lru_cache(maxsize=4)
def code_colours(num_codes: int) -> Bytes:
    """One colour per code, (K, 3): hues a golden ratio apart at three lightnesses, so that neighbours differ."""
    colours = [
        colorsys.hls_to_rgb((code * 0.618034) % 1, (0.40, 0.58, 0.74)[code % 3], 0.62) for code in range(num_codes)
    ]
    return (255 * np.asarray(colours)).round().astype(np.uint8)


def pictures(images: NDArray[np.float32]) -> Bytes:
    """Images (B, C, H, W) in ±1 as bytes (B, H, W, 3)."""
    shown = np.nan_to_num((images.clip(-1, 1) + 1) * 127.5).round().astype(np.uint8)
    shown = np.repeat(shown, 3, axis=1) if shown.shape[1] == 1 else shown
    return shown.transpose(0, 2, 3, 1)  # (B, H, W, 3)


def coloured(code_maps: NDArray[np.int64], num_codes: int, chosen: NDArray[np.bool_] | None) -> Bytes:
    """Code maps (B, h, w) as bytes (B, h, w, 4); cells that are not `chosen` fade."""
    colours = np.concatenate([code_colours(num_codes), np.full((num_codes, 1), 255, np.uint8)], 1)[code_maps]
    if chosen is not None:
        colours[~chosen, 3] = FADED
    return colours  # (B, h, w, 4)


def pointed_cells(code_maps: NDArray[np.int64], *, top: int, left: int = 0) -> dict[str, Any]:
    """Hover targets: the middle of every cell with its code."""
    count, height, width = code_maps.shape
    columns = left + (np.arange(width) + 0.5) * TILE / width + (np.arange(count) * (TILE + SPACE))[:, None, None]
    lines = top + (np.arange(height) + 0.5)[:, None] * TILE / height
    x, y = (np.broadcast_to(places, code_maps.shape).ravel() for places in (columns, lines))
    # One invisible line through all cells: a marker for each would be hundreds of nodes to draw at every refresh.
    return {
        "type": "scatter",
        "mode": "lines",
        "line": {"width": 0},
        "x": x,
        "y": y,
        "customdata": code_maps.ravel(),
        "meta": {"role": "Q"},
        "hovertemplate": "code %{customdata}<extra></extra>",
    }


def _cells(code_maps: NDArray[np.int64], top: int, pins: Mapping[int, int]) -> list[dict[str, Any]]:
    """What a pointer finds, and frames around the cells of pinned codes."""
    cells, height = pointed_cells(code_maps, top=top), code_maps.shape[1]
    x, y, codes = cells["x"], cells["y"], cells["customdata"]
    frames = [
        {
            "type": "scatter",
            "mode": "markers",
            "x": x[codes == code],
            "y": y[codes == code],
            "marker": {
                "symbol": "square-open",
                "size": 72 / height,
                "color": role(f"pin{place}"),
                "line": {"width": 2, "color": role(f"pin{place}")},
            },
            "hoverinfo": "skip",
        }
        for code, place in pins.items()
    ]
    return [cells, *frames]


def _outlines(chosen: NDArray[np.bool_] | None, rows: int) -> list[dict[str, Any]]:
    """Lines around the chosen places of every picture, light on dark: seen on whatever lies below."""
    if chosen is None or not chosen.any():
        return []
    pitch = TILE + SPACE
    around = [outline(places) for places in chosen]
    return outline_traces(
        np.concatenate(
            [
                lines + np.array([column * pitch, row * pitch])
                for row in range(rows)
                for column, lines in enumerate(around)
            ]
        )
    )


def outline(chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(3n, 2) lines around the chosen cells (h, w) of a picture, as x and y on its tile, each with a gap after it."""
    height, width = chosen.shape
    padded = np.pad(chosen, 1)
    across = _runs(padded[:-1, 1:-1] != padded[1:, 1:-1])  # an edge lies above a cell, or below one
    down = _runs((padded[1:-1, :-1] != padded[1:-1, 1:]).T)[:, :, ::-1]
    ends = np.concatenate([across, down]).astype(np.float64)
    lines = np.concatenate([ends, np.full_like(ends[:, :1], np.nan)], 1).reshape(-1, 2)
    return np.asarray(lines * [TILE / width, TILE / height])


def _runs(edges: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(n, 2, 2) the ends of each unbroken run of edges along the rows, as column and row."""
    changes = np.diff(np.pad(edges, ((0, 0), (1, 1))).astype(np.int8))
    ends = [np.argwhere(changes == step)[:, ::-1] for step in (1, -1)]
    return np.stack(ends, 1)


def outline_traces(lines: NDArray[np.float64]) -> list[dict[str, Any]]:
    """`lines` twice: broad in the colour of the page, thin in that of words."""
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": lines[:, 0],
            "y": lines[:, 1],
            "line": {"color": role(name), "width": width},
            "hoverinfo": "skip",
        }
        for name, width in (("background", 3.5), ("text", 1.5))
    ]


def _sheet(rows: list[Bytes]) -> Bytes:
    """All pictures on one transparent sheet, (height, width, 4)."""
    count = len(rows[0])
    pitch = TILE + SPACE
    sheet = np.zeros((len(rows) * pitch - SPACE, count * pitch - SPACE, 4), dtype=np.uint8)
    for order, row in enumerate(rows):
        for column, picture in enumerate(row):
            top, left = order * pitch, column * pitch
            sheet[top : top + TILE, left : left + TILE] = enlarged(picture)
    return sheet


def enlarged(picture: Bytes) -> Bytes:
    """A picture (height, width, 3 or 4) as a whole tile, (TILE, TILE, 4): its pixels sharp, or means of too many."""
    how = Image.Resampling.BOX if max(picture.shape[:2]) > TILE else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(picture).resize((TILE, TILE), how).convert("RGBA"))


def png(sheet: Bytes) -> str:
    """A picture (height, width, 3 or 4) as a data URL."""
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, format="png", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


@lru_cache(maxsize=32)
def _png_again(pixels: bytes, shape: tuple[int, ...]) -> str:
    return png(np.frombuffer(pixels, np.uint8).reshape(shape))


def _row_label(text: str, y: float) -> dict[str, Any]:
    return {
        "xref": "paper",
        "x": 0,
        "xanchor": "right",
        "xshift": -6,
        "y": y,
        "text": text,
        "showarrow": False,
        "font": {"size": 11, "color": role("muted")},
    }


def _caption(text: str, column: int, height: int, right: bool | None) -> dict[str, Any]:
    colour = role("muted") if right is None else role("good" if right else "bad")
    sign = "" if right is None else "✓ " if right else "✗ "
    return {
        "x": column * (TILE + SPACE) + TILE / 2,
        "y": height,
        "yanchor": "top",
        "text": sign + text,
        "showarrow": False,
        "font": {"size": 12, "color": colour},
    }
