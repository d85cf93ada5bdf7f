"""Tables under unknown names, weighed by what speaks for a codebook: names, neighbours and shape."""

# K codes, D features, L levels, G groups

from dataclasses import replace
from typing import Literal, NamedTuple

from vqcore.checkpoints import vocabulary
from vqcore.checkpoints.axes import AxisChoice, choose_axis
from vqcore.checkpoints.matching import UNKNOWN_LAYOUT, At, Match, Stack, beside
from vqcore.checkpoints.modules import Module
from vqcore.checkpoints.usage import EMA_HITS, EMA_SHARES, HITS, STEPS_UNUSED, UNKNOWN, Meaning
from vqcore.checkpoints.vocabulary import is_quantizer, is_statistic, named, words
from vqcore.files.errors import shown
from vqcore.files.tensors import StoredArray

LIKELY, EXAMINED, OFFERED, IN_DRAWER = 5, 3, 3, 2
"""Scores from which a table that is called one is examined as likely; is examined if the file has nothing better; and
from which any other is offered, or listed."""

MOST_CODES = 1 << 20
"""Rows from which the only tensor of a file is latents rather than a codebook."""

MOST_NEIGHBOURS = 100
MOST_LEVELS = 64
"""Of a stack of tables: more in front are codes."""

PROJECTIONS = ("in_proj", "out_proj", "project_in", "project_out", "proj_in", "proj_out", "input_proj", "output_proj")
CONVOLUTIONS = ("quant_conv", "post_quant_conv", "pre_quant", "post_quant")


class Weighed(NamedTuple):
    """A table and what speaks for it."""

    at: At
    match: Match
    score: int
    is_named: bool
    """Whether its name or its module's says codebook; nothing else is examined unasked."""

    @property
    def standing(self) -> Literal["likely", "candidate", "offered"]:
        """What may be done with it."""
        if self.is_named and self.score >= LIKELY:
            return "likely"
        return "candidate" if self.is_named and self.score >= EXAMINED else "offered"


def weigh(at: At, *, is_alone: bool = False) -> Weighed | None:
    """What speaks for the tensor being a codebook; None if something rules it out or hardly anything does.

    Args:
        at: the tensor, with `leaf` its key below the module that holds it.
        is_alone: whether the file holds nothing else.
    """
    score, evidence, by_name = _by_name(at)
    if (score == 0 and not is_alone) or not _may_be_table(at):
        return None
    is_named = by_name
    counts, sums = counts_beside(at), _same_shape(at)
    if counts is not None:
        score, evidence = score + 3, [*evidence, beside(counts)]
    if sums is not None:
        score, evidence = score + 2, [*evidence, beside(sums)]
    if any(vocabulary.INITIALIZED.search(each) for each in at.owner.tree.leaves(at.owner.path)[:MOST_NEIGHBOURS]):
        score, evidence = score + 1, [*evidence, "an initialization flag beside it"]
    width = _projected_width(at.owner)
    if width in at.shape[-2:]:
        score, evidence = score + 1, [*evidence, f"a projection of width {width} beside it"]
    if is_alone and not words(at.leaf) & vocabulary.LATENTS and max(at.shape) <= MOST_CODES:
        score, evidence, is_named = score + EXAMINED, [*evidence, "the only tensor of the file"], True
    if score < IN_DRAWER:
        return None
    axis, stack = _arranged(at, counts, width)
    match = Match(
        layout=UNKNOWN_LAYOUT,
        evidence=tuple(evidence),
        against=(
            "" if counts is not None else "nothing beside it counts its codes",
            "" if by_name else "no module around it is called a quantizer",
            "" if axis.certain else "which axis counts the codes is a guess",
            "whether it stacks levels or groups is a guess: see --structure" if len(at.shape) == 3 else "",
        ),
        axis=axis,
        confidence="likely" if is_named and score >= LIKELY else "candidate",
        statistics=() if counts is None else ((counts, _meaning(counts)),),
        stack=stack,
    )
    return Weighed(at, match, score, is_named)


