"""Codes by time: how often each code was used in each span of steps, so that collapse and revival show as bands."""

# K codes, C spans of steps, R drawn rows

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.figures.curves import cursor_line, marker_line, steps_end
from app.theme import axis, layout, role

RowOrder = Literal["by birth", "by usage now"]

MOST_ROWS = 128
"""Most rows; more codes than this are drawn several to a row. A cell is a byte, and the chart 200 pixels high."""

MOST_SPANS = 128
"""Most columns; more spans than this are drawn several to a column."""

SHADES = 250
"""Steps of the colour scale, which fit one byte a cell; 0 is dead."""

DEAD_SHARE = 0.1
"""Share of the colour bar's height below the scale."""


def usage_map(
    counts: NDArray[np.float32],
    first_step: NDArray[np.int64],
    last_step: NDArray[np.int64],
    born: NDArray[np.int64],
    now: NDArray[np.int64],
    *,
    order: RowOrder,
    marks: Sequence[int],
    cursor: int | None = None,
) -> dict[str, Any]:
    """Use of each code relative to even use, on a log scale.

    Args:
        counts: (C, K) assignments in each span.
        first_step: (C,) of each span.
        last_step: (C,) likewise.
        born: (K,) step at which each code was first used; −1: never.
        now: (K,) how often the held-out vectors use each code at the newest step.
        order: which codes come first, at the top: those used earliest, or those used most now.
        marks: steps at which switches were thrown.
        cursor: the step that the rest of the page shows, if not the newest.
    """
    counts, first_step, last_step = _fewer_spans(counts, first_step, last_step)
    edges = np.append(first_step, last_step[-1:] + 1) - 0.5
    num_codes = counts.shape[1]
    per_row = rows_per(num_codes)
    index = row_order(born, now, order)
    shares = counts.T[index] * (num_codes / np.maximum(counts.sum(1), 1))  # (K, C) beside even use
    starts = np.arange(0, num_codes, per_row)
    shown = _sums(shares, per_row) / _sums(np.ones(num_codes), per_row)[:, None]  # (R, C)
    low, high = _decades(shown, num_codes)
    with np.errstate(divide="ignore"):
        level = np.clip((np.log10(shown) - low) / (high - low), 0, 1)
    cells = np.where(shown > 0, 1 + np.round(level * (SHADES - 1)), 0).astype(np.uint8)
    dead = int((now == 0).sum())
    steps = int(last_step[-1]) if len(last_step) else 0
    alt = f"Use of {num_codes} codes through {steps} steps; {dead} not in use now."
    heat = {
        "type": "heatmap",
        "z": cells,
        "x": edges,
        "y": [_codes(index[start : start + per_row]) for start in starts.tolist()],
        "zmin": -SHADES * DEAD_SHARE,
        "zmax": SHADES,
        "colorscale": _colours(-low / (high - low)),
        "colorbar": _colour_bar(low, high),
        "meta": {
            "logCells": {"low": low, "high": high, "shades": SHADES, "zero": "unused", "unit": "× even use"},
            "rowOf": np.argsort(index) // per_row,  # (K,) the row that each code is drawn in
        },
        "hovertemplate": "%{y}<br>step %{x:.0f}<extra></extra>",
    }
    figure_layout = layout(
        xaxis=axis("step", showgrid=False, range=[0.5, steps_end(steps) + 0.5]),
        yaxis=axis(_row_title(order), type="category", autorange="reversed", showticklabels=False, showgrid=False),
        margin={"l": 26, "r": 16, "t": 8, "b": 38, "pad": 2},
        dragmode="zoom",
    )
    figure_layout["shapes"] = [marker_line(step) for step in marks]
    figure_layout["shapes"] += [cursor_line(cursor)] if cursor is not None else []
    return {"data": [heat] if len(counts) else [], "layout": figure_layout, "alt": alt}


def _fewer_spans(
    counts: NDArray[np.float32], first_step: NDArray[np.int64], last_step: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """The same use in at most `MOST_SPANS` spans, each of as many of the given ones but the last."""
    run = -(-len(counts) // MOST_SPANS)
    if run <= 1:
        return counts, first_step, last_step
    starts = np.arange(0, len(counts), run)
    ends = np.append(starts[1:], len(counts)) - 1
    return _sums(counts, run), first_step[starts], last_step[ends]


def _sums(rows: NDArray[Any], run: int) -> NDArray[Any]:
    """Sums of every `run` of the rows, the last of those that remain; `reduceat` takes several times as long."""
    whole = len(rows) - len(rows) % run
    sums = rows[:whole].reshape(whole // run, run, *rows.shape[1:]).sum(1)
    return sums if whole == len(rows) else np.concatenate([sums, rows[whole:].sum(0, keepdims=True)])


def rows_per(num_codes: int) -> int:
    """How many codes one drawn row stands for."""
    return -(-num_codes // MOST_ROWS)


def row_order(born: NDArray[np.int64], now: NDArray[np.int64], order: RowOrder) -> NDArray[np.int64]:
    """The codes from the top down; those never used are last."""
    birth = np.where(born >= 0, born, np.iinfo(np.int64).max)
    return np.lexsort((birth, -now)) if order == "by usage now" else np.argsort(birth, kind="stable")


def _row_title(order: RowOrder) -> str:
    return "code, first used on top" if order == "by birth" else "code, most used now on top"


def _codes(index: NDArray[np.int64]) -> str:
    codes = index.tolist()
    return f"code {codes[0]}" if len(codes) == 1 else f"codes {codes[0]} … {codes[-1]}, {len(codes)} together"


def _decades(shown: NDArray[Any], num_codes: int) -> tuple[float, float]:
    """Powers of ten at the ends of the scale: a whole one, so that colours do not move at every refresh, and K."""
    used = shown[shown > 0]
    low = float(np.floor(np.log10(used.min()))) if used.size else -1.0
    return min(-1.0, low), max(1.0, float(np.log10(num_codes)))


def _colours(even: float) -> list[list[Any]]:
    """The dead colour, and above it a scale from faint to strong; `even` is the share of it below even use."""
    start = (SHADES * DEAD_SHARE + 0.5) / (SHADES * (1 + DEAD_SHARE))
    return [
        [0, role("dead", 0.35)],
        [start, role("dead", 0.35)],
        [start, role("Q", 0.12)],
        [start + even * (1 - start), role("Q", 0.8)],
        [start + (1 + even) / 2 * (1 - start), role("Q")],
        [1, role("text")],
    ]


def _colour_bar(low: float, high: float) -> dict[str, Any]:
    # The scale's low end stands at the word *unused*, where a chart is low for its own number.
    powers = np.arange(low + 1, high + 1)
    places = 1 + (powers - low) / (high - low) * (SHADES - 1)
    return {
        "title": {"text": "× even use", "side": "right", "font": {"size": 11, "color": role("muted")}},
        "tickmode": "array",
        "tickvals": [-SHADES * DEAD_SHARE / 2, *places.tolist()],
        "ticktext": ["unused", *(f"{10.0**power:g}" for power in powers)],
        "tickfont": {"size": 11, "color": role("muted")},
        "thickness": 10,
        "outlinewidth": 0,
        "len": 1,
        "xpad": 4,
        "ypad": 0,
    }
