"""Conditions of what was counted: vectors that are no data, and items whose codes are not their own."""

# N vectors or inputs, K codes

from dataclasses import replace

import numpy as np

from vqcore.diagnostics import limits
from vqcore.diagnostics.evidence import Evidence, Repeated, UsageEvidence
from vqcore.diagnostics.finding import Finding
from vqcore.diagnostics.usage import expected_active, perplexity
from vqcore.diagnostics.wording import context, count, digits, found, percent, ratio


def padding_counted(evidence: Evidence) -> Finding | None:
    """Whether one vector is so much of the latents that perplexity is rather its share than a measure of use."""
    padding, usage = _padding(evidence), evidence.usage
    if padding is None or usage is None:
        return None
    with_it, without = perplexity(usage.counts), perplexity(_without(usage, padding).counts)
    share = padding.share
    return found(
        "padding-counted",
        "warning" if without >= limits.PERPLEXITY_CHANGED * with_it else "note",
        f"{percent(share)} of the latents are one vector, as padding or silence is: without it the perplexity is "
        f"{digits(without)}, and not {digits(with_it)}.",
        context(
            "share of the latents that are one vector",
            share,
            percent(share),
            f"from {percent(limits.REPEATED_SHARE)}",
        ),
        ratio("perplexity without it", without, f"warning from {limits.PERPLEXITY_CHANGED:g} times that with it"),
        ratio("perplexity with it", with_it),
        context("the code of that vector", padding.code, f"{padding.code}"),
        count("N", usage.num_vectors or 0),
    )


def data_alone(evidence: Evidence) -> Evidence:
    """`evidence` with the use of codes as it is without padding; itself where there is none."""
    padding, usage = _padding(evidence), evidence.usage
    return evidence if padding is None or usage is None else replace(evidence, usage=_without(usage, padding))


def _padding(evidence: Evidence) -> Repeated | None:
    repeated = None if evidence.latents is None else evidence.latents.repeated
    if repeated is None or evidence.usage is None or not evidence.usage.num_vectors:
        return None
    return repeated if limits.REPEATED_SHARE <= repeated.share <= limits.MOST_REPEATED else None


def _without(usage: UsageEvidence, padding: Repeated) -> UsageEvidence:
    counts = np.array(usage.counts, dtype=np.float64)
    left = counts[padding.code] - padding.share * counts.sum()
    counts[padding.code] = max(1.0, left)  # one of padding alone is not dead
    return usage._replace(
        counts=counts,
        num_vectors=float(counts.sum()),
        window=f"{usage.window}, padding left out",
        drawn_from=None if usage.drawn_from is None else round((1 - padding.share) * usage.drawn_from),
    )


def colliding_codes(evidence: Evidence) -> Finding | None:
    """Whether items that should have a tuple of codes of their own share theirs with others.

    More items than there are tuples are no items: frames, rather, which may be alike.
    """
    inputs = evidence.inputs
    if inputs is None or inputs.possible is None or inputs.possible < inputs.num_inputs:
        return None
    total = inputs.num_inputs
    share = 1 - inputs.distinct / total
    if share < limits.COLLIDING_SHARE or inputs.distinct == 1:
        return None
    chance = max(0.0, 1 - expected_active(total, inputs.possible) / total)
    after = ", ".join(percent(1 - one / total) for one in inputs.by_prefix)
    return found(
        "colliding-codes",
        "warning",
        f"{total:,} inputs have only {inputs.distinct:,} different tuples of {inputs.codes_each:,} codes: "
        f"{percent(share)} collide, where {percent(chance)} of even and independent codes would.",
        context(
            "1 − different tuples over inputs", share, percent(share), f"warning from {limits.COLLIDING_SHARE:.0%}"
        ),
        context("the same of even and independent codes", chance, percent(chance)),
        context("the same after each level", share, after),
        count("inputs that share one tuple, at most", inputs.largest),
    )
