"""Conditions that can be seen from the code vectors alone."""

import numpy as np

from vqcore.diagnostics import limits
from vqcore.diagnostics.average_findings import moved_by_averages, shrunken_rows
from vqcore.diagnostics.evidence import Evidence, Floats
from vqcore.diagnostics.finding import Finding
from vqcore.diagnostics.geometry import (
    is_point,
    mean_length,
    nearest_distances,
    total_spread,
)
from vqcore.diagnostics.harm import at_most, harm
from vqcore.diagnostics.initial_laws import initial_law
from vqcore.diagnostics.usage_sources import dead_in_all
from vqcore.diagnostics.wording import codes_in_all, context, count, found, percent, ratio, share_of

MOST_COMPARED = 4096
"""Codes whose nearest neighbour among all codes is searched; evenly spaced."""

EPSILON = {"float16": 2.0**-11, "bfloat16": 2.0**-8}
"""Half the gap between 1 and the next number, hence the largest relative rounding error."""


def broken_numbers(evidence: Evidence) -> Finding | None:
    """NaN or infinity in code vectors or latents, or rounding as coarse as the distances between codes."""
    bad = ~np.isfinite(evidence.codebook).all(1)
    if bad.any():
        return found(
            "broken-numbers",
            "severe",
            f"{_hold(int(bad.sum()), evidence.num_codes, 'code vectors')} NaN or infinity.",
            count("broken code vectors", bad.sum(), "severe from 1"),
        )
    if broken := evidence.broken_latents:
        every = broken + (0 if evidence.latents is None else evidence.latents.num_vectors)
        return found(
            "broken-numbers",
            "severe",
            f"{_hold(broken, every, 'latents')} NaN or infinity{_from(evidence.first_broken_latent)}.",
            count("broken latents", broken, "severe from 1"),
            count("finite latents, of which everything else is", every - broken),
        )
    if nan_codes := codes_of_nan(evidence):
        return nan_codes
    dtype = stored_as(evidence)
    if dtype is None or is_point(evidence.codebook):
        return None
    magnitude = float(np.sqrt(np.square(evidence.codebook.astype(np.float64)).sum(1).mean()))
    rounding = EPSILON[dtype] * magnitude / 3**0.5  # root mean square of an even error
    apart = float(np.median(_to_neighbours(evidence.codebook)))
    if rounding < limits.ROUNDING_SHARE * apart:
        return None
    return found(
        "broken-numbers",
        "severe",
        f"The codes are stored in {dtype}, whose rounding error is {_share_of_distance(rounding, apart)}.",
        ratio(
            "rounding error of a code vector",
            rounding,
            f"severe from {percent(limits.ROUNDING_SHARE)} of the distance",
        ),
        ratio("median distance to the nearest code", apart),
    )


def _from(first: int | None) -> str:
    return "" if first is None else f"; the first is number {first:,}, counted from 0"


def codes_of_nan(evidence: Evidence) -> Finding | None:
    """Codes that are all 0, as argmin answers where every distance is NaN."""
    usage = evidence.usage
    if usage is None or not usage.of_codes or len(usage.counts) < limits.FEWEST_TO_SUSPECT_NAN:
        return None
    total = int(usage.counts.sum())
    others = total - int(usage.counts[0])
    if total < len(usage.counts) or others > limits.NOT_NAN_SHARE * total:
        return None
    but = f" but {others:,}" if others else ""
    return found(
        "broken-numbers",
        "severe",
        f"All{but} of {total:,} codes are 0: most likely the latents hold NaN or infinity, for which argmin says 0. "
        "Look for the first step that is not finite.",
        count("codes other than 0", others, f"severe up to {percent(limits.NOT_NAN_SHARE)}"),
        count("N", total),
    )


def _hold(number: int, every: int, what: str) -> str:
    return f"{number:,} of {every:,} {what} {'holds' if number == 1 else 'hold'}"


def _share_of_distance(rounding: float, apart: float) -> str:
    if apart == 0:
        return "as large as the distance between neighbours, most of which are equal"
    return share_of(rounding / apart, "the distance between neighbours")


def stored_as(evidence: Evidence) -> str | None:
    """The half-precision dtype that the values have passed through, even if they are stored as float32 again."""
    if evidence.stored_dtype in EPSILON:
        return evidence.stored_dtype
    values = np.ascontiguousarray(evidence.codebook, dtype=np.float32)
    if not values.any():
        return None
    if not (values.view(np.uint32) & 0xFFFF).any():
        return "bfloat16"
    with np.errstate(over="ignore"):
        return "float16" if (values.astype(np.float16).astype(np.float32) == values).all() else None


def initialization_pending(evidence: Evidence) -> Finding | None:
    """Whether the file's own flag says that no batch has placed the codes so far."""
    if evidence.initialized is not False:
        return None
    return found(
        "initialization-pending",
        "severe",
        "The codebook waits for its first training batch: its initialization flag is off.",
        ratio("mean length of the code vectors", mean_length(evidence.codebook)),
    )


