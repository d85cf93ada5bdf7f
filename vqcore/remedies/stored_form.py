"""From code vectors as the search sees them back to the tensors of a file and the averages kept with them."""

# K codes, D features, H heads

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vqcore.checkpoints.axes import EPS
from vqcore.checkpoints.contents import Codebook, Transform
from vqcore.checkpoints.effective import TRANSFORMS, Known
from vqcore.checkpoints.keys import stripped
from vqcore.checkpoints.modules import Module
from vqcore.checkpoints.search_order import Vectors
from vqcore.checkpoints.usage import COUNTDOWN, EMA_HITS, EMA_SHARES, LARGEST, STEPS_UNUSED
from vqcore.files.changed_values import Edits, Place
from vqcore.files.errors import CheckpointError, shown
from vqcore.files.tensors import StoredArray
from vqcore.remedies.moves import Mask

Floats = NDArray[np.float64]

IMPLICIT: Mapping[Transform, str] = {
    "code transform": "the image of a frozen table under a learned transform",
    "projected": "the image of its table under a learned matrix",
    "table only": "what a network makes of its table",
}
"""Codebooks that are not stored: there is no tensor to write in order to change one code."""

SUMS = ("embed_avg", "embed_ema", "_ema_w", "z_avg")
"""Moving sums of assigned vectors, one row per code, from which the next training step computes the codebook."""

AVERAGES = (EMA_HITS.name, EMA_SHARES.name)

FLAGS = ("inited", "initted", "_initialized", "initialized", "data_initialized")


def edit_(
    edits: Edits, book: Codebook, table: Vectors, moved: Mask, known: Known | None = None, *, keep_usage: bool
) -> None:
    """Add to `edits` what makes the search see the rows of `table` (K, D) at the `moved` codes (K,).

    Moving sums become those rows times the code's size; unless `keep_usage`, a moved code's size is set to the mean
    of all, as if it had been used as often as the average, and what counts its disuse starts again.

    Raises:
        CheckpointError: if the codebook is not stored as such, or is not initialized yet.
    """
    _refuse_what_cannot_be_written(book)
    sizes = np.ones(book.num_codes)
    for statistic in book.usage:
        if statistic.meaning.name in AVERAGES:
            _refuse_what_spoils(book, statistic.array)
        values = _values(edits, book, statistic.array)
        codes = values[statistic.cut].reshape(-1)[: book.num_codes]
        if not keep_usage:
            _restart_usage(statistic.meaning.name, codes, moved)
        if statistic.meaning.name == EMA_HITS.name:
            sizes = codes.astype(np.float64)
    rows: Floats = _stored_rows(book, table, moved, known or Known())
    if book.transform == "sum over usage":
        rows = table.astype(np.float64) * np.maximum(sizes, EPS)[:, None]
    _put(edits, book, book.array, rows, moved)
    velocity = _beside(book.owner, "inner_velocity", book)
    if velocity is not None:  # of our own layers: a moved code starts from rest
        _put(edits, book, velocity, np.zeros_like(rows), moved)
    sums = _sums(book)
    if sums is not None:
        smoothed = (sizes + EPS) / (sizes.sum() + len(sizes) * EPS) * sizes.sum()
        _put(edits, book, sums, rows * smoothed[:, None], moved)


def _put(edits: Edits, book: Codebook, array: StoredArray, rows: Floats, moved: Mask) -> None:
    """Change the `moved` rows of `array`, which is laid out as the table of `book` is.

    Raises:
        CheckpointError: for numbers that its dtype cannot hold.
    """
    if array.is_float and not (np.abs(rows[moved]) <= torch.finfo(getattr(torch, array.dtype)).max).all():
        raise CheckpointError(
            f"`{shown(array.key)}` cannot hold the repaired codes: {array.dtype} ends before them. Restart the codes "
            "in training."
        )
    _rows_of(book, _values(edits, book, array))[moved] = rows[moved]


