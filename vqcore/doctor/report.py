"""What reports say of an examination: its verdict, its contents, the use of its codebooks and their table."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vqcore.checkpoints.reader import Checkpoint
from vqcore.diagnostics.evidence import UsageEvidence
from vqcore.diagnostics.usage import perplexity
from vqcore.diagnostics.wording import digits
from vqcore.doctor.examination import Examination, Examined, worst


class UsageSummary(NamedTuple):
    """What a report says about the use of a codebook."""

    used: int
    num_codes: int
    perplexity: float
    entropy_share: float
    """Entropy over log K, 0…1."""

    num_vectors: float | None
    window: str


def summary_of(usage: UsageEvidence | None) -> UsageSummary | None:
    """Used codes, perplexity and their window; None if nothing is known."""
    if usage is None or not np.sum(usage.counts) > 0:
        return None
    effective, num_codes = perplexity(usage.counts), len(usage.counts)
    return UsageSummary(
        used=int(np.count_nonzero(usage.counts >= usage.unused_below)),
        num_codes=num_codes,
        perplexity=effective,
        entropy_share=math.log(effective) / math.log(num_codes) if num_codes > 1 else 1.0,
        num_vectors=usage.num_vectors,
        window=usage.window,
    )


def headline(examination: Examination) -> str:
    """The verdict in a sentence, of the worst codebook."""
    if not examination.examined:
        return f"No code vectors are stored: {examination.checkpoint.implicit[0].about}"
    one = worst(examination)
    where = f" In {one.codebook.label}." if len(examination.examined) > 1 else ""
    return one.verdict.title + where


def contents_of(checkpoint: Checkpoint) -> str:
    """Format, number of tensors and step."""
    step = "" if checkpoint.step is None else f", {checkpoint.step[0]} {checkpoint.step[1]:,}"
    tensors = "1 tensor" if checkpoint.num_arrays == 1 else f"{checkpoint.num_arrays:,} tensors"
    return f"{checkpoint.format}, {tensors}{step}"


def amount(num_vectors: float | None, num_codes: int) -> str:
    """N and N/K, or that N is unknown.

    >>> amount(65536, 1024), amount(None, 8)
    ('N = 65,536, N/K = 64', 'N unknown')
    """
    if num_vectors is None:
        return "N unknown"
    return f"N = {num_vectors:,.0f}, N/K = {num_vectors / num_codes:.3g}"


def levels_table(examined: Sequence[Examined]) -> list[tuple[str, ...]]:
    """A row for each codebook: name, used, entropy over log K, relative error, verdict."""
    rows: list[tuple[str, ...]] = []
    for one in examined:
        usage, latents = summary_of(one.evidence.usage), one.evidence.latents
        error = None if latents is None else latents.relative_error
        rows.append(
            (
                one.codebook.label,
                f"{one.codebook.num_codes:,} × {one.codebook.dim:,}",
                "–" if usage is None else f"{usage.used:,} ({100 * usage.used / usage.num_codes:.0f}%)",
                "–" if usage is None else f"{usage.entropy_share:.2f}",
                "–" if error is None else digits(error),
                f"{one.verdict.severity}: {one.verdict.condition}",
            )
        )
    return rows


TABLE_HEAD = ("codebook", "K × D", "used", "entropy / log K", "relative error", "verdict")
