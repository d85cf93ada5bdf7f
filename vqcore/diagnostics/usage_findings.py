"""Conditions that can be seen from how the codes are used."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqcore.diagnostics import limits
from vqcore.diagnostics.evidence import Evidence, Floats, LatentEvidence, UsageEvidence
from vqcore.diagnostics.finding import Condition, Finding, Number, Severity
from vqcore.diagnostics.geometry import nearest_distances
from vqcore.diagnostics.harm import at_most, harm, harm_numbers
from vqcore.diagnostics.usage import enough_to_judge, expected_active, perplexity
from vqcore.diagnostics.wording import codes_in_all, context, count, found, percent, ratio

MOST_COMPARED = 2048
"""Dead codes, and latents, whose distances are computed; evenly spaced among all."""


def dead_codes(usage: UsageEvidence) -> NDArray[np.bool_] | None:
    """(K,) which codes are dead, or None if N is unknown or too small for that to mean anything."""
    if usage.num_vectors is None or usage.num_vectors < limits.vectors_needed(len(usage.counts)):
        return None
    return np.asarray(usage.counts < usage.unused_below)


def judged_by(evidence: Evidence) -> UsageEvidence | None:
    """The first source with enough vectors to judge every code by, or else the one with the most."""
    known = [one for one in evidence.usages if one.num_vectors is not None]
    enough = [one for one in known if dead_codes(one) is not None]
    return enough[0] if enough else max(known, key=lambda one: one.num_vectors or 0, default=evidence.usage)


def dead_in_all(evidence: Evidence) -> NDArray[np.bool_] | None:
    """(K,) which codes are dead: no source uses them, and one at least had enough vectors to do so; else None."""
    if all(dead_codes(one) is None for one in evidence.usages):
        return None
    counted = [one.counts < one.unused_below for one in evidence.usages if one.num_vectors is not None]
    return np.asarray(np.logical_and.reduce(counted))


def sources(evidence: Evidence) -> tuple[Number, ...]:
    """What each of several sources counts, by name."""
    if len(evidence.usages) < 2:
        return ()
    return tuple(
        count(f"used {one.window}", np.count_nonzero(one.counts >= one.unused_below), _amount(one))
        for one in evidence.usages
    )


def _amount(usage: UsageEvidence) -> str:
    return "N unknown" if usage.num_vectors is None else f"N = {usage.num_vectors:,.0f}"


def not_enough_data(evidence: Evidence) -> Finding | None:
    """Whether usage cannot be judged, and what it would take."""
    needed = limits.vectors_needed(evidence.num_codes)
    limit = f"needs {needed:,} for K = {evidence.num_codes:,}"
    usage = judged_by(evidence)
    if usage is None or usage.num_vectors is None:
        takes = f"That takes {needed:,} vector{'' if needed == 1 else 's'}."
        title = f"Usage cannot be judged: nothing counts it over a known number of vectors. {takes}"
        return found("not-enough-data", "unknown", title, Number("N", 0, "unknown", limit))
    if usage.num_vectors >= needed:
        return None
    touched = expected_active(round(usage.num_vectors), evidence.num_codes)
    return found(
        "not-enough-data",
        "unknown",
        f"Too few vectors to judge usage: {usage.drawn_from or usage.num_vectors:,.0f} of the {needed:,} needed.",
        count("N", usage.drawn_from or usage.num_vectors, limit),
        count("codes that even use would touch", touched, f"of {evidence.num_codes:,}"),
        count("codes used", np.count_nonzero(usage.counts >= usage.unused_below)),
    )


def index_collapse(evidence: Evidence) -> Finding | None:
    """Whether few codes carry nearly all assignments, by the source that shows it most clearly.

    Judged only if even use of N vectors would touch 95% of K.
    """
    unused = _unused(evidence)
    block = None if unused is None else unused.block  # of which another finding tells
    num_codes = evidence.num_codes - (0 if block is None else len(block))
    seen = [one for usage in evidence.usages if (one := _index_collapse(evidence, usage, num_codes)) is not None]
    return min(seen, key=lambda one: (one.severity == "note", one.numbers[0].value), default=None)


def _index_collapse(evidence: Evidence, usage: UsageEvidence, num_codes: int) -> Finding | None:
    if usage.num_vectors is None or num_codes < 2:
        return None
    if not enough_to_judge(round(usage.drawn_from or usage.num_vectors), num_codes):
        return None
    effective = perplexity(usage.counts)
    if not math.isfinite(effective):  # not one assignment
        return None
    well_counted = effective * limits.WELL_COUNTED <= usage.num_vectors
    if not (well_counted or enough_to_judge(round(usage.num_vectors), num_codes)):
        return None
    share, outside = effective / num_codes, "" if num_codes == evidence.num_codes else " outside the unused block"
    collapsed = effective <= max(1.5, limits.COLLAPSED_SHARE * num_codes)
    if not collapsed and share > limits.UNEVEN_SHARE:
        return None
    part = _telling_share(usage.counts, num_codes)
    carrying = codes_carrying(usage.counts, part)
    severity = at_most("severe" if collapsed else "note", harm(evidence))
    verb = "Uneven use" if severity == "note" else "Index collapse"
    served = ", which serves these embeddings well" if collapsed and severity == "note" else ""
    return found(
        "index-collapse",
        severity,
        f"{verb}: {carrying:,} of {num_codes:,} codes{outside} {'carries' if carrying == 1 else 'carry'} "
        f"{percent(part)} of assignments{served}.",
        ratio(
            "perplexity",
            effective,
            f"severe up to {percent(limits.COLLAPSED_SHARE)} of K = {num_codes:,}, "
            f"noted up to {percent(limits.UNEVEN_SHARE)}",
        ),
        count(f"codes that carry {percent(part)}", carrying, f"of {num_codes:,}"),
        count("N", usage.num_vectors),
        *harm_numbers(evidence),
        *sources(evidence),
    )


def _telling_share(counts: NDArray[np.generic], num_codes: int) -> float:
    """The largest of some shares of assignments that a quarter of the codes carry: a long tail hides a collapse."""
    return next((part for part in (0.99, 0.9) if codes_carrying(counts, part) <= num_codes / 4), 0.5)


def codes_carrying(counts: NDArray[np.generic], share: float) -> int:
    """The fewest codes that together have at least `share` of all assignments.

    >>> codes_carrying(np.array([98, 1, 1, 0]), 0.99)
    2
    """
    ordered = np.sort(np.asarray(counts, dtype=np.float64))[::-1].cumsum()
    return int(np.searchsorted(ordered, share * ordered[-1] * (1 - 1e-12)) + 1)


class _Unused(NamedTuple):
    """The codes that no source uses."""

    usage: UsageEvidence
    """What they are judged by."""

    scattered: NDArray[np.bool_]
    """(K,) those outside of the block."""

    inside: NDArray[np.bool_]
    """(K,) those in it."""

    block: range | None


def _unused(evidence: Evidence) -> _Unused | None:
    """None where usage cannot be judged."""
    dead, usage = dead_in_all(evidence), judged_by(evidence)
    if usage is None or dead is None:
        return None
    block = one_block(dead)
    inside = np.zeros_like(dead)
    if block is not None:
        inside[block.start : block.stop] = dead[block.start : block.stop]
    return _Unused(usage, dead & ~inside, inside, block)


def dead_codes_found(evidence: Evidence) -> Finding | None:
    """Unused codes that lie in no block, and whether they are far from P or crowded out within it."""
    unused = _unused(evidence)
    if unused is None or not unused.scattered.any() or evidence.num_codes < 2:
        return None
    dead = unused.scattered
    limit = f"warning from {percent(limits.MANY_DEAD_SHARE)} of K, severe from {percent(limits.SEVERE_DEAD_SHARE)}"
    numbers = [count("dead codes", dead.sum(), limit), *_numbers_beside(evidence, unused.usage)]
    outlying = _share_outlying(evidence, dead)
    if outlying is not None:
        numbers.append(
            context(
                "of these, further from P than P's own points are",
                outlying,
                percent(outlying),
                f"distance to the nearest latent beyond the {percent(limits.OUTLYING)} quantile of P's own",
            )
        )
    condition: Condition = "dead-codes-far" if outlying is None or outlying >= 0.5 else "dead-codes-crowded"
    where = {
        "dead-codes-far": ", most of them far from the embeddings.",
        "dead-codes-crowded": ", most of them crowded out within the embeddings.",
    }[condition]
    if outlying is None:
        where = ". Only latents can show whether they are far from P."
    head = f"{int(dead.sum()):,} of {evidence.num_codes:,} codes {'is' if dead.sum() == 1 else 'are'} dead"
    return found(condition, _severity(evidence, dead), head + where, *numbers)


def unused_block(evidence: Evidence) -> Finding | None:
    """Whether unused codes lie in one block, as no training leaves them: a warning at most, as it may be meant."""
    unused = _unused(evidence)
    if unused is None or unused.block is None:
        return None
    first, last, number = unused.block.start, unused.block.stop - 1, int(unused.inside.sum())
    return found(
        "unused-block",
        "note" if _severity(evidence, unused.inside) == "note" else "warning",
        f"{number:,} of {evidence.num_codes:,} codes are unused, in one block from {first:,} to {last:,}.",
        count("unused codes in the block", number, f"warning from {percent(limits.MANY_DEAD_SHARE)} of K"),
        count("codes outside the block", evidence.num_codes - len(unused.block)),
        *_numbers_beside(evidence, unused.usage),
    )


def _severity(evidence: Evidence, dead: NDArray[np.bool_]) -> Severity:
    share = float(dead.mean())
    by_share: Severity = "warning" if share >= limits.MANY_DEAD_SHARE else "note"
    return at_most("severe" if share >= limits.SEVERE_DEAD_SHARE else by_share, harm(evidence))


def _numbers_beside(evidence: Evidence, usage: UsageEvidence) -> tuple[Number, ...]:
    return (
        count("N", usage.num_vectors or 0),
        ratio("codes that even use would miss by chance", _missed_by_chance(usage)),
        *harm_numbers(evidence),
        *sources(evidence),
    )


def _missed_by_chance(usage: UsageEvidence) -> float:
    return len(usage.counts) - expected_active(round(usage.num_vectors or 0), len(usage.counts))


def one_block(dead: NDArray[np.bool_]) -> range | None:
    """The block of dead codes, if there is one, chance does not make one so long, and most codes outside it are used.

    >>> one_block(np.arange(100) >= 80)
    range(80, 100)
    """
    scores = np.where(dead, 1, -round(1 / limits.STRAYS))
    sums = np.append(0, scores.cumsum())
    stop = int((sums - np.minimum.accumulate(sums)).argmax())  # of the run of codes with the largest sum
    start = stop - int(sums[: stop + 1][::-1].argmin())
    inside, outside = dead[start:stop], np.append(dead[:start], dead[stop:])
    if np.count_nonzero(~outside) < limits.FEWEST_OUTSIDE or outside.mean() > limits.DEAD_OUTSIDE:
        return None
    by_chance = len(dead) * float(dead.mean()) ** len(inside)  # of as many dead codes in a row
    is_long = len(inside) >= limits.SMALLEST_BLOCK and by_chance <= limits.CHANCE_OF_A_MISS
    return range(start, stop) if is_long else None


def _share_outlying(evidence: Evidence, dead: NDArray[np.bool_]) -> float | None:
    """Share of the dead codes that lie further from P than its own points do from each other."""
    latents = evidence.latents
    if latents is None or len(latents.sample) < 100:
        return None
    sample = _spaced(latents.sample)
    own = np.quantile(nearest_distances(sample, sample, among_itself=True), limits.OUTLYING)
    return float((nearest_distances(_spaced(evidence.codebook[dead]), sample) > own).mean())


def _spaced(rows: Floats) -> Floats:
    chosen: Floats = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_COMPARED)).astype(int)]
    return chosen


def is_point(latents: LatentEvidence) -> bool:
    """Whether the latents are one point, or nearly so."""
    return latents.spread <= limits.POINT_SPREAD * latents.length


def has_few_values(evidence: Evidence) -> bool:
    """Whether many latents take so few distinct values that the encoder, and not the codebook, is at fault."""
    latents = evidence.latents
    if latents is None or latents.num_vectors < limits.vectors_needed(evidence.num_codes):
        return False
    return is_point(latents) or latents.distinct <= limits.COLLAPSED_SHARE * evidence.num_codes


def oversized_codebook(evidence: Evidence) -> Finding | None:
    """Whether there are too few distinct vectors for so many codes."""
    known = []
    if evidence.training.data_vectors is not None:
        known.append(evidence.training.data_vectors)
    latents = evidence.latents
    if latents is not None and latents.num_vectors >= limits.vectors_needed(evidence.num_codes):
        known.append(latents.distinct)
    if not known or evidence.num_codes < 2 or has_few_values(evidence):
        return None
    per_code = min(known) / evidence.num_codes
    if per_code >= limits.FEWEST_VECTORS_PER_CODE:
        return None
    return found(
        "oversized-codebook",
        "severe" if per_code <= 1 else "warning",
        f"The data have only {min(known):,} different vector{'' if min(known) == 1 else 's'} for "
        f"{codes_in_all(evidence.num_codes)}.",
        context(
            "different vectors per code",
            per_code,
            f"{per_code:.2g}",
            f"warning below {limits.FEWEST_VECTORS_PER_CODE}, severe up to 1",
        ),
    )
