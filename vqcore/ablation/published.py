"""What the paper reports of its ladder, held against one: relations, since other images have other values."""

from itertools import pairwise
from typing import NamedTuple

from vqcore.ablation.results import ResultRow, Results

NETWORK = "vqvae"
"""The problem that has the paper's network."""

TOGETHER = {"affine", "inner_steps", "sync", "replace_every"}
"""The options that a row of everything together sets."""

MOST_IN_USE_OF_BASELINE = 0.07
LEAST_IN_USE_TOGETHER = 0.9
LEAST_ERROR_RATIO = 1.6
"""Of the baseline's error over that of everything together (Huh et al. 2023, and an independent reproduction)."""


class Relation(NamedTuple):
    """One of the paper's relations, and what was found."""

    reported: str
    found: str
    holds: bool


def relations(results: Results) -> list[Relation]:
    """Those that the rows allow to be checked, over means of the seeds; none of another network than the paper's."""
    if results.about.get("problem") != NETWORK:
        return []
    rows = [row for row in results.rows if _is_measured(row)]
    baselines = sorted((row for row in rows if set(row.changes) == {"beta"}), key=_beta)
    together = next((row for row in rows if set(row.changes) >= TOGETHER), None)
    found = [] if not baselines else [_low(baselines[0])]
    if len(baselines) > 1:
        found.append(_rising(baselines))
    if together is not None:
        found.append(_used(together))
        found += [_better(baselines[0], together)] if baselines else []
    return found


def _low(baseline: ResultRow) -> Relation:
    share = _share(baseline)
    return Relation(
        f"The baseline uses fewer than {MOST_IN_USE_OF_BASELINE:.0%} of its codes",
        f"{share:.1%} at β = {_beta(baseline):g}",
        share < MOST_IN_USE_OF_BASELINE,
    )


def _rising(baselines: list[ResultRow]) -> Relation:
    shares = [_share(row) for row in baselines]
    betas = ", ".join(f"{_beta(row):g}" for row in baselines)
    return Relation(
        "Its usage rises with β",
        f"{', '.join(f'{share:.1%}' for share in shares)} at {betas}",
        all(lower < higher for lower, higher in pairwise(shares)),
    )


def _used(together: ResultRow) -> Relation:
    share = _share(together)
    return Relation(
        f"Everything together uses at least {LEAST_IN_USE_TOGETHER:.0%} of the codes",
        f"{share:.1%}",
        share >= LEAST_IN_USE_TOGETHER,
    )


def _better(baseline: ResultRow, together: ResultRow) -> Relation:
    ratio = _mean(baseline, "task_loss") / _mean(together, "task_loss")
    return Relation(
        f"Its error is at least {LEAST_ERROR_RATIO:g} times lower than the baseline's",
        f"{ratio:.2f} times",
        ratio >= LEAST_ERROR_RATIO,
    )


def _is_measured(row: ResultRow) -> bool:
    """Whether all that is compared here is there: the file may be anybody's."""
    numbers = [row.values(metric) for metric in ("task_loss", "active_codes", "num_codes")]
    return all(each and min(each.values()) > 0 for each in numbers) and _beta(row) >= 0


def _beta(row: ResultRow) -> float:
    """Zero where the row sets none, and below zero for what is no number."""
    beta = row.changes.get("beta", 0)
    return beta if isinstance(beta, int | float) and beta >= 0 else -1


def _share(row: ResultRow) -> float:
    return _mean(row, "active_codes") / _mean(row, "num_codes")


def _mean(row: ResultRow, metric: str) -> float:
    values = row.values(metric)
    return sum(values.values()) / len(values)
