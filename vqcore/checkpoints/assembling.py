"""From a rule's match to codebooks: heads and row blocks split, levels, copies and aliases named."""

# H heads, K codes, D features

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from vqcore.checkpoints.axes import Axis, AxisChoice
from vqcore.checkpoints.contents import AS_TOLD, Codebook, Cut
from vqcore.checkpoints.keys import EARLIER_STAGES, NEAREST, Place, place_of, skeleton
from vqcore.checkpoints.matching import UNKNOWN_LAYOUT, Match
from vqcore.checkpoints.modules import Tree
from vqcore.checkpoints.rules import Owned, is_average, shadow_of
from vqcore.checkpoints.usage import UsageStatistic
from vqcore.files.containers import Copy
from vqcore.files.errors import CheckpointError, shown
from vqcore.files.tensors import StoredArray

MOST_STACKED = 1024


Together = Literal["residual", "groups", "separate"]
"""How codebooks work together: on what the one before left over, each on a part of a vector, or not at all."""


class Told(NamedTuple):
    """What the user says about a tensor, overriding the rules."""

    axis: Axis | None = None
    rows: int | None = None


def codebooks_of(one: Owned, told: Told) -> list[Codebook]:
    """The codebooks in one tensor, one per head, level or row block.

    Raises:
        CheckpointError: if what the user says does not fit the tensor.
    """
    shape, match = one.at.shape, one.match
    axis = match.axis if told.axis is None else AxisChoice(told.axis, "told by --axis")
    if len(shape) == 2:
        return _blocks(one, axis, told, Cut())
    codes_first = match.stack == "groups after codes"
    heads = shape[1] if codes_first else shape[0]
    if heads > MOST_STACKED:
        return []
    return [book for head in range(heads) for book in _blocks(one, axis, told, Cut(head, codes_first))]


def together(found: list[Codebook], structure: Together, *, as_one: bool) -> list[Codebook]:
    """The codebooks, working together as told: all as one, or else those whose keys differ only by numbers."""
    families: dict[tuple[object, ...], int] = {}
    changed = []
    for book in found:
        like = "" if as_one else skeleton(book.key)
        number = families.get(family := (book.container, book.copy, like), 0)
        families[family] = number + 1
        changed.append(replace(book, stage=f"{AS_TOLD} {like}", **_PLACES[structure](number)))
    return changed


_PLACES: dict[Together, Callable[[int], dict[str, Any]]] = {
    "residual": lambda number: {"structure": "residual", "level": number, "group": None},
    "groups": lambda number: {"structure": "groups", "level": None, "group": number},
    "separate": lambda number: {"structure": "separate levels", "level": number, "group": None},
}


def finished(found: list[Codebook], metadata: Mapping[str, str]) -> list[Codebook]:
    """The codebooks in order, shared ones once, averages next to what they average."""
    found = _with_numbers(_without_aliases(found, metadata))
    found = [*found, *(shadow for book in found for shadow in _shadows(book))]
    return sorted(_with_levels(_with_originals(found)), key=_order)


def _blocks(one: Owned, axis: AxisChoice, told: Told, cut: Cut) -> list[Codebook]:
    shape = one.at.shape
    table = shape if cut.head is None else (shape[0], shape[2]) if cut.codes_first else shape[1:]
    rows, dim = table if axis.axis == "K,D" else table[::-1]
    rows -= one.match.drop_rows
    place = _place(one, cut)
    if told.rows is None:
        cut = cut._replace(stop=rows) if one.match.drop_rows else cut
        return [_codebook(one, axis, cut, rows, dim, place)]
    if not 1 <= told.rows <= rows or (rows % told.rows and rows >= 2 * told.rows):
        raise CheckpointError(
            f"`--rows` must divide the {rows:,} rows of `{shown(one.at.name)}` or be more than half of them, but is "
            f"{told.rows}. Give the number of codes of one codebook."
        )
    starts = range(0, rows - told.rows + 1, told.rows)
    places = [place] if len(starts) == 1 else [Place("groups or levels", level) for level in range(len(starts))]
    return [
        _codebook(one, axis, cut._replace(start=start, stop=start + told.rows), told.rows, dim, where)
        for start, where in zip(starts, places, strict=True)
    ]


def _codebook(one: Owned, axis: AxisChoice, cut: Cut, num_codes: int, dim: int, place: Place) -> Codebook:
    at, match = one.at, one.match
    source = at.owner.tree.source
    return Codebook(
        key=at.array.key,
        container=source.container,
        copy="ema" if source.copy == "main" and is_average(at.name) else source.copy,
        layout=match.layout,
        evidence=tuple(filter(None, match.evidence)),
        against=tuple(filter(None, match.against)),
        confidence=match.confidence,
        num_codes=num_codes,
        dim=dim,
        axis=axis.axis,
        axis_reason=axis.reason,
        axis_certain=axis.certain,
        search=match.search,
        transform=match.transform,
        structure=place.structure,
        level=place.level,
        group=place.group,
        stage=place.stage,
        aliases=(),
        copy_of=None,
        usage=_statistics(match, cut, num_codes),
        array=at.array,
        cut=cut,
        owner=at.owner,
    )


def _statistics(match: Match, cut: Cut, num_codes: int) -> tuple[UsageStatistic, ...]:
    found = []
    for array, meaning in match.statistics:
        if array is None:
            continue
        part: tuple[slice | int, ...] = ()
        if cut.head is not None and len(array.shape) == 2:
            part = (cut.head,)
        elif cut.stop is not None and len(array.shape) == 1 and array.shape[0] >= cut.stop:
            part = (slice(cut.start, cut.stop),)
        found.append(UsageStatistic(array.key, meaning, array, num_codes, part))
    return tuple(found)


