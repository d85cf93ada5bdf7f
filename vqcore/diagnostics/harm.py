"""How much better the codebook could be: what makes uneven use a fault, or only a property of the data."""

from typing import Literal

from vqcore.diagnostics import limits
from vqcore.diagnostics.evidence import Evidence
from vqcore.diagnostics.finding import Number, Severity
from vqcore.diagnostics.wording import ratio

Harm = Literal["severe", "noticed", "none", "unknown"]


def harm(evidence: Evidence) -> Harm:
    """Whether k-means on the same latents would at least halve the error, or lower it noticeably.

    `unknown` without latents, or if k-means was not run with as many codes and fewer do not prove harm.
    """
    latents = evidence.latents
    if latents is None or latents.relative_error is None:
        return "unknown"
    if latents.relative_error <= limits.NEGLIGIBLE_ERROR:
        return "none"
    if latents.attainable is None:
        return "unknown"
    attained = latents.attainable
    if latents.error >= limits.SEVERE_HARM * attained.error:
        return "severe"
    if attained.num_codes < evidence.num_codes:
        return "unknown"
    return "noticed" if latents.error >= limits.NOTICED_HARM * attained.error else "none"


def at_most(severity: Severity, done: Harm) -> Severity:
    """`severity`, or less if the use that it is about does no such harm."""
    if done == "none" and severity in ("severe", "warning"):
        return "note"
    return "warning" if done == "noticed" and severity == "severe" else severity


def harm_numbers(evidence: Evidence) -> tuple[Number, ...]:
    """The error, and what k-means attains, as far as they are known."""
    latents = evidence.latents
    if latents is None or latents.relative_error is None:
        return ()
    limit = f"no harm up to {limits.NEGLIGIBLE_ERROR:g}"
    numbers = [ratio("‖z_e − z_q‖² over the variance of P", latents.relative_error, limit)]
    if latents.attainable is not None:
        attained = latents.attainable
        name = f"what k-means with {attained.num_codes:,} codes attains on the same latents"
        limit = f"severe harm if the error is {limits.SEVERE_HARM:g} times that, none below {limits.NOTICED_HARM:g}"
        numbers.append(ratio(name, attained.error / latents.spread**2, limit))
    return tuple(numbers)
