"""Which codebooks of a file the latents pass through: those of one quantizer, in search order."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vqcore.checkpoints.contents import Codebook
from vqcore.checkpoints.effective import Effective
from vqcore.checkpoints.order_in_file import SEARCHED_BY_DISTANCE, arrangement_of, quantizers_of, widths_of
from vqcore.checkpoints.search_order import Arrangement, nearest, unit
from vqcore.diagnostics.evidence import LatentEvidence
from vqcore.doctor.measuring import measure_arranged
from vqcore.files.errors import CheckpointError, shown
from vqcore.files.latents import Latents, open_latents
from vqcore.files.masks import open_mask

PROBED = 1024
"""Number of latents used to find the nearest of several quantizers."""

MOST_NAMED = 5

MORE_BY_COSINE = 2
"""Times as many codes used by cosine as by distance, from which the latents' search is asked about."""


class Assignment(NamedTuple):
    """Latents, and the quantizer that they are assumed to belong to."""

    latents: Latents
    books: tuple[int, ...]
    """Its codebooks, by their index among all in the file."""

    arrangement: Arrangement
    """Which codebook is searched for what, by index within `books`."""

    note: str
    """Why these codebooks and not others, in a sentence; empty if the file has no others."""


def assign(
    path: Path,
    books: Sequence[Codebook],
    found: Sequence[Effective],
    *,
    key: str | None = None,
    axis: int | None = None,
    mask: Path | None = None,
) -> Assignment:
    """The latents in the file at `path`, and the quantizer among all `books` that they are assumed to belong to.

    If their width fits several quantizers, it is the one whose codes are nearest.

    Args:
        path: the file of latents.
        books: all codebooks.
        found: the vectors of each.
        key: which array of the file, if it has several.
        axis: which of its axes holds the features, if several could.
        mask: a file that says which of them count; None if all do.

    Raises:
        CheckpointError: one sentence, if they fit none or cannot be read.
    """
    quantizers = quantizers_of(books)
    fitting: list[Assignment] = []
    refusals: list[CheckpointError] = []
    for quantizer in quantizers:
        numbers = tuple(next(at for at, book in enumerate(books) if book is one) for one in quantizer)
        try:
            latents = opened(path, quantizer, key=key, axis=axis, mask=mask)
            arrangement = _arranged(quantizer, [found[at] for at in numbers], latents.dim)
        except CheckpointError as error:
            refusals.append(error)
        else:
            fitting.append(Assignment(latents, numbers, arrangement, ""))
    if not fitting:
        raise refusals[0] if len(refusals) == 1 else CheckpointError(_none_fits(path, quantizers, refusals))
    if fitting[0].latents.num_vectors == 0:
        raise CheckpointError(f"`{shown(path)}` holds no vector. Give at least one.")
    chosen = fitting[0] if len(fitting) == 1 else min(fitting, key=lambda one: _error(one, found))
    others = [quantizer[0].label for quantizer in quantizers if quantizer[0] is not books[chosen.books[0]]]
    if not others:
        return chosen
    why = "the only ones of their width" if len(fitting) == 1 else "whose codes are the nearest of those that fit"
    note = (
        f"The latents are taken for those of {books[chosen.books[0]].label}"
        f"{f' and {len(chosen.books) - 1} more' if len(chosen.books) > 1 else ''}, {why}. To choose another, name it "
        f"with --codebook: {', '.join(others[:MOST_NAMED])}{' …' if len(others) > MOST_NAMED else ''}."
    )
    return chosen._replace(note=note)


def opened(
    path: Path, quantizer: Sequence[Codebook], *, key: str | None, axis: int | None, mask: Path | None = None
) -> Latents:
    """The latents, at the first of the quantizer's possible widths that an axis has; options as for `assign`."""
    latents = _of_any_width(path, widths_of(quantizer), key, axis)
    return latents if mask is None else replace(latents, mask=open_mask(mask, latents.other_axes))


def _of_any_width(path: Path, widths: Sequence[int], key: str | None, axis: int | None) -> Latents:
    for width in widths[:-1]:
        try:
            return open_latents(path, width, key=key, axis=axis)
        except CheckpointError:
            continue
    return open_latents(path, widths[-1], key=key, axis=axis)


def _arranged(quantizer: Sequence[Codebook], found: Sequence[Effective], dim: int) -> Arrangement:
    """The search by distance, whatever the layout's own search; `searched_otherwise` names the difference."""
    by_distance = [one if one.search in SEARCHED_BY_DISTANCE else one._replace(search="euclidean") for one in found]
    return arrangement_of(quantizer, by_distance, dim)


def by_cosine(found: Effective, latents: LatentEvidence) -> str:
    """A remark where the file does not tell the search, and far more codes are used by cosine; else empty."""
    if found.search != "euclidean" or found.status != "assumed" or not np.isfinite(found.vectors).all():
        return ""
    sample = np.ascontiguousarray(latents.sample, dtype=np.float32)
    used = len(np.unique(nearest(sample, found.vectors)))
    turned = len(np.unique(nearest(unit(sample), unit(found.vectors))))
    if turned < MORE_BY_COSINE * used:
        return ""
    return (
        f"by cosine {turned:,} of {len(found.vectors):,} codes are used by {len(sample):,} of these latents, "
        f"and only {used:,} by distance: is your lookup normalized? Then say --search cosine."
    )


def searched_otherwise(found: Effective) -> str:
    """A caveat if the layout does not search by distance; empty if it does."""
    if found.search in (*SEARCHED_BY_DISTANCE, "unknown"):
        return ""
    return (
        f"the latents were assigned to the nearest codes by distance, although this layout searches by {found.search}"
    )


def _error(one: Assignment, found: Sequence[Effective]) -> float:
    """Relative error of the first codebooks on a few latents; infinite if a codebook has non-finite numbers.

    Latents at one point have no variance, so their energy is used instead.
    """
    tables = [found[at].vectors for at in one.books]
    if not all(np.isfinite(table).all() for table in tables):
        return float("inf")
    block = next(one.latents.finite_blocks(), None)
    if block is None:
        return float("inf")
    some = block[np.linspace(0, len(block) - 1, min(PROBED, len(block))).astype(int)]
    measured = measure_arranged([some], len(some), one.arrangement, tables, searched=len(some))
    latents = measured[one.arrangement.chains[0][0]].latents
    relative = latents.relative_error
    return latents.error / (latents.energy or 1.0) if relative is None else relative


def _none_fits(path: Path, quantizers: Sequence[Sequence[Codebook]], refusals: Sequence[CheckpointError]) -> str:
    wanted = ", ".join(
        f"{quantizer[0].label} ({' or '.join(map(str, widths_of(quantizer)))})"
        for quantizer in quantizers[:MOST_NAMED]
    )
    return (
        f"`{shown(path)}` fits none of the {len(quantizers)} quantizers. Give latents with the width of one of them: "
        f"{wanted}"
        f"{' …' if len(quantizers) > MOST_NAMED else ''}. The first says: {refusals[0]}"
    )