def told(at: At) -> Match:
    """The table as its user names it, with what stands beside it."""
    counts = counts_beside(at)
    axis, stack = _arranged(at, counts, _projected_width(at.owner))
    return Match(
        layout="as told",
        evidence=("named by --codebook", "" if counts is None else beside(counts)),
        confidence="told",
        axis=axis,
        search="unknown",
        statistics=() if counts is None else ((counts, _meaning(counts)),),
        stack=stack,
    )


def with_statistics(at: At, match: Match) -> Match:
    """`match` with the counts beside the table, if its rule knows none."""
    if match.statistics or match.transform != "as stored" or match.stack != "none":
        return match
    counts = counts_beside(at)
    if counts is None or counts.shape != (at.shape[0 if match.axis.axis == "K,D" else 1],):
        return match
    return replace(match, statistics=((counts, _meaning(counts)),))


def counts_beside(at: At) -> StoredArray | None:
    """A tensor with a number for each code of the table, by its name and length: the one that says most."""
    found: list[tuple[int, StoredArray]] = []
    for other in _neighbours(at):
        leaf = words(other.key.rpartition(".")[2])
        if not _counts_codes(other, at.shape) or leaf.isdisjoint(vocabulary.COUNTED | vocabulary.AGED):
            continue
        found.append((0 if "ema" in leaf or "cluster" in leaf else 2 if leaf & vocabulary.AGED else 1, other))
    return min(found, key=lambda one: one[0], default=(0, None))[1]


def _meaning(counts: StoredArray) -> Meaning:
    leaf = words(counts.key.rpartition(".")[2])
    if leaf & vocabulary.AGED:
        return STEPS_UNUSED
    if leaf & {"prob", "probs"}:
        return EMA_SHARES
    if leaf & {"ema", "cluster", "n"}:
        return EMA_HITS
    return UNKNOWN if counts.is_float else HITS


def _counts_codes(other: StoredArray, shape: tuple[int, ...]) -> bool:
    """Whether (K,), (1, K) or (L, K) fits a table of that shape."""
    if len(other.shape) == 1:
        return other.shape[0] in shape and other.shape[0] >= 4
    return len(other.shape) == 2 and len(shape) == 3 and other.shape in (shape[:2], (shape[0], shape[2]))


def _neighbours(at: At) -> list[StoredArray]:
    """The tensors in the table's module, and for `embedding.weight` in the one that holds it."""
    modules = [at.owner, at.owner.up] if at.leaf == "weight" else [at.owner]
    found = []
    for module in modules:
        inside = (module.get(leaf) for leaf in module.tree.leaves(module.path)[:MOST_NEIGHBOURS])
        found += [one for one in inside if one is not None and one.key != at.array.key]
    return found


def _same_shape(at: At) -> StoredArray | None:
    """A running sum or average of the table."""
    for other in _neighbours(at):
        if other.shape == at.shape and other.is_float and words(other.key.rpartition(".")[2]) & vocabulary.SUMMED:
            return other
    return None


def _may_be_table(at: At) -> bool:
    name, shape = at.name.lower(), at.shape
    if not at.array.is_float or len(shape) not in (2, 3) or min(shape) < 1 or max(shape) < 8:
        return False
    if min(shape[-2:]) < 2 and not (len(shape) == 3 and shape[0] > 1 and shape[2] > 1):
        return False
    if vocabulary.NEVER.search(name) or is_statistic(at.leaf):
        return False
    if at.leaf == "weight" and (at.owner.get("bias") is not None or is_statistic(at.owner.name)):
        return False
    return not any(vocabulary.LAYER & words(part) for part in _within_quantizer(at))