def _place(one: Owned, cut: Cut) -> Place:
    at, match = one.at, one.match
    heads = at.shape[1] if cut.codes_first else at.shape[0]
    if cut.head is not None and heads > 1:
        if match.stack == "levels":
            return Place("stacked levels", cut.head)
        return Place("groups" if cut.codes_first else "heads", None, cut.head)
    place = place_of(f"{at.owner.path}.{at.leaf}".lstrip(".").removesuffix(".weight"))
    if match.structure is None:
        return place
    return place._replace(structure=match.structure)


def _without_aliases(found: list[Codebook], metadata: Mapping[str, str]) -> list[Codebook]:
    """One codebook for all keys that share its values: by their storage, or by safetensors' metadata."""
    kept: dict[object, Codebook] = {}
    for book in found:
        shared = book.array.storage
        identity = (book.container, book.cut, shared if shared is not None else book.key)
        first = kept.setdefault(identity, book)
        if first is not book:
            kept[identity] = replace(first, aliases=(*first.aliases, book.key))
    by_key: dict[str, list[str]] = {}
    for alias, key in metadata.items():
        by_key.setdefault(key, []).append(alias)
    return [replace(book, aliases=(*book.aliases, *by_key.get(book.key, ()))) for book in kept.values()]


def _shadows(book: Codebook) -> list[Codebook]:
    """latent-diffusion's average of the codebook, which lies under a key without dots."""
    tree: Tree = book.owner.tree
    name = f"{book.owner.path}.{book.key}" if tree.get(book.key) is None else book.key
    key = shadow_of(tree, name)
    array: StoredArray | None = None if key is None else tree.get(key)
    if array is None or array.shape != book.array.shape:
        return []
    return [replace(book, key=array.key, copy="ema", array=array, usage=(), aliases=(), copy_of=book.key)]


def _with_originals(found: list[Codebook]) -> list[Codebook]:
    originals: dict[tuple[str, Cut], str] = {}
    for book in found:
        if book.copy == "main":
            originals.setdefault((_without_average(book.key), book.cut), book.key)
    return [
        book
        if book.copy == "main" or book.copy_of
        else replace(book, copy_of=originals.get((_without_average(book.key), book.cut)))
        for book in found
    ]


def _without_average(key: str) -> str:
    parts = [
        part for part in key.split(".") if not is_average(part) and part not in ("online_model", "module", "model")
    ]
    return ".".join(parts)


def _with_levels(found: list[Codebook]) -> list[Codebook]:
    """Numbers that do not count from 0 without a gap are not levels: a single quantizer in layer 3 of a model."""
    numbers: dict[tuple[object, ...], set[int]] = {}
    for book in found:
        if book.level is not None and book.layout != UNKNOWN_LAYOUT:
            numbers.setdefault(_family(book), set()).update(_levels(book))
    complete = {family for family, levels in numbers.items() if levels == set(range(len(levels)))}
    return [
        book
        if book.level is None or book.layout == UNKNOWN_LAYOUT or _family(book) in complete
        else replace(book, structure="single", level=None, group=None)
        for book in found
    ]


def _with_numbers(found: list[Codebook]) -> list[Codebook]:
    """Tables of no known layout that differ by one number, near the end of their keys, as groups or levels.

    Whether each is searched for a part of a vector, or for what the one before left over, the latents' width tells.
    """
    families: dict[tuple[object, ...], list[Codebook]] = {}
    for book in found:
        if book.layout == UNKNOWN_LAYOUT and book.cut.head is None:
            families.setdefault((book.container, book.copy, _near_skeleton(book.key), book.dim), []).append(book)
    numbers = {
        id(book): number
        for family in families.values()
        if len(family) > 1
        for number, book in enumerate(sorted(family, key=_order))
    }
    return [
        replace(book, structure="groups or levels", level=numbers[id(book)]) if id(book) in numbers else book
        for book in found
    ]


def _near_skeleton(key: str) -> str:
    parts = key.split(".")
    return ".".join([*parts[:-NEAREST], *(skeleton(part) for part in parts[-NEAREST:])])


def _levels(book: Codebook) -> Iterable[int]:
    yield book.level or 0
    for alias in book.aliases:
        level = place_of(alias.rpartition(".")[0]).level
        if level is not None:
            yield level


def _family(book: Codebook) -> tuple[object, ...]:
    skeleton = re.sub(r"(?<![^.])\d+(?![^.])", "#", book.key)
    stage = book.stage if book.structure != "separate levels" else ""
    skeleton = skeleton if stage or not book.stage else skeleton.replace(book.stage, "#")
    return (book.container, book.copy, skeleton, stage)


COPY_ORDER: dict[Copy, int] = {"main": 0, "best": 1, "ema": 2}


def _order(book: Codebook) -> tuple[object, ...]:
    numbered = [(0, int(part), "") if _is_number(part) else (1, 0, part) for part in re.split(r"(\d+)", book.key)]
    later = not book.stage.startswith(EARLIER_STAGES)
    return COPY_ORDER[book.copy], book.container, later, numbered, book.cut.head or 0, book.cut.start


def _is_number(part: str) -> bool:
    return part.isdecimal() and part.isascii() and len(part) < 10
