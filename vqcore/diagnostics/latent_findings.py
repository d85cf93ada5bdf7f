"""Conditions that can be seen by comparing the codes with the embeddings."""

from typing import NamedTuple

import numpy as np

from vqcore.diagnostics import limits
from vqcore.diagnostics.evidence import ROUNDING, Evidence, InputEvidence, LatentEvidence, LookedUp
from vqcore.diagnostics.finding import Finding, Number, Severity
from vqcore.diagnostics.geometry import effective_rank, mean_length, share_of_directions, total_spread
from vqcore.diagnostics.harm import at_most, harm
from vqcore.diagnostics.usage_findings import has_few_values, is_point
from vqcore.diagnostics.wording import context, count, found, percent, ratio, share_of, times


def codebook_far(evidence: Evidence) -> Finding | None:
    """Whether the assigned codes miss the embeddings in location, scale or shape, whatever the unused ones do."""
    latents = evidence.latents
    if latents is None or evidence.residual_level > 0:
        return None
    error = latents.relative_error
    if error is None or error <= limits.NEGLIGIBLE_ERROR:
        return None
    fit = None if latents.looked_up is None else fit_of(latents, latents.looked_up)
    is_misshapen = fit is not None and harm(evidence) == "severe" and (fit.is_misshapen or _are_useless(latents))
    is_off = fit is not None and (fit.is_out_of_place or fit.is_out_of_scale)
    if not (error >= limits.FAR_ERROR or is_misshapen or is_off):
        return None
    place = float(np.linalg.norm(latents.mean - evidence.codebook.mean(0, dtype=np.float64))) / latents.spread
    scale = total_spread(evidence.codebook) / latents.spread
    in_place, in_scale = place >= limits.FAR_PLACE, not 1 / limits.FAR_SCALE < scale < limits.FAR_SCALE
    if fit is not None and error < limits.FAR_ERROR and not is_misshapen:
        in_place, in_scale = fit.is_out_of_place, fit.is_out_of_scale
    is_too_small = fit is not None and fit.slope >= limits.TOO_SMALL_SLOPE
    severity: Severity = "severe" if is_too_small else at_most("severe", harm(evidence))
    how = {(True, True): "in location and in scale", (True, False): "in location", (False, True): "in scale"}.get(
        (in_place, in_scale), "in shape, though not in mean or spread"
    )
    larger = f", and they are {times(fit.slope)} as large as their codes" if fit and is_too_small else ""
    return found(
        "codebook-far",
        severity,
        f"The codebook is far from the embeddings {how}: its error is {share_of(error, 'their variance')}{larger}.",
        ratio("‖z_e − z_q‖² over the variance of P", error, f"severe from {limits.FAR_ERROR:g}"),
        *([] if fit is None else fit.numbers),
        ratio("distance of the means, in spreads of P", place, f"far from {limits.FAR_PLACE:g}"),
        ratio("spread of C over that of P", scale, f"far outside {1 / limits.FAR_SCALE:g} to {limits.FAR_SCALE:g}"),
        count("N", latents.num_vectors),
    )


def _are_useless(latents: LatentEvidence) -> bool:
    """Whether different codes are assigned, and one vector would do better than all of them."""
    found_codes, error = latents.looked_up, latents.relative_error
    if found_codes is None or error is None or error < limits.USELESS_ERROR:
        return False
    return found_codes.variance >= limits.NO_COLLAPSE * latents.spread**2


class Fit(NamedTuple):
    """How the latents follow their codes: z_e ≈ slope · z_q + offset, by least squares over all features."""

    slope: float
    """1 if every used code is the mean of its vectors, as training makes it, or if only one code is used."""

    placed: float
    """Share of the error that is left after all codes have been shifted alike."""

    scaled: float
    """Share that is left after they have been scaled alike, too; each vector keeps its code."""

    length_ratio: float

    @property
    def is_out_of_place(self) -> bool:
        """Whether a shift would at least halve the error."""
        return self.placed <= 1 / limits.SEVERE_HARM

    @property
    def is_out_of_scale(self) -> bool:
        """Whether a scale would halve what a shift leaves, or the codes are far too small."""
        factor = max(self.slope, 1 / max(self.slope, 1e-9))
        halves = self.scaled <= self.placed / limits.SEVERE_HARM
        return (factor >= limits.FAR_SLOPE and halves) or self.slope >= limits.TOO_SMALL_SLOPE

    @property
    def is_misshapen(self) -> bool:
        """Whether the vectors of a code are on average nearer to the middle than the code is."""
        return self.slope <= limits.SHAPE_SLOPE and self.scaled <= limits.SHAPE_LEFT

    @property
    def numbers(self) -> tuple[Number, ...]:
        """As a finding shows them."""
        outside = f"far outside {1 / limits.FAR_SLOPE:.2g} to {limits.FAR_SLOPE:g} if that scale halves the error"
        return (
            ratio("‖z_q‖ / ‖z_e‖", self.length_ratio),
            ratio("z_e as a multiple of its z_q, least squares", self.slope, outside),
            context("error left after a common shift", self.placed, percent(self.placed), "far up to 50%"),
            context("error left after a common shift and scale", self.scaled, percent(self.scaled)),
        )


