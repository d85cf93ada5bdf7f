"""Conditions that can be seen by comparing the codes with the embeddings."""

import numpy as np

from vqcore.diagnostics import limits
from vqcore.diagnostics.evidence import Evidence, LatentEvidence
from vqcore.diagnostics.finding import Finding
from vqcore.diagnostics.geometry import effective_rank, mean_length, total_spread
from vqcore.diagnostics.usage_findings import has_few_values, is_point
from vqcore.diagnostics.wording import count, found, percent, ratio, share_of, times


def codebook_far(evidence: Evidence) -> Finding | None:
    """Whether even the assigned codes are further from P than its own mean: in location, in scale, or in both."""
    latents = evidence.latents
    if latents is None or evidence.residual_level > 0 or not np.isfinite(evidence.codebook).all():
        return None
    error = latents.relative_error
    if error is None or error < limits.FAR_ERROR:
        return None
    offset = float(np.linalg.norm(latents.mean - evidence.codebook.mean(0, dtype=np.float64)))
    place = offset / latents.spread
    scale = total_spread(evidence.codebook) / latents.spread
    in_place = place >= limits.FAR_PLACE
    in_scale = not 1 / limits.FAR_SCALE < scale < limits.FAR_SCALE
    how = {(True, True): "in location and in scale", (True, False): "in location", (False, True): "in scale"}.get(
        (in_place, in_scale), "in shape, though not in mean or spread"
    )
    return found(
        "codebook-far",
        "severe",
        f"The codebook is far from the embeddings {how}: its error is {times(error)} their variance.",
        ratio("‖z_e − z_q‖² over the variance of P", error, f"severe from {limits.FAR_ERROR:g}"),
        ratio("distance of the means, in spreads of P", place, f"far from {limits.FAR_PLACE:g}"),
        ratio("spread of C over that of P", scale, f"far outside {1 / limits.FAR_SCALE:g} to {limits.FAR_SCALE:g}"),
        count("N", latents.num_vectors),
    )


def embedding_collapse(evidence: Evidence) -> Finding | None:
    """Whether P fills few of its features, or is a point."""
    latents = evidence.latents
    if latents is None or evidence.residual_level > 0:
        return None
    if latents.num_vectors > 1 and is_point(latents):
        return _at_a_point(latents)
    if has_few_values(evidence):
        return found(
            "embedding-collapse",
            "severe",
            f"The embeddings take only {latents.distinct:,} different value{'' if latents.distinct == 1 else 's'}.",
            count(
                "different vectors",
                latents.distinct,
                f"severe up to {percent(limits.COLLAPSED_SHARE)} of K = {evidence.num_codes:,}",
            ),
            count("N", latents.num_vectors),
        )
    if evidence.dim < 2 or len(latents.sample) < limits.RANK_VECTORS_PER_DIM * evidence.dim:
        return None
    rank = effective_rank(latents.sample)
    low = max(limits.LOW_RANK, limits.LOW_RANK_SHARE * evidence.dim)
    if rank > low:
        return None
    return found(
        "embedding-collapse",
        "warning" if rank <= limits.LINE_RANK else "note",
        f"The embeddings fill {rank:.3g} of {evidence.dim} dimensions.",
        ratio(
            "effective rank of P",
            rank,
            f"noted up to {low:.3g} of D = {evidence.dim}, warning up to {limits.LINE_RANK:g}",
        ),
        count("sampled vectors", len(latents.sample), f"of {latents.num_vectors:,}"),
    )


def _at_a_point(latents: LatentEvidence) -> Finding:
    """All vectors (nearly) equal: the sentence and its numbers."""
    numbers = [ratio("length of the mean of P", latents.length), count("N", latents.num_vectors)]
    if latents.energy == 0:
        return found("embedding-collapse", "severe", "All embeddings are zero.", *numbers)
    how_near = ratio(
        "spread of P over the length of its mean",
        latents.spread / latents.length,
        f"severe up to {limits.POINT_SPREAD:g}",
    )
    nearly = "" if latents.spread == 0 else "nearly "
    return found("embedding-collapse", "severe", f"The embeddings are {nearly}one point.", how_near, *numbers)


def idle_level(evidence: Evidence) -> Finding | None:
    """Whether a level of a residual quantizer leaves the residual as large as it was, or makes it larger."""
    latents = evidence.latents
    if latents is None or evidence.residual_level == 0:
        return None
    if latents.energy == 0:
        return _nothing_to_do(evidence, latents)
    left = latents.error / latents.energy
    if left < limits.NOT_A_REDUCTION:
        return None
    does = "does harm" if left > 2 - limits.NOT_A_REDUCTION else "does nothing"
    return found(
        "idle-level",
        "severe",
        f"Level {evidence.residual_level + 1} {does}: it leaves {share_of(left, 'the energy of the residual')}.",
        ratio("‖residual‖² after over before", left, f"severe from {limits.NOT_A_REDUCTION:g}"),
        ratio("root mean square length of the residual before", latents.energy**0.5),
        ratio("mean length of the code vectors", mean_length(evidence.codebook)),
    )


def _nothing_to_do(evidence: Evidence, latents: LatentEvidence) -> Finding:
    return found(
        "idle-level",
        "severe",
        f"Level {evidence.residual_level + 1} has nothing to do: the levels before it leave a residual of zero.",
        ratio("root mean square length of the residual before", 0.0),
        count("N", latents.num_vectors),
    )
