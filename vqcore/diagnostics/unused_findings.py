"""Codes that nothing uses: scattered ones, far from P or crowded out within it, and those of one block."""

import numpy as np
from numpy.typing import NDArray

from vqcore.diagnostics import limits
from vqcore.diagnostics.evidence import Evidence, Floats, UsageEvidence
from vqcore.diagnostics.finding import Condition, Finding, Number, Severity
from vqcore.diagnostics.geometry import nearest_distances
from vqcore.diagnostics.harm import at_most, harm, harm_numbers
from vqcore.diagnostics.usage import expected_active
from vqcore.diagnostics.usage_sources import sources, unused_codes
from vqcore.diagnostics.wording import context, count, found, percent, ratio

MOST_COMPARED = 2048
"""Dead codes, and latents, whose distances are computed; evenly spaced among all."""


def dead_codes_found(evidence: Evidence) -> Finding | None:
    """Unused codes that lie in no block, and whether they are far from P or crowded out within it."""
    unused = unused_codes(evidence)
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
    unused = unused_codes(evidence)
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
