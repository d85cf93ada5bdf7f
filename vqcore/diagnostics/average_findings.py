"""Conditions that can be seen from the moving averages that some layouts keep beside a codebook."""

# K codes

from dataclasses import replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from vqcore.diagnostics import limits
from vqcore.diagnostics.advice import ONE_WRITER, REVIVE
from vqcore.diagnostics.evidence import AverageEvidence, Evidence, Floats
from vqcore.diagnostics.finding import Finding, Number, Severity
from vqcore.diagnostics.geometry import mean_length
from vqcore.diagnostics.harm import harm
from vqcore.diagnostics.initial_laws import initial_law
from vqcore.diagnostics.wording import codes_in_all, context, count, found, percent, ratio, share_of

OF_TWO_WRITERS = (
    "The codebook is moved by a moving average and by an optimizer that was given all of the model's parameters: "
    "each undoes a part of the other's step."
)

OF_SHRUNKEN_ROWS = (
    "A code that no vector chooses keeps what is left of its sum over a count that never quite reaches 0: its row "
    "shrinks towards 0, where hardly any vector finds it again. Either nothing replaces unused codes, or a "
    "replacement moves the vector but not its sum and count, and the next update puts it back."
)

UNUSED_SHARE = 0.01
"""Of the mean count: a code below it has not been used for hundreds of steps."""

MOST = 0.5
"""Of the codes in use: others may have been replaced since the last update."""


def average_bookkeeping(evidence: Evidence) -> Finding | None:
    """Whether counts and sums contradict how codes are started or revived: two faults that often come together."""
    averages = evidence.averages
    if averages is None or not averages.counts.sum() > 0:
        return None
    seen = (
        _bad_start(evidence, averages),
        _shrunk(evidence),
        _taken_back(evidence, averages),
        _two_writers(evidence, averages),
    )
    return min(filter(None, seen), key=lambda one: get_args(Severity).index(one.severity), default=None)


def _bad_start(evidence: Evidence, averages: AverageEvidence) -> Finding | None:
    """Sums set to the start's vectors, and not to counts × vectors: the next update divides by the counts."""
    live = averages.counts >= max(2.0, UNUSED_SHARE * averages.counts.mean())
    if averages.sums is None or live.sum() < limits.FEWEST_LIVE_ROWS:
        return None
    lengths, sums = _lengths(evidence.codebook)[live], _lengths(averages.sums)[live]
    counts = averages.counts[live].astype(np.float64)
    if not (lengths > 0).all() or not (sums > 0).all():
        return None
    kept = float(np.median(sums / (lengths * counts)))
    pending = float(np.median(sums / lengths))
    if kept <= 0.5 and 0.5 <= pending <= 2:
        return found(
            "ema-bookkeeping",
            "severe",
            f"The EMA sums are not counts × vectors: the next update shrinks the codes to {percent(kept)} of their "
            "length.",
            ratio("‖sum‖ over count × ‖vector‖, median", kept, "1 in a sound state, severe up to 0.5"),
            count("codes in use", live.sum(), f"of {codes_in_all(evidence.num_codes)}"),
        )
    return None


def _shrunk(evidence: Evidence) -> Finding | None:
    """A mean length that fell between two checkpoints as no training makes it fall."""
    earlier = evidence.training.initial_codebook
    if earlier is None or earlier.shape != evidence.codebook.shape or not np.isfinite(earlier).all():
        return None
    before, now = mean_length(earlier), mean_length(evidence.codebook)
    if initial_law(earlier)[0] or now > limits.SHRUNK_LENGTH * before:
        return None
    steps, unit = evidence.training.steps or 0, evidence.training.unit
    return found(
        "ema-bookkeeping",
        "severe" if now <= limits.SHRUNK_LENGTH**2 * before else "warning",
        f"The codebook shrank to {share_of(now / before, 'its length')} within {steps:,} {unit}"
        f"{'' if steps == 1 else 's'}: are its EMA sums counts × vectors from the start?",
        ratio("mean length now", now, f"severe up to {percent(limits.SHRUNK_LENGTH**2)} of the earlier"),
        ratio("mean length before", before),
    )


def _taken_back(evidence: Evidence, averages: AverageEvidence) -> Finding | None:
    """Dead rows that shrank to almost nothing: nothing moved them, or the next update undid it.

    Replacement may be off on purpose, so it takes harm to be severe, where latents can show it.
    """
    shrunken = shrunken_rows(evidence.codebook, averages)
    share = float(shrunken.mean())
    if share < limits.MANY_DUPLICATES:
        return None
    length = _lengths(evidence.codebook)
    rest = float(np.median(length[shrunken]) / np.median(length[_live(averages)]))
    numbers = [
        count("shrunken rows", shrunken.sum(), f"warning from {percent(limits.MANY_DEAD_SHARE)} of K"),
        context("their length over that of codes in use, medians", rest, percent(rest), "up to 10%"),
        *_identity(evidence, averages),
    ]
    severity: Severity = "warning" if share >= limits.MANY_DEAD_SHARE else "note"
    if share >= limits.SEVERE_DEAD_SHARE and harm(evidence) in ("severe", "unknown"):
        severity = "severe"
    seen = found(
        "ema-bookkeeping",
        severity,
        f"{int(shrunken.sum()):,} of {codes_in_all(evidence.num_codes)} are dead rows that shrank to {percent(rest)} "
        "of the others' length: replacement is off, or every update takes its moves back.",
        *numbers,
        remedies=(REVIVE,),
    )
    return replace(seen, cause=OF_SHRUNKEN_ROWS)


