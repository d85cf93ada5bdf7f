"""Whether a row differs from the first, judged by the differences between runs of the same seed."""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Compared(NamedTuple):
    """A row beside the first of the table."""

    difference: float
    """Mean over seeds that both have, of the row minus the first; NaN without any."""

    p: float
    """Of a paired t-test, corrected for the number of rows (Holm); NaN for fewer than two seeds."""


def compared(first: dict[int, float], rows: Sequence[dict[int, float]]) -> list[Compared]:
    """Each of `rows`, values by seed, beside `first`."""
    from scipy import stats  # late: the table alone does not need it

    differences, chances = [], []
    for row in rows:
        seeds = [seed for seed in first if seed in row]
        apart = [row[seed] - first[seed] for seed in seeds]
        differences.append(sum(apart) / len(apart) if apart else math.nan)
        is_judged = len(apart) > 1 and max(apart) > min(apart)
        chances.append(float(stats.ttest_1samp(apart, 0).pvalue) if is_judged else math.nan)
    return [Compared(*pair) for pair in zip(differences, holm(chances), strict=True)]


def holm(chances: Sequence[float]) -> list[float]:
    """p-values corrected for there being several (Holm 1979); NaN stays and does not count.

    >>> holm([0.01, 0.04, float("nan"), 0.03])
    [0.03, 0.06, nan, 0.06]
    """
    order = sorted((p, index) for index, p in enumerate(chances) if not math.isnan(p))
    corrected, highest = [math.nan] * len(chances), 0.0
    for rank, (p, index) in enumerate(order):
        highest = max(highest, min(1.0, p * (len(order) - rank)))
        corrected[index] = highest
    return corrected