def _within_quantizer(at: At) -> list[str]:
    """Parts of the path below the last module that names a quantizer, or else the nearest two; none with a number."""
    parts = named(at.name.split("."))
    last = max((index for index, part in enumerate(parts[:-1]) if is_quantizer(part)), default=len(parts) - 3)
    return [part for part in parts[max(0, last + 1) :] if not part[-1:].isdecimal()]


def _by_name(at: At) -> tuple[int, list[str], bool]:
    """Score, evidence, and whether the path says codebook."""
    parts = named(at.name.split("."))
    leaf = parts[-1] if parts else ""
    if leaf == "weight" and len(parts) > 1:
        parts = parts[:-1]
        leaf = parts[-1]
    said = words(leaf)
    in_quantizer = any(is_quantizer(part) for part in parts[-3:-1])
    score, evidence = (3, ["its path names a quantizer"]) if in_quantizer else (0, [])
    if said & vocabulary.STRONG or is_quantizer(leaf) or vocabulary.CODE_VECTORS.search(leaf):
        return score + 3, [*evidence, f"it is called {shown(leaf)}"], True
    if said & vocabulary.MEDIUM:
        return score + 2, [*evidence, f"it is called {shown(leaf)}"], in_quantizer
    if said & vocabulary.WEAK or leaf == "weight":
        return score + int(in_quantizer), evidence, in_quantizer
    return score, evidence, in_quantizer


def _projected_width(owner: Module) -> int | None:
    """D, from a projection into or out of the quantizer that is not square."""
    for module in (owner, owner.up):
        for name in PROJECTIONS + CONVOLUTIONS:
            shape = module.shape(f"{name}.weight")
            if shape is None or len(shape) < 2 or shape[0] == shape[1] or set(shape[2:]) - {1}:
                continue
            into = name in ("in_proj", "project_in", "proj_in", "input_proj", "quant_conv", "pre_quant")
            return shape[0] if into else shape[1]
    return None


def _arranged(at: At, counts: StoredArray | None, width: int | None) -> tuple[AxisChoice, Stack]:
    """Which axes are K and D, and what the first of three is."""
    shape = at.shape
    if len(shape) == 2:
        return _axis(at, counts, width), "none"
    if counts is not None and counts.shape == (shape[0],) and shape[0] > MOST_LEVELS:
        return AxisChoice(
            "K,D", f"{shape[0]} values in its statistic, as many as its first axis"
        ), "groups after codes"
    if shape[0] > MOST_LEVELS and shape[1] <= MOST_LEVELS and shape[0] > shape[2]:
        return AxisChoice("K,D", "the longest axis comes first", False), "groups after codes"
    stack: Stack = "heads" if shape[0] == 1 else "levels"
    if counts is not None and counts.shape[-1] in shape[1:] and shape[1] != shape[2]:
        turned = counts.shape[-1] == shape[2]
        return AxisChoice("D,K" if turned else "K,D", f"{counts.shape[-1]} values in its statistic"), stack
    if width in shape[1:] and shape[1] != shape[2]:
        return AxisChoice("K,D" if shape[2] == width else "D,K", f"a projection of width {width} beside it"), stack
    turned = shape[2] >= 4 * shape[1]
    return AxisChoice("D,K" if turned else "K,D", "the longer axis, for lack of better evidence", False), stack


def axis_of(at: At) -> AxisChoice:
    """Which axis of a 2-D table counts the codes, by all that stands beside it."""
    return _axis(at, counts_beside(at), _projected_width(at.owner))


def _axis(at: At, counts: StoredArray | None, width: int | None) -> AxisChoice:
    rows, columns = at.shape
    if at.leaf == "weight" and words(at.owner.name) & (vocabulary.MEDIUM | vocabulary.STRONG):
        return AxisChoice("K,D", "an embedding's weight has one row per code")
    chosen = choose_axis(at.array, at.owner, counts)
    if chosen.certain or width is None or rows == columns or width not in at.shape:
        return chosen
    return AxisChoice("K,D" if columns == width else "D,K", f"a projection of width {width} beside it")
