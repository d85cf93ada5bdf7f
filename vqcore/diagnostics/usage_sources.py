"""One codebook counted by several sources: which codes are dead in all, and where they lie."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqcore.diagnostics import limits
from vqcore.diagnostics.evidence import Evidence, UsageEvidence
from vqcore.diagnostics.finding import Number
from vqcore.diagnostics.wording import count


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


class Unused(NamedTuple):
    """The codes that no source uses."""

    usage: UsageEvidence
    """What they are judged by."""

    scattered: NDArray[np.bool_]
    """(K,) those outside of the block."""

    inside: NDArray[np.bool_]
    """(K,) those in it."""

    block: range | None


def unused_codes(evidence: Evidence) -> Unused | None:
    """None where usage cannot be judged."""
    dead, usage = dead_in_all(evidence), judged_by(evidence)
    if usage is None or dead is None:
        return None
    block = one_block(dead)
    inside = np.zeros_like(dead)
    if block is not None:
        inside[block.start : block.stop] = dead[block.start : block.stop]
    return Unused(usage, dead & ~inside, inside, block)