def _two_writers(evidence: Evidence, averages: AverageEvidence) -> Finding | None:
    """Nearly every row in use lies a little beside the mean that the average has just written there."""
    live = _live(averages)
    if averages.sums is None or live.sum() < limits.FEWEST_LIVE_ROWS or np.ptp(averages.counts[live]) == 0:
        return None  # equal counts have never been updated
    apart = _from_means(evidence.codebook, averages)[live]
    rounded = limits.BESIDE_MEANS * (4 if evidence.stored_dtype != "float32" else 1)
    beside = (apart > rounded) & (apart < limits.FAR_FROM_MEANS)
    if beside.mean() < limits.WRITTEN_TWICE:
        return None
    seen = found(
        "ema-bookkeeping",
        "warning",
        f"Two hands move this codebook: {int(beside.sum()):,} of {codes_in_all(int(live.sum()))} in use lie "
        f"{percent(float(np.median(apart)))} of their length beside the mean that the EMA keeps, as after a step of "
        "an optimizer that has the codebook, too.",
        count("rows in use beside their EMA mean", beside.sum(), f"warning from {percent(limits.WRITTEN_TWICE)}"),
        context("median distance from it, over the row's length", float(np.median(apart)), f"{np.median(apart):.2g}"),
        remedies=(ONE_WRITER,),
    )
    return replace(seen, cause=OF_TWO_WRITERS)


def _from_means(codebook: Floats, averages: AverageEvidence) -> NDArray[np.float64]:
    """(K,) distance of each row from its sum over its count, smoothed or not, at unit length where rows are."""
    assert averages.sums is not None
    total, epsilon = float(averages.counts.sum()), 1e-5
    smoothed = (averages.counts + epsilon) / (total + len(codebook) * epsilon) * total
    length = np.maximum(_lengths(codebook), 1e-12)
    distances = []
    for counts in (smoothed, np.maximum(averages.counts, epsilon)):
        means = averages.sums.astype(np.float64) / counts[:, None]
        distances.append(_lengths(means - codebook) / length)
        of_means = np.maximum(_lengths(means), 1e-12)
        if np.allclose(length, 1, atol=1e-3):
            distances.append(_lengths(means / of_means[:, None] - codebook))
    return np.asarray(np.min(distances, axis=0))


def _identity(evidence: Evidence, averages: AverageEvidence) -> tuple[Number, ...]:
    """How many rows are sum / smoothed count, as none is that a replacement has moved since the last update."""
    holds = _are_means(evidence.codebook, averages)
    if holds is None:
        return ()
    return (count("rows that are their sum over their smoothed count", holds.sum(), "all: nothing has been revived"),)


def _are_means(codebook: Floats, averages: AverageEvidence) -> NDArray[np.bool_] | None:
    """(K,) rows that are their sum over their smoothed count; None where no sums are kept."""
    if averages.sums is None:
        return None
    total, epsilon = float(averages.counts.sum()), 1e-5
    smoothed = (averages.counts + epsilon) / (total + len(codebook) * epsilon) * total
    apart = _lengths(averages.sums / smoothed[:, None] - codebook)
    return np.asarray(apart <= 1e-3 * np.maximum(_lengths(codebook), 1e-12))


def moved_by_averages(evidence: Evidence) -> bool:
    """Whether most codes in use are the means of counted vectors, as no initialization is."""
    averages = evidence.averages
    if averages is None or not averages.counts.sum() > 0:
        return False
    means, live = _are_means(evidence.codebook, averages), _live(averages)
    return means is not None and bool(means[live].mean() >= MOST)


def shrunken_rows(codebook: Floats, averages: AverageEvidence) -> NDArray[np.bool_]:
    """(K,) rows that are hardly ever used and at most a tenth as long as those in use."""
    live, length = _live(averages), _lengths(codebook)
    if not length[live].any():
        return np.zeros(len(codebook), np.bool_)
    unused = averages.counts < limits.FORGOTTEN_SHARE * averages.counts.mean()
    return np.asarray(unused & (length <= limits.SHRUNKEN_LENGTH * np.median(length[live])))


def _live(averages: AverageEvidence) -> NDArray[np.bool_]:
    return np.asarray(averages.counts >= UNUSED_SHARE * averages.counts.mean())


def unreachable_threshold(evidence: Evidence) -> Finding | None:
    """Whether a batch has too few vectors for all codes to stay above the replacement threshold."""
    averages, threshold = evidence.averages, evidence.training.threshold
    if averages is None or threshold is None or threshold <= 0:
        return None
    total = float(averages.counts.sum())
    if total >= threshold * evidence.num_codes:
        return None
    kept = int(total / threshold)
    recycled = float((averages.counts < threshold).mean())
    return found(
        "unreachable-threshold",
        "severe" if kept < evidence.num_codes / 2 else "warning",
        f"A threshold of {threshold:g} cannot be met: of about {total:,.0f} vectors a step at most {kept:,} of "
        f"{codes_in_all(evidence.num_codes)} can get that many.",
        count("codes that can be kept", kept, "severe below half of K"),
        context("codes below the threshold now, replaced at the next step", recycled, percent(recycled)),
        ratio("vectors a step over K", total / evidence.num_codes, f"must exceed the threshold of {threshold:g}"),
    )


def _lengths(vectors: Floats) -> NDArray[np.float64]:
    """(K,)."""
    return np.asarray(np.linalg.norm(vectors.astype(np.float64), axis=1))
