"""Which codebook of a file each code belongs to: tokenizers store one code per level, along a separate axis."""

# S searches that give a vector its codes

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from vqcore.checkpoints.contents import Codebook
from vqcore.checkpoints.order_in_file import quantizers_of, searches_of
from vqcore.doctor.inputs import ByInput, by_input
from vqcore.doctor.measuring import Progress
from vqcore.files.codes import ONE_SEARCH, CodeAxes, Counts, count_codes, open_codes
from vqcore.files.errors import CheckpointError, shown
from vqcore.files.masks import Mask, open_mask
from vqcore.files.tensors import StoredArray

LEVELS_LAST = ("vector-quantize-pytorch", "VQ Scope")
"""Prefixes of layouts whose library returns codes (…, levels); audio codecs return (batch, levels, time)."""

MOST_NAMED = 5


class CodeAssignment(NamedTuple):
    """Code counts for the codebooks that the codes belong to."""

    counts: Mapping[int, Counts]
    """(K,) counts, by the codebook's index among all in the file."""

    note: str
    """How the axes were interpreted and why, in a sentence; empty if the file has one codebook."""

    by_input: ByInput | None = None


class _Searches(NamedTuple):
    """Codebooks each of which gives every vector a code."""

    books: tuple[int, ...]
    """(S,) for each search, its codebook's index among all."""

    groups: int
    """Number of equal runs of searches; 1 unless groups have levels."""


def assign_codes(
    path: Path,
    books: Sequence[Codebook],
    level_axis: int | None = None,
    *,
    mask: Path | None = None,
    progress: Progress | None = None,
) -> CodeAssignment:
    """Count the codes in the file at `path` for the codebooks among `books` that they belong to.

    With one codebook every number is one of its codes. With several, they lie along an axis as long as the number of
    codebooks; if several axes are, the library's convention decides, and `level_axis` overrides it. Only what the
    `mask`, a file, is 1 for is counted.

    Raises:
        CheckpointError: one sentence, if no axis fits, or a number is not a code of its codebook.
    """
    array = open_codes(path)
    if 0 in array.shape:
        raise CheckpointError(f"`{shown(path)}` holds no code. Give at least one.")
    searches = _searches(books)
    if level_axis is None and len(searches) == 1 and len(set(searches[0].books)) == 1:
        place = searches[0].books[0]
        kept = mask_of(mask, array, ONE_SEARCH)
        (counts,) = count_codes(array, [books[place].num_codes], mask=kept, progress=progress)
        return CodeAssignment({place: counts}, "", by_input(array, ONE_SEARCH, [books[place].num_codes], kept))
    options = [(one, axes) for one in searches if len(one.books) > 1 for axes in _axes(array.shape, one, books)]
    if level_axis is not None:
        axis = _checked(level_axis, array.shape)
        options = [(one, axes) for one, axes in options if axes.level == axis]
        options = options or [(_first_levels(searches[0], array.shape, axis), CodeAxes(axis))]
    if not options:
        raise CheckpointError(_none_fits(array, books, searches))
    one = options[0][0]  # all codebooks before a single quantizer's
    rivals = [each for each, _ in options if each is not one and len(each.books) == len(one.books)]
    if rivals:
        labels = ", ".join(books[each.books[0]].label for each in (one, *rivals))
        raise CheckpointError(
            f"The codes {array.shape} fit several quantizers: those that begin with {labels}. Name one codebook with "
            "--codebook, and give only its codes."
        )
    possible = [axes for each, axes in options if each is one]
    axes, by_book, kept = _first_that_counts(array, books, one, possible, mask, progress)
    note = _note(array, books, one, axes, possible, level_axis is not None)
    return CodeAssignment(by_book, note, by_input(array, axes, [books[place].num_codes for place in one.books], kept))


def _first_that_counts(
    array: StoredArray,
    books: Sequence[Codebook],
    one: _Searches,
    possible: list[CodeAxes],
    mask: Path | None,
    progress: Progress | None,
) -> tuple[CodeAxes, dict[int, Counts], Mask | None]:
    """The codes, read along the first axes for which every number is a code of its codebook."""
    refusals = []
    for axes in possible:
        try:
            kept, sizes = mask_of(mask, array, axes), [books[place].num_codes for place in one.books]
            found = count_codes(array, sizes, axes, mask=kept, progress=progress)
        except CheckpointError as error:
            refusals.append(error)
        else:
            counts: dict[int, Counts] = {}
            for place, count in zip(one.books, found, strict=True):  # a shared codebook has several
                counts[place] = counts[place] + count if place in counts else count
            return axes, counts, kept
    raise refusals[0]


