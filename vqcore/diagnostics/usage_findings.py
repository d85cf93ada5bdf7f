"""Conditions that can be seen from how the codes are used."""

import math

import numpy as np
from numpy.typing import NDArray

from vqcore.diagnostics import limits
from vqcore.diagnostics.evidence import Evidence, LatentEvidence, UsageEvidence
from vqcore.diagnostics.finding import Finding, Number
from vqcore.diagnostics.harm import at_most, harm, harm_numbers
from vqcore.diagnostics.usage import enough_to_judge, expected_active, perplexity
from vqcore.diagnostics.usage_sources import judged_by, sources, unused_codes
from vqcore.diagnostics.wording import codes_in_all, context, count, found, percent, ratio


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
    unused = unused_codes(evidence)
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
