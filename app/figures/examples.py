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
UNCHOSEN = (0x8C, 0x96, 0xA3, 0x60)
"""Colour of a cell that is not chosen: a translucent grey for light and dark pages."""

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
    Cells of the code maps that are not `chosen`, (B, h, w), turn grey; those of pinned codes get a frame in the
    colour of the pin's place.
    """
    rows = [pictures(inputs)]
    if reconstructions is not None:
        rows.append(pictures(reconstructions))
    rows.append(_coloured(code_maps, num_codes, chosen))
    names = ["input", "decoded", "codes"] if reconstructions is not None else ["input", "codes"]
    sheet = _sheet(rows)
    height, width = sheet.shape[:2]
    pitch = TILE + SPACE
    labels = [_row_label(name, order * pitch + TILE / 2) for order, name in enumerate(names)]
    if captions is not None:
        labels += [_caption(text, i, height, right[i] if right else None) for i, text in enumerate(captions)]
    bottom = height + (3 * SPACE if captions is not None else 0)
    return {
        "data": [
            {"type": "image", "source": png(sheet), "hoverinfo": "skip"},
            *_cells(code_maps, (len(rows) - 1) * pitch, pins or {}),
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


def _coloured(code_maps: NDArray[np.int64], num_codes: int, chosen: NDArray[np.bool_] | None) -> Bytes:
    colours = np.concatenate([code_colours(num_codes), np.full((num_codes, 1), 255, np.uint8)], 1)[code_maps]
    if chosen is not None:
        colours[~chosen] = UNCHOSEN
    return colours  # (B, h, w, 4)


def _cells(code_maps: NDArray[np.int64], top: int, pins: Mapping[int, int]) -> list[dict[str, Any]]:
    """Hover targets: the middle of every cell with its code, and frames around the cells of pinned codes."""
    count, height, width = code_maps.shape
    columns = (np.arange(width) + 0.5) * TILE / width + (np.arange(count) * (TILE + SPACE))[:, None, None]
    lines = top + (np.arange(height) + 0.5)[:, None] * TILE / height
    x, y = (np.broadcast_to(places, code_maps.shape).ravel() for places in (columns, lines))
    codes = code_maps.ravel()
    # One invisible line through all cells: a marker for each would be hundreds of nodes to draw at every refresh.
    cells = {
        "type": "scatter",
        "mode": "lines",
        "line": {"width": 0},
        "x": x,
        "y": y,
        "customdata": codes,
        "meta": {"role": "Q"},
        "hovertemplate": "code %{customdata}<extra></extra>",
    }
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


def _sheet(rows: list[Bytes]) -> Bytes:
    """All pictures on one transparent sheet, (height, width, 4)."""
    count = len(rows[0])
    pitch = TILE + SPACE
    sheet = np.zeros((len(rows) * pitch - SPACE, count * pitch - SPACE, 4), dtype=np.uint8)
    for order, row in enumerate(rows):
        for column, picture in enumerate(row):
            enlarged = picture.repeat(TILE // len(picture), 0).repeat(TILE // picture.shape[1], 1)
            top, left = order * pitch, column * pitch
            sheet[top : top + TILE, left : left + TILE, 3] = 255
            sheet[top : top + TILE, left : left + TILE, : enlarged.shape[2]] = enlarged
    return sheet


def png(sheet: Bytes) -> str:
    """A picture (height, width, 3 or 4) as a data URL."""
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, format="png", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


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
    return {
        "x": column * (TILE + SPACE) + TILE / 2,
        "y": height,
        "yanchor": "top",
        "text": text,
        "showarrow": False,
        "font": {"size": 12, "color": colour},
    }
