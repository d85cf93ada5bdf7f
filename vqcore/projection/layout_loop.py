"""UMAP's layout loop for pictures in the plane: stochastic gradient descent on the edges of its graph.

The same samples in the same order as `umap.layouts.optimize_layout_euclidean`, with which a test compares it, in
a small part of its time: two dimensions written out, single precision, no division of whole numbers, and pull and
push looked up in tables, since each push waits for the one before it and powers are slow. And it can be
watched and stopped between epochs.
"""

# N points, E edges, T cells of a table

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

EPOCHS_AT_ONCE = 5
"""Seconds between two checks whether to go on."""

NEGATIVE_SAMPLES = 5
STEP_LIMIT = np.float32(4)
SOFTENING = 0.001  # keeps the push between points that coincide finite

LOWEST, HIGHEST = -30, 24
"""Powers of two between which the tables hold squared distances; beyond, the force at the end is used."""

CELL_BITS = 6
"""Each doubling of the squared distance is split into 2⁶ cells: a parabola in each is exact to single precision."""

_CELL_SHIFT = np.int32(23 - CELL_BITS)  # a float32 has 23 bits of fraction below its exponent
_CELL_START = np.int32(-1 << (23 - CELL_BITS))
_FIRST_CELL = np.int32((LOWEST + 127) << CELL_BITS)
_NEAREST, _FURTHEST = np.float32(2.0**LOWEST), np.nextafter(np.float32(2.0**HIGHEST), np.float32(0))


def optimize_layout(
    graph: Any,
    start: Float32,
    *,
    curve: tuple[float, float],
    n_epochs: int,
    rate: float,
    seed: int,
    on_epochs: Callable[[int], None],
) -> Float32:
    """The layout that `n_epochs` of descent reach from `start` (N, 2), (N, 2).

    Args:
        graph: UMAP's weighted graph in scipy's COO form, (N, N), without zeros; an edge of full weight is
            visited in every epoch, others in proportion.
        start: Left as it is.
        curve: UMAP's a and b: likeness in the picture is 1 / (1 + a·d^2b).
        n_epochs: How many.
        rate: Learning rate in the first epoch; it falls linearly to zero.
        seed: Seed of the negative samples.
        on_epochs: Called every few epochs with how many are done; an exception from it ends the descent.
    """
    layout = np.array(start, dtype=np.float32, order="C")
    period = graph.data.max() / graph.data.astype(np.float64)  # (E,) epochs between two visits
    push_period = period / NEGATIVE_SAMPLES
    due, push_due = period.copy(), push_period.copy()
    random = _random_states(layout, seed)
    head, tail = graph.row.astype(np.int32), graph.col.astype(np.int32)
    pulls, pushes = _forces(*curve)
    for first in range(0, n_epochs, EPOCHS_AT_ONCE):
        epochs = np.arange(first, min(first + EPOCHS_AT_ONCE, n_epochs))
        rates = (rate * (1 - np.maximum(epochs - 1, 0) / n_epochs)).astype(np.float32)
        _descend(layout, head, tail, period, due, push_period, push_due, random, pulls, pushes, first, rates)
        on_epochs(first + len(epochs))
    return layout


def _random_states(layout: Float32, seed: int) -> NDArray[np.int64]:
    """(N, 3) one generator per point, seeded as in UMAP."""
    limits = np.iinfo(np.int32)
    drawn = np.random.RandomState(seed).randint(limits.min + 1, limits.max - 1, 3).astype(np.int64)
    return np.asarray(drawn + layout[:, 0].astype(np.float64).view(np.int64)[:, None])


def _forces(a: float, b: float) -> tuple[Float32, Float32]:
    """Pull along an edge and push between a sampled pair by their squared distance, as tables for `_at`, (T, 3)."""
    return (
        _table(lambda squared: -2 * a * b * squared ** (b - 1) / (a * squared**b + 1)),
        _table(lambda squared: 2 * b / ((SOFTENING + squared) * (a * squared**b + 1))),
    )