def mask_of(path: Path | None, array: StoredArray, axes: CodeAxes) -> Mask | None:
    """The mask in the file at `path` for codes along these axes; None for no file.

    Raises:
        CheckpointError: if it does not fit them.
    """
    return None if path is None else open_mask(path, axes.others(array.shape))


def _searches(books: Sequence[Codebook]) -> list[_Searches]:
    """All codebooks together, then those of each quantizer; averages and best copies are left out.

    Levels with their own projections, and semantic and acoustic ones, are several quantizers stored together.
    """
    found = []
    for quantizer in quantizers_of(books):
        places = [next(at for at, book in enumerate(books) if book is one) for one in quantizer]
        order = searches_of(quantizer)
        sizes = {sum(group == other for other, _ in order) for group, _ in order}
        groups = len({group for group, _ in order})
        is_even = len(sizes) == 1 and min(sizes) > 1
        found.append(_Searches(tuple(places[number] for _, number in order), groups if is_even else 1))
    if len(found) < 2:
        return found
    return [_Searches(tuple(place for one in found for place in one.books), 1), *found]


def _axes(shape: tuple[int, ...], one: _Searches, books: Sequence[Codebook]) -> Iterator[CodeAxes]:
    """Axes along which the codes may lie, the likeliest first."""
    order = list(range(len(shape)))[::-1]
    if not books[one.books[0]].layout.startswith(LEVELS_LAST):
        order = [*order[1:], *order[:1]]
    yield from (CodeAxes(axis) for axis in order if shape[axis] == len(one.books))
    if one.groups > 1:
        levels = len(one.books) // one.groups
        for axis in order:
            if shape[axis] == levels:
                yield from (
                    CodeAxes(axis, other)
                    for other in range(len(shape))
                    if other != axis and shape[other] == one.groups
                )


def _checked(axis: int, shape: tuple[int, ...]) -> int:
    if not -len(shape) <= axis < len(shape):
        raise CheckpointError(
            f"`--level-axis` must be an axis of the codes' shape {shape}, but is {axis}. Count from 0."
        )
    return axis % len(shape)


def _first_levels(every: _Searches, shape: tuple[int, ...], axis: int) -> _Searches:
    """As many levels as the axis is long, since a tokenizer at a low bit rate omits the last ones."""
    if not 1 <= shape[axis] <= len(every.books):
        raise CheckpointError(
            f"`--level-axis` {axis} of {shape} is {shape[axis]:,} long, but the file has {len(every.books)} "
            "codebooks that give one code each. Name the axis along which there is one code for each of them."
        )
    return _Searches(every.books[: shape[axis]], 1)


def _note(
    array: StoredArray,
    books: Sequence[Codebook],
    one: _Searches,
    axes: CodeAxes,
    possible: list[CodeAxes],
    was_told: bool,
) -> str:
    """How the axes were interpreted, why, and the alternatives."""
    first, levels = books[one.books[0]], len(one.books) // (one.groups if axes.group is not None else 1)
    groups = "" if axes.group is None else f"axis {axes.group} for the {one.groups} groups and "
    said = f"codes {array.shape}: {groups}axis {axes.level} is taken as the {levels} codebooks from {first.label} on"
    others = dict.fromkeys(other.level for other in possible if other.level != axes.level)
    if was_told:
        return f"{said}, as --level-axis says."
    if not others:
        return f"{said}: no other has that length. To choose another: --level-axis N."
    why = (
        "by this library's convention"
        if axes is possible[0]
        else "because the others hold codes that some codebook lacks"
    )
    places = " and ".join(map(str, others))
    of_others = f"axis {places} is as long" if len(others) == 1 else f"axes {places} are as long"
    return f"{said}, {why}; {of_others}. To choose another: --level-axis N."


def _none_fits(array: StoredArray, books: Sequence[Codebook], searches: Sequence[_Searches]) -> str:
    several = [one for one in searches if len(one.books) > 1]
    labels = ", ".join(book.label for book in books[:MOST_NAMED])
    wanted = " or ".join(dict.fromkeys(str(len(one.books)) for one in several))
    return (
        f"`{shown(array.key)}` has shape {array.shape}, but no axis of {wanted}, for one code of each codebook. "
        "If they are of the first levels only, say along which axis with --level-axis N. "
        f"To name one codebook: --codebook {labels}{' …' if len(books) > MOST_NAMED else ''}."
    )