def fit_of(latents: LatentEvidence, found_codes: LookedUp) -> Fit | None:
    """The regression of P on Q, from their moments alone; None without an error."""
    if latents.error <= 0 or latents.length_ratio is None:
        return None
    p, q = latents.spread**2, found_codes.variance
    centred = max(0.0, latents.error - float(np.square(latents.mean - found_codes.mean).sum()))
    together = (p + q - centred) / 2  # covariance of z_e and z_q, summed over features
    if q <= ROUNDING * p:  # one code
        return Fit(1.0, centred / latents.error, centred / latents.error, latents.length_ratio)
    return Fit(
        together / q, centred / latents.error, max(0.0, p - together**2 / q) / latents.error, latents.length_ratio
    )


def embedding_collapse(evidence: Evidence) -> Finding | None:
    """Whether P fills few of its features, or is a point."""
    if evidence.inputs is not None and evidence.inputs.distinct == 1:
        return _alike(evidence.inputs)
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
    if rank > limits.LINE_RANK and evidence.dim >= limits.PLANE_DIMS:
        held = share_of_directions(latents.sample, 2)
        if held >= limits.PLANE_SHARE:
            return _on_a_plane(evidence, held, rank)
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


def _on_a_plane(evidence: Evidence, held: float, rank: float) -> Finding:
    return found(
        "embedding-collapse",
        "warning",
        f"The embeddings lie on a plane: 2 of {evidence.dim} dimensions hold {percent(held)} of their variance.",
        context(
            "variance in two directions",
            held,
            percent(held),
            f"warning from {percent(limits.PLANE_SHARE)} in {limits.PLANE_DIMS} dimensions or more",
        ),
        ratio("effective rank of P", rank),
    )


def _alike(inputs: InputEvidence) -> Finding:
    """However many codes are in use: the encoder does not see what it is given."""
    return found(
        "embedding-collapse",
        "severe",
        f"All {inputs.num_inputs:,} inputs have the same {inputs.codes_each:,} codes: they follow from the place, "
        "not from the input.",
        count("inputs that differ in some code", 0, f"of {inputs.num_inputs:,}"),
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
    if latents is None:
        return None
    if latents.left_by_search:
        return _idle_search(latents.left_by_search)
    if evidence.residual_level == 0:
        return None
    if latents.energy == 0:
        return _nothing_to_do(evidence, latents)
    left = latents.error / latents.energy
    if left < limits.NOT_A_REDUCTION:
        return None
    return found(
        "idle-level",
        "severe",
        f"Level {evidence.residual_level + 1} {_effect(left)}: it leaves "
        f"{share_of(left, 'the energy of the residual')}.",
        ratio("‖residual‖² after over before", left, f"severe from {limits.NOT_A_REDUCTION:g}"),
        ratio("root mean square length of the residual before", latents.energy**0.5),
        ratio("mean length of the code vectors", mean_length(evidence.codebook)),
    )


def _idle_search(left_by_search: tuple[float, ...]) -> Finding | None:
    """The worst of the levels that share one table, which then fits the first of them alone."""
    left = max(left_by_search)
    if left < limits.NOT_A_REDUCTION:
        return None
    level = left_by_search.index(left) + 2
    return found(
        "idle-level",
        "severe",
        f"Level {level} {_effect(left)}: it shares its table with the first, which the table fits, and leaves "
        f"{share_of(left, 'the energy of the residual')}.",
        ratio("‖residual‖² after over before", left, f"severe from {limits.NOT_A_REDUCTION:g}"),
        count("levels that share the table", len(left_by_search) + 1),
    )


def _effect(left: float) -> str:
    return "does harm" if left > 2 - limits.NOT_A_REDUCTION else "does nothing"


def _nothing_to_do(evidence: Evidence, latents: LatentEvidence) -> Finding:
    return found(
        "idle-level",
        "severe",
        f"Level {evidence.residual_level + 1} has nothing to do: the levels before it leave a residual of zero.",
        ratio("root mean square length of the residual before", 0.0),
        count("N", latents.num_vectors),
    )