def never_trained(evidence: Evidence) -> Finding | None:
    """Whether the codes are still an initialization: all zero, or draws as libraries start from."""
    training = evidence.training
    watched = training.initial_codebook is not None or (
        training.gradient_norm is not None and bool(training.gradient_norm.any())
    )
    if (training.steps and watched) or moved_by_averages(evidence):
        return _unmoved_since(evidence)  # whether it moves is known, and not to be guessed from its distribution
    if training.steps == 0:
        return None  # nobody has trained it yet
    name, numbers = initial_law(evidence.codebook)
    if not name:
        return None
    latents = evidence.latents
    error = None if latents is None else latents.relative_error
    if _serves_as_well_as_kmeans(evidence):
        return None
    if error is not None and error < 1 and _few_are_used(evidence):
        title = f"Most codes are still as initialized: {name}. The ones in use do fit the embeddings."
        return found("never-trained", "note", title, *numbers)
    is_open = latents is None and evidence.codebook.any()
    rest = (
        " A few codes may have been trained: latents would distinguish this from index collapse." if is_open else ""
    )
    return found("never-trained", "severe", f"The codebook is still as initialized: {name}.{rest}", *numbers)


def _unmoved_since(evidence: Evidence) -> Finding | None:
    """Code vectors that are to the bit what they were in an earlier checkpoint, while others moved."""
    training = evidence.training
    start, steps = training.initial_codebook, training.steps or 0
    if start is None or start.shape != evidence.codebook.shape or training.moved_by == "ema" or training.frozen:
        return None
    if dead_in_all(evidence) is not None:  # which tells more than whether they moved
        return None
    enough = steps >= limits.STEPS_TO_MOVE if training.unit == "step" else training.unit == "epoch"
    still = (start == evidence.codebook).all(1)
    share = float(still.mean())
    if not enough or still.all() or share < limits.MANY_DEAD_SHARE:
        return None
    since = f"{steps:,} {training.unit}{'' if steps == 1 else 's'}"
    return found(
        "never-trained",
        at_most("severe" if share >= limits.SEVERE_DEAD_SHARE else "warning", harm(evidence)),
        f"{int(still.sum()):,} of {codes_in_all(len(still))} have not moved in {since}; the others have.",
        count(
            "code vectors that are as they were",
            still.sum(),
            f"warning from {percent(limits.MANY_DEAD_SHARE)}, severe from {percent(limits.SEVERE_DEAD_SHARE)}",
        ),
        count(f"{training.unit}s", steps),
    )


def _serves_as_well_as_kmeans(evidence: Evidence) -> bool:
    """Whether the codes are near the latents, as if drawn from them: whitened latents look like N(0, 1) too.

    In many dimensions k-means does hardly better than one point, and hence than any codes near that: the codes must
    be as wide as the latents, too.
    """
    latents = evidence.latents
    if latents is None or latents.attainable is None or harm(evidence) not in ("noticed", "none"):
        return False
    return total_spread(evidence.codebook) * limits.FAR_SCALE >= latents.spread


def _few_are_used(evidence: Evidence) -> bool:
    """Whether the used codes can have been trained without a visible effect on the distribution of all codes."""
    usage = evidence.usage
    return usage is None or float(np.mean(usage.counts >= usage.unused_below)) < limits.NOTICED_SHARE


def duplicate_codes(evidence: Evidence) -> Finding | None:
    """Codes that coincide."""
    codebook = evidence.codebook
    if evidence.averages is not None:  # rows that shrank are near each other, but no copies
        codebook = codebook[~shrunken_rows(codebook, evidence.averages)]
    if len(codebook) < 2 or not codebook.any():
        return None
    spread = total_spread(codebook)
    distances = _to_neighbours(codebook)
    share = float((distances <= limits.DUPLICATE_DISTANCE * spread).mean())
    if share < limits.MANY_DUPLICATES:
        return None
    return found(
        "duplicate-codes",
        "severe" if share >= limits.SEVERE_DUPLICATES else "warning",
        f"{percent(share)} of the codes coincide with another code."
        if spread > 0
        else f"The codebook is one point: all {evidence.num_codes:,} codes are equal.",
        context(
            "codes with a duplicate",
            share,
            percent(share),
            f"warning from {percent(limits.MANY_DUPLICATES)}, severe from {percent(limits.SEVERE_DUPLICATES)}; "
            f"duplicate: nearer than {limits.DUPLICATE_DISTANCE:g} of the codebook's spread",
        ),
        count("codes compared with all", len(distances)),
    )


def _to_neighbours(codebook: Floats) -> Floats:
    """Distances from some codes, evenly spaced by index, to the nearest other code."""
    if len(codebook) <= MOST_COMPARED:
        return nearest_distances(codebook, codebook, among_itself=True)
    rows = np.linspace(0, len(codebook) - 1, MOST_COMPARED).astype(int)
    others = np.delete(codebook, rows, 0)
    chosen = codebook[rows]
    among = nearest_distances(chosen, chosen, among_itself=True)
    return np.minimum(among, nearest_distances(chosen, others))
