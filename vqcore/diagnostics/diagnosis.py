"""From evidence to findings, the worst and most causal first. Pure: no file, clock or random number."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import get_args

import numpy as np

from vqcore.diagnostics import limits
from vqcore.diagnostics.average_findings import average_bookkeeping, unreachable_threshold
from vqcore.diagnostics.codebook_findings import (
    broken_numbers,
    codes_of_nan,
    duplicate_codes,
    initialization_pending,
    never_trained,
)
from vqcore.diagnostics.data_findings import colliding_codes, data_alone, padding_counted
from vqcore.diagnostics.evidence import Evidence
from vqcore.diagnostics.finding import Condition, Finding, Severity
from vqcore.diagnostics.in_force import still_to_try
from vqcore.diagnostics.latent_findings import codebook_far, embedding_collapse, idle_level
from vqcore.diagnostics.training_findings import (
    commitment_too_strong,
    deaf_decoder,
    drifting_embeddings,
    moves_though_frozen,
    no_gradient,
    ranks_disagree,
    recycling_replacement,
)
from vqcore.diagnostics.unused_findings import dead_codes_found, unused_block
from vqcore.diagnostics.usage_findings import index_collapse, not_enough_data, oversized_codebook
from vqcore.diagnostics.usage_sources import judged_by, sources
from vqcore.diagnostics.wording import codes_in_all, count, found

CHECKS: tuple[Callable[[Evidence], Finding | None], ...] = (
    broken_numbers,
    ranks_disagree,
    initialization_pending,
    never_trained,
    no_gradient,
    moves_though_frozen,
    average_bookkeeping,
    deaf_decoder,
    idle_level,
    drifting_embeddings,
    commitment_too_strong,
    embedding_collapse,
    codebook_far,
    oversized_codebook,
    unreachable_threshold,
    recycling_replacement,
    unused_block,
    duplicate_codes,
    index_collapse,
    dead_codes_found,
    colliding_codes,
    not_enough_data,
)

USAGE_CHECKS = (
    codes_of_nan,
    embedding_collapse,
    unused_block,
    index_collapse,
    dead_codes_found,
    colliding_codes,
    not_enough_data,
)
"""Those that look at no code vector."""

_SEVERITIES: tuple[Severity, ...] = get_args(Severity)
_CONDITIONS: tuple[Condition, ...] = get_args(Condition)


def diagnose(evidence: Evidence) -> tuple[Finding, ...]:
    """All findings; the first is the verdict. Never empty.

    Raises:
        ValueError: if parts of the evidence do not fit the codebook.
    """
    _check(evidence)
    is_finite = np.isfinite(evidence.codebook).all()
    checks = CHECKS if is_finite else (broken_numbers,)  # nothing else can be told of broken codes
    findings = _in_order(evidence, checks)
    options = evidence.training.options
    if options is None:
        return findings
    return tuple(replace(one, remedies=still_to_try(one.remedies, options)) for one in findings)


def diagnose_usage(evidence: Evidence) -> tuple[Finding, ...]:
    """As `diagnose`, from how K codes are used alone: the code vectors are not looked at."""
    return _in_order(evidence, USAGE_CHECKS)


def _in_order(evidence: Evidence, checks: Iterable[Callable[[Evidence], Finding | None]]) -> tuple[Finding, ...]:
    alone = data_alone(evidence)
    counted = padding_counted(evidence)  # the only one that looks at what padding hides
    findings = [finding for check in checks if (finding := check(alone)) is not None]
    findings += [] if counted is None else [counted]
    if all(finding.severity == "note" for finding in findings):
        findings.append(_healthy(alone))
    return tuple(
        sorted(findings, key=lambda one: (_SEVERITIES.index(one.severity), _CONDITIONS.index(one.condition)))
    )


def _healthy(evidence: Evidence) -> Finding:
    usage = judged_by(evidence)
    assert usage is not None  # otherwise `not_enough_data` has spoken
    used = int(np.count_nonzero(usage.counts >= usage.unused_below))
    return found(
        "healthy",
        "healthy",
        f"Healthy: {used:,} of {codes_in_all(evidence.num_codes)} {'is' if used == 1 else 'are'} used.",
        count("codes used", used, f"of {evidence.num_codes:,}"),
        count("N", usage.num_vectors, f"enough from {limits.vectors_needed(evidence.num_codes):,}"),
        *sources(evidence),
    )


def _check(evidence: Evidence) -> None:
    if evidence.codebook.ndim != 2 or evidence.codebook.size == 0:
        raise ValueError(f"`codebook` must be (K, D), but has shape {evidence.codebook.shape}.")
    for name, values in (
        *(("counts", one.counts) for one in evidence.usages),
        ("gradient_norm", evidence.training.gradient_norm),
        ("placed_at", evidence.training.placed_at),
    ):
        if values is not None and values.shape != (evidence.num_codes,):
            raise ValueError(f"`{name}` must be (K,) = ({evidence.num_codes},), but has shape {values.shape}.")
    if evidence.latents is not None and evidence.latents.sample.shape[1:] != (evidence.dim,):
        raise ValueError(f"`latents` must have D = {evidence.dim} features, like the codebook.")