def _table(force: Callable[[Float64], Float64]) -> Float32:
    """For each cell the parabola through its ends and its middle, as a function of the way from its start, (T, 3)."""
    cells = np.arange((HIGHEST - LOWEST << CELL_BITS) + 1, dtype=np.int32)
    ends = ((cells + _FIRST_CELL) << _CELL_SHIFT).view(np.float32).astype(np.float64)
    width = np.diff(ends)
    start, middle, end = force(ends[:-1]), force(ends[:-1] + width / 2), force(ends[1:])
    slope, bend = (4 * middle - 3 * start - end) / width, 2 * (start - 2 * middle + end) / width**2
    return np.stack([start, slope, bend], axis=1).astype(np.float32)


@numba.njit(inline="always")
def _at(squared: np.float32, table: Float32) -> np.float32:
    within = squared if squared > _NEAREST else _NEAREST
    within = within if within < _FURTHEST else _FURTHEST
    bits = np.float32(within).view(np.int32)
    cell = (bits >> _CELL_SHIFT) - _FIRST_CELL
    way = within - np.int32(bits & _CELL_START).view(np.float32)
    return np.float32(table[cell, 0] + way * (table[cell, 1] + way * table[cell, 2]))


@numba.njit(inline="always")
def _bounded(step: np.float32) -> np.float32:
    if step > STEP_LIMIT:
        return STEP_LIMIT
    return -STEP_LIMIT if step < -STEP_LIMIT else step


@numba.njit(inline="always")
def _draw(random: NDArray[np.int64]) -> np.int32:
    """A 32-bit number; UMAP's Tausworthe generator, on three words."""
    low = 0xFFFFFFFF
    random[0] = (((random[0] & 4294967294) << 12) & low) ^ ((((random[0] << 13) & low) ^ random[0]) >> 19)
    random[1] = (((random[1] & 4294967288) << 4) & low) ^ ((((random[1] << 2) & low) ^ random[1]) >> 25)
    random[2] = (((random[2] & 4294967280) << 17) & low) ^ ((((random[2] << 3) & low) ^ random[2]) >> 11)
    return np.int32(random[0] ^ random[1] ^ random[2])


@numba.njit(inline="always")
def _remainder(number: np.int32, count: int, reciprocal: int, shift: int) -> np.int64:
    """`number` modulo `count` with `reciprocal` = ⌊2^shift / count⌋ + 1: division would take longer than all else."""
    wide = np.int64(number)
    sign = wide >> 63  # 0, or −1 below zero; there −1 − n takes the place of n, which keeps 31 bits enough
    size = wide ^ sign
    rest = size - ((size * reciprocal) >> shift) * count
    return (rest ^ sign) + (count & sign)


@numba.njit(fastmath=True, nogil=True)
def _descend(  # one argument an array: numba takes no objects
    layout: Float32,
    head: NDArray[np.int32],
    tail: NDArray[np.int32],
    period: NDArray[np.float64],
    due: NDArray[np.float64],
    push_period: NDArray[np.float64],
    push_due: NDArray[np.float64],
    random: NDArray[np.int64],
    pulls: Float32,
    pushes: Float32,
    first: int,
    rates: Float32,
) -> None:
    count = len(layout)
    shift = 31 + math.ceil(math.log2(count))  # exact for 31 bits, and the product fits 63
    reciprocal = (1 << shift) // count + 1
    for order in range(len(rates)):
        epoch, rate = first + order, rates[order]
        for edge in range(len(head)):
            if due[edge] > epoch:
                continue
            point, other = head[edge], tail[edge]
            x, y = layout[point, 0], layout[point, 1]
            dx, dy = x - layout[other, 0], y - layout[other, 1]
            squared = dx * dx + dy * dy
            if squared > 0:
                pull = _at(squared, pulls)
                step_x, step_y = _bounded(pull * dx) * rate, _bounded(pull * dy) * rate
                x += step_x
                y += step_y
                layout[other, 0] -= step_x
                layout[other, 1] -= step_y
            due[edge] += period[edge]
            times = math.floor((epoch - push_due[edge]) / push_period[edge])
            for _ in range(times):
                other = _remainder(_draw(random[point]), count, reciprocal, shift)
                dx, dy = x - layout[other, 0], y - layout[other, 1]
                squared = dx * dx + dy * dy
                if other == point or squared == 0:
                    continue
                push = _at(squared, pushes)
                x += _bounded(push * dx) * rate
                y += _bounded(push * dy) * rate
            layout[point, 0], layout[point, 1] = x, y
            push_due[edge] += times * push_period[edge]
