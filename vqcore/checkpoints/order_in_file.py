"""From the codebooks of a file to the order in which they are searched, as far as the file shows it."""

# D features of one codebook, G groups, L levels

import re
from collections.abc import Sequence

from vqcore.checkpoints.contents import AS_TOLD, Codebook
from vqcore.checkpoints.effective import Effective
from vqcore.checkpoints.keys import place_of, skeleton
from vqcore.checkpoints.matching import UNKNOWN_LAYOUT
from vqcore.checkpoints.search_order import Arrangement
from vqcore.files.errors import CheckpointError

GROUPED = ("groups", "heads", "grouped residual")
LEVELLED = ("residual", "stacked levels", "grouped residual")
SEARCHED_BY_DISTANCE = ("euclidean", "cosine")
NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")
OWN_PROJECTIONS = ("in_proj", "project_in", "input_proj")


def quantizers_of(codebooks: Sequence[Codebook]) -> tuple[tuple[Codebook, ...], ...]:
    """The codebooks grouped into quantizers; averages and best copies are left out.

    Levels with separate latents (VQ-VAE-2, Jukebox), and levels that each have their own projection (DAC), are
    quantizers by themselves.
    """
    present = [book for book in codebooks if book.copy == "main"] or list(codebooks)
    found: dict[object, list[Codebook]] = {}
    for book in present:
        alone = book.structure in ("single", "separate levels") or _has_own_projection(book)
        like = skeleton(book.key) if book.layout == UNKNOWN_LAYOUT else NUMBER.sub("#", book.key)
        like = "" if book.stage.startswith(AS_TOLD) else like
        kind = (book.key, book.cut) if alone else (like, book.stage, book.structure)
        found.setdefault((book.container, book.copy, kind), []).append(book)
    return tuple(tuple(books) for books in found.values())


def widths_of(quantizer: Sequence[Codebook]) -> tuple[int, ...]:
    """Possible numbers of features of the latents of `quantizer`, the likeliest first."""
    first = quantizer[0]
    groups = len({book.group for book in quantizer})
    if first.structure in GROUPED:
        return (groups * first.dim,)
    if first.structure == "groups or levels" and len(quantizer) > 1:
        return (len(quantizer) * first.dim, first.dim)
    return (first.dim,)


def arrangement_of(quantizer: Sequence[Codebook], vectors: Sequence[Effective], dim: int) -> Arrangement:
    """The searches of `quantizer`, one of `quantizers_of`, for latents of `dim` features.

    One codebook under latents several times as wide is shared by as many groups.

    Raises:
        CheckpointError: if codes are not chosen by distance, the file does not show how the codebooks work
            together, or latents of `dim` features do not fit.
    """
    for book, found in zip(quantizer, vectors, strict=True):
        if found.search not in SEARCHED_BY_DISTANCE:
            why = "does not show how it is searched"
            if found.search != "unknown":
                why = f"is searched by {found.search}, not by distance to its vectors"
            raise CheckpointError(
                f"`{book.label}` {why}, so what other vectors would do cannot be computed from latents. If you know "
                "better, say --search euclidean or cosine."
            )
    chains = _chains(quantizer, dim)
    widths = {book.dim for book in quantizer}
    if len(widths) > 1 or len(chains) * quantizer[0].dim != dim:
        wanted = " or ".join(map(str, widths_of(quantizer)))
        raise CheckpointError(
            f"`latents` of `{quantizer[0].label}` must have {wanted} features, but have {dim}. Give the inputs of "
            "the quantizer, after any projection."
        )
    return Arrangement(chains, tuple(found.search == "cosine" for found in vectors))


def searches_of(quantizer: Sequence[Codebook]) -> tuple[tuple[int, int], ...]:
    """For each search of `quantizer`, in the order of the codes, its group and the index of its codebook."""
    found = [(*place, number) for number, book in enumerate(quantizer) for place in _places(book)]
    return tuple((group, number) for group, _, number in sorted(found, key=lambda one: one[:2]))


def _chains(quantizer: Sequence[Codebook], dim: int) -> tuple[tuple[int, ...], ...]:
    first = quantizer[0]
    if len(quantizer) == 1 and not first.aliases:
        return ((0,),) * max(1, dim // first.dim)
    if first.structure == "groups or levels":
        numbers = tuple(range(len(quantizer)))
        return (numbers,) if dim == first.dim else tuple((number,) for number in numbers)
    groups: dict[int, dict[int, int]] = {}
    in_order = first.structure in (*GROUPED, *LEVELLED)
    for number, book in enumerate(quantizer):
        for group, level in _places(book):
            taken = groups.setdefault(group, {}).setdefault(level, number)
            in_order = in_order and taken == number  # two stacks of levels begin alike
    if not (in_order and all(set(levels) == set(range(len(levels))) for levels in groups.values())):
        raise CheckpointError(
            f"`{first.label}` and {len(quantizer) - 1} more do not show in which order they are searched. "
            "Say --structure residual or groups, or name one with --codebook and give its own latents."
        )
    return tuple(tuple(levels[level] for level in sorted(levels)) for _, levels in sorted(groups.items()))


def _places(book: Codebook) -> list[tuple[int, int]]:
    """Group and level of each search in the codebook: its own, and those of its aliases."""
    if book.structure not in LEVELLED:
        return [(book.group or 0, 0)]
    aliases = [place_of(alias.rpartition(".")[0]) for alias in book.aliases]
    return [(book.group or 0, book.level or 0), *((one.group or 0, one.level or 0) for one in aliases)]


def _has_own_projection(book: Codebook) -> bool:
    return any(
        module.get(f"{name}.{leaf}") is not None
        for module in (book.owner, book.owner.up)
        for name in OWN_PROJECTIONS
        for leaf in ("weight", "bias", "weight_v", "parametrizations.weight.original1")
    )