def _refuse_what_spoils(book: Codebook, array: StoredArray) -> None:
    """Counts from which the next training step would compute every code."""
    if array.is_float or array.is_whole:
        values = array.read()
        if ((values >= 0) & (values <= LARGEST)).all():
            return
    raise CheckpointError(
        f"`{book.label}` cannot be repaired: the counts beside it, {shown(array.key)}, are not all finite numbers "
        "from 0. Start them again in training."
    )


def _refuse_what_cannot_be_written(book: Codebook) -> None:
    if book.transform in IMPLICIT:
        raise CheckpointError(
            f"`{book.label}` cannot be repaired: the codebook of {book.layout} is {IMPLICIT[book.transform]}, so no "
            "tensor holds a code that could be moved. Restart the codes in training."
        )
    for module in (_module_of(book), book.owner):
        for flag in FLAGS:
            array = module.get(flag)
            if array is not None and array.size <= book.num_codes and not array.read().all():
                raise CheckpointError(
                    f"`{book.label}` is not initialized yet, as {shown(array.key)} says: the first training step "
                    "would overwrite a repair. Train one step first."
                )


def _restart_usage(name: str, codes: NDArray[Any], moved: Mask) -> None:
    """Write into `codes` (K,), a statistic by the name of its meaning."""
    if name in AVERAGES:
        codes[moved] = codes.mean(dtype=np.float64) or 1
    elif name == COUNTDOWN.name:
        codes[moved] = codes.max()
    elif name == STEPS_UNUSED.name:
        codes[moved] = 0


def _stored_rows(book: Codebook, table: Vectors, moved: Mask, known: Known) -> Floats:
    """The rows (K, D) that the layout's own formula turns into `table`.

    In every layout that can be written the formula is c = s·e + b in each feature, apart from norms, which leave unit
    vectors as they are. Two probe tables give s and b.
    """
    if book.transform == "unit length":  # the decoder gets the rows at the length they are stored
        kept = np.linalg.norm(book.raw()[~moved].astype(np.float64), axis=1)
        return table.astype(np.float64) * (np.median(kept) if len(kept) else 1)
    if book.transform in ("unit length by default", "sum over usage"):
        return table.astype(np.float64)
    if known.options is not None:
        known = known._replace(options=replace(known.options, codebook_norm="none"))
    transform = TRANSFORMS[book.transform]
    shift = transform(book, np.zeros(table.shape), known).vectors
    scale = transform(book, np.ones(table.shape), known).vectors - shift
    return np.asarray((table - shift) / np.where(scale == 0, 1, scale))


def _values(edits: Edits, book: Codebook, array: StoredArray) -> NDArray[Any]:
    """The values of `array`, for writing."""
    place = Place(book.container, array.key)
    if place not in edits:
        edits[place] = np.array(array.read(is_codebook=True))
    return edits[place]


def _rows_of(book: Codebook, values: NDArray[Any]) -> NDArray[Any]:
    """A view (K, D) of the codes of `book` in `values`, its tensor's or one's of the same layout."""
    if book.cut.head is not None:
        values = values[:, book.cut.head] if book.cut.codes_first else values[book.cut.head]
    values = values.T if book.axis == "D,K" else values
    return values[book.cut.start : book.cut.stop]


def _sums(book: Codebook) -> StoredArray | None:
    module = _module_of(book)
    found = (_beside(where, name, book) for where in (module, module.up) for name in SUMS)
    return next((array for array in found if array is not None and array.key != book.key), None)


def _beside(module: Module, name: str, book: Codebook) -> StoredArray | None:
    """The tensor of that name, if it is laid out as the table of `book` is; padding may be missing."""
    *stack, _, columns = book.array.shape
    array = module.get(name)
    fits = (
        array is not None and array.is_float and array.shape in (book.array.shape, (*stack, book.cut.stop, columns))
    )
    return array if fits else None


def _module_of(book: Codebook) -> Module:
    """The module that holds the table itself: for `quantize.embedding.weight` it is `quantize.embedding`."""
    tree = book.owner.tree
    name = book.key if tree.get(book.key) is not None else stripped(book.key)
    return tree.module(name.rpartition(".")[0])
