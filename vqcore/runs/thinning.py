"""Which snapshots of a run to keep: all of the newest, and ever fewer of the past."""

from collections.abc import Sequence

NEWEST_KEPT = 8
"""These are never thinned, since usage is summed over the newest recorded steps."""


def thinned(steps: Sequence[int], most: int) -> list[int]:
    """At most `most` of the ascending `steps`, with gaps that grow with their age.

    The first is always kept, since a diagnosis compares the codebook with its start. Repeatedly, that step goes whose
    neighbours are closest together for their age.

    >>> thinned(range(0, 1000, 50), 11)
    [0, 200, 400, 600, 650, 700, 750, 800, 850, 900, 950]
    """
    kept = list(steps)
    most = max(most, NEWEST_KEPT + 1)
    while len(kept) > most:
        past = range(1, len(kept) - NEWEST_KEPT)
        kept.pop(min(past, key=lambda at: (kept[at + 1] - kept[at - 1]) / (kept[-1] - kept[at])))
    return kept
