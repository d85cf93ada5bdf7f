"""A repaired copy of a checkpoint: new code vectors, and every other tensor unchanged."""

# K codes, D features

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vqcore.checkpoints.contents import Codebook
from vqcore.checkpoints.effective import effective
from vqcore.checkpoints.modules import Tree
from vqcore.checkpoints.order_in_file import quantizers_of
from vqcore.checkpoints.reader import Checkpoint
from vqcore.files.changed_copy import check_target, write_copy
from vqcore.files.changed_values import Edits, Place
from vqcore.files.containers import NO_WEIGHTS, state_dicts
from vqcore.files.errors import CheckpointError, shown
from vqcore.files.opening import open_contents
from vqcore.remedies.halves import LatentSource
from vqcore.remedies.moves import Remedy
from vqcore.remedies.stored_form import edit_
from vqcore.remedies.what_if import Outcome, WhatIf, what_if

TOLERANCE = {"float64": 1e-5, "float32": 1e-5, "float16": 2e-3, "bfloat16": 2e-2}
WRITING_SHARE = 0.9
"""Share of a repair that is done before its copy is written."""

WORST = 0.1
"""How far off a vector may be that was read back, in the largest value of the codebook: by rounding to the dtype of
the file, and a little more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Repaired:
    """What was written, and its effect on latents that it was not fitted to."""

    path: Path
    remedy: Remedy
    before: Outcome
    after: Outcome
    moved_codes: tuple[int, ...]
    """How many codes moved, by codebook."""

    changed: tuple[Place, ...]
    """The tensors whose values differ from the source."""

    foretold: WhatIf
    """How many vectors this is based on."""

    left: tuple[str, ...]
    """Sentences on what in the file still describes the old codebook."""


def repair(
    checkpoint: Checkpoint,
    out: str | Path,
    latents: LatentSource | NDArray[np.floating],
    *,
    remedy: Remedy = "restart",
    codebooks: Sequence[Codebook] | None = None,
    force: bool = False,
    seed: int = 0,
    progress: Callable[[str, float], None] | None = None,
) -> Repaired:
    """Write `checkpoint` to `out` with one quantizer's codebooks after `remedy`, in the same format.

    Only the codebooks change, the moving averages from which the next step would make them again, what counts their
    disuse, and the averaged copies of the weights that hold them too. The source is only read.

    Args:
        checkpoint: from `reader.open_checkpoint`.
        out: a new file; with `force` it may exist, but never be the source.
        latents: the inputs of the quantizer, as for `what_if`.
        remedy: which.
        codebooks: one of `arranging.quantizers_of`, if the file has several.
        force: whether `out` may be overwritten, and a copy written that is worse than its source.
        seed: of the sampling and the remedy.
        progress: as for `what_if`, and told before the copy is written, which then is written whole.

    Raises:
        CheckpointError: one sentence, if the repair cannot be written back faithfully or is not worth writing; `out`
            is as it was then.
    """
    out = Path(out)
    check_target(checkpoint.path, out, force=force)
    books = only_quantizer(checkpoint) if codebooks is None else tuple(codebooks)
    foretold = what_if(books, latents, remedies=[remedy], known=checkpoint.known, seed=seed, progress=progress)
    if remedy in foretold.unsuited:
        raise CheckpointError(
            f"`{books[0].label}` cannot be treated by {remedy}: {foretold.unsuited[remedy]}. Try another remedy."
        )
    if not foretold.enough and remedy != "align":
        raise CheckpointError(
            f"`latents` are too few to tell which codes are dead: {foretold.num_fit:,} to fit on, for "
            f"{max(book.num_codes for book in books):,} codes. Give at least eight for each code."
        )
    after = foretold.after[remedy]
    if not any(moved.any() for moved in after.moved):
        raise CheckpointError(
            f"`{books[0].label}` has no dead code on these latents, so {remedy} has nothing to do. Keep it as it is."
        )
    if after.error > foretold.before.error and not force:
        raise CheckpointError(
            f"{remedy} would do harm: on latents that it was not fitted to, the error goes from "
            f"{foretold.before.error:.4g} to {after.error:.4g}. Nothing was written. Add --force to write it all the "
            "same."
        )
    if progress is not None:
        progress(f"writing a copy after {remedy}", WRITING_SHARE)
    edits: Edits = {}
    written = []
    for book, table, moved in zip(books, after.tables, after.moved, strict=True):
        if not moved.any():  # another level's codes did
            continue
        for one in (book, *_averages_of(book, checkpoint.codebooks)):
            edit_(edits, one, table, moved, checkpoint.known, keep_usage=remedy == "align")
            written.append((one, table, moved))

    def check(path: Path) -> None:
        states = {source.container: source for source in state_dicts(open_contents(path).root)}
        for book, table, moved in written:
            source = states[book.container]
            again = replace(book, array=source.arrays[book.key], owner=Tree(source).module(book.owner.path))
            off = np.abs(effective(again, checkpoint.known).vectors[moved] - table[moved])
            largest = np.abs(table[np.isfinite(table).all(1)]).max()  # others may stay broken
            if not off.max() <= TOLERANCE.get(book.array.dtype, WORST) * largest:
                raise CheckpointError(
                    f"`{book.label}` cannot hold the repaired vectors: rounding to {book.array.dtype}, or a "
                    "norm of the codes, changes them. Restart the codes in training."
                )

    changed = write_copy(checkpoint.path, out, edits, force=force, check=check)
    return Repaired(
        path=out,
        remedy=remedy,
        before=foretold.before,
        after=after,
        moved_codes=tuple(int(moved.sum()) for moved in after.moved),
        changed=changed,
        foretold=foretold,
        left=_left(checkpoint, books),
    )


def only_quantizer(checkpoint: Checkpoint) -> tuple[Codebook, ...]:
    """The codebooks of the one quantizer in a file.

    Raises:
        CheckpointError: if there is none, or several.
    """
    found = quantizers_of(checkpoint.codebooks)
    if not found:
        what = checkpoint.implicit[0].about if checkpoint.implicit else "None was found."
        raise CheckpointError(
            f"`{shown(checkpoint.path)}` has no codebook to repair. {what} Name one with --codebook KEY."
        )
    if len(found) > 1:
        names = ", ".join(books[0].label for books in found[:5])
        raise CheckpointError(
            f"`{shown(checkpoint.path)}` has {len(found)} quantizers, each with its own latents: {names}. Repair "
            "one at a time, named by --codebook."
        )
    return found[0]


def _averages_of(book: Codebook, codebooks: Sequence[Codebook]) -> list[Codebook]:
    """The same codebook in averages of the weights, which would otherwise keep its dead codes for long."""
    return [
        one
        for one in codebooks
        if book.copy == "main"
        and one.copy == "ema"
        and (one.copy_of, one.cut, one.num_codes, one.dim) == (book.key, book.cut, book.num_codes, book.dim)
    ]


def _left(checkpoint: Checkpoint, books: Sequence[Codebook]) -> tuple[str, ...]:
    keys = {book.key for book in books}
    found = [f"`{one.label}` is unchanged." for one in checkpoint.codebooks if one.copy == "best" and one.key in keys]
    root = open_contents(checkpoint.path).root
    if isinstance(root, Mapping) and any(isinstance(key, str) and NO_WEIGHTS.match(key) for key in root):
        found.append("Optimizer moments, if the file has them, still belong to the codes before they moved.")
    return tuple(found)
