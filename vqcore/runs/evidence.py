"""From a recorded step of a run to the evidence for its diagnosis."""

# M sampled vectors, K codes, D features

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vqcore.diagnostics.evidence import Evidence, LatentEvidence, TrainingEvidence, UsageEvidence
from vqcore.diagnostics.geometry import distinct_rows
from vqcore.diagnostics.limits import vectors_needed
from vqcore.diagnostics.unused_findings import dead_codes_found
from vqcore.diagnostics.usage import enough_to_judge
from vqcore.diagnostics.usage_findings import index_collapse, not_enough_data
from vqcore.files.errors import CheckpointError
from vqcore.runs.reading import RecordedCodebook, Run, read_snapshot

MOST_RANKS = 16
"""Processes whose codebooks are compared."""

MOST_STEPS = 8
"""Recorded steps over which usage is summed, if one alone has too few vectors to judge by."""


def evidence_at(run: Run, step: int | None = None) -> dict[str, Evidence]:
    """The evidence on each codebook at the recorded `step`, by default the newest, and on the way to it.

    Raises:
        CheckpointError: if that step is not kept, or cannot be read.
    """
    kept = run.snapshots
    newest = step if step is not None else kept[-1] if kept else None
    if newest is None or newest not in kept:
        raise CheckpointError(f"`{run.folder}` keeps no snapshot{'' if step is None else f' of step {step:,}'}.")
    now = run.snapshot(newest)
    recent = _before(run, [one for one in kept if one < newest][-MOST_STEPS + 1 :])
    first = run.snapshot(kept[0]) if kept[0] < newest else {}
    told = {str(one["name"]): one for one in run.about["codebooks"]}

    others = _other_ranks(run, newest)

    def evidence(name: str, book: RecordedCodebook, *, sure: bool) -> Evidence:
        about = told.get(name, {})
        usage = _usage(name, book, about, newest, recent, sure=sure)
        of_ranks = tuple(one[name].table for one in others if name in one)
        return _evidence(book, about, newest, usage, first.get(name), of_ranks)

    found = {name: evidence(name, book, sure=False) for name, book in now.items()}
    return {name: evidence(name, now[name], sure=True) if _is_open(one) else one for name, one in found.items()}


def _other_ranks(run: Run, step: int) -> list[dict[str, RecordedCodebook]]:
    """What the other processes of the same training recorded at `step`, as far as that is there."""
    size = run.about.get("world_size")
    if not isinstance(size, int) or size < 2 or run.folder.name != f"rank{run.about.get('rank')}":
        return []
    others = [run.folder.with_name(f"rank{number}") for number in range(min(size, MOST_RANKS))]
    found = []
    for folder in others:
        if folder != run.folder:
            try:
                found.append(read_snapshot(folder, step))
            except CheckpointError:  # slower, killed, or on another machine
                continue
    return found


def _is_open(evidence: Evidence) -> bool:
    """Whether a longer window may tell more: a collapse that the shorter one shows would only be blurred by it."""
    is_short = not_enough_data(evidence) is not None
    return is_short and index_collapse(evidence) is None and dead_codes_found(evidence) is None


def _before(run: Run, steps: Sequence[int]) -> list[tuple[int, dict[str, RecordedCodebook]]]:
    """The snapshots at `steps` that can be read, newest first."""
    found = []
    for step in reversed(steps):
        try:
            found.append((step, run.snapshot(step)))
        except CheckpointError:
            continue
    return found


def _usage(
    name: str,
    book: RecordedCodebook,
    about: Mapping[str, Any],
    step: int,
    recent: Sequence[tuple[int, dict[str, RecordedCodebook]]],
    *,
    sure: bool,
) -> UsageEvidence | None:
    """Counts of this step, and of those before it until a collapse would show, or to be `sure` that there is none."""
    if book.counts is None:
        return None
    if isinstance(batches := about.get("counts_over"), int):  # counts of several batches overlap with earlier ones
        window = f"at least once in the last {batches:,} training batches to step {step:,}"
        return UsageEvidence(book.counts, int(book.counts.sum()), window)
    counts, first, steps = book.counts.copy(), step, 1
    for earlier, books in recent:
        total, num_codes = int(counts.sum()), len(counts)
        if total >= vectors_needed(num_codes) if sure else enough_to_judge(total, num_codes):
            break
        before = books[name].counts if name in books else None
        if before is None or len(before) != len(counts):
            break
        counts, first, steps = counts + before, earlier, steps + 1
    window = f"at least once in step {step:,}"
    if steps > 1:
        window = f"at least once in {steps} recorded steps, {first:,} to {step:,}"
    return UsageEvidence(counts, int(counts.sum()), window)


def _evidence(
    book: RecordedCodebook,
    about: Mapping[str, Any],
    step: int,
    usage: UsageEvidence | None,
    first: RecordedCodebook | None,
    other_ranks: tuple[NDArray[np.float32], ...],
) -> Evidence:
    latents, broken = _latents(book)
    same_shape = first is not None and first.table.shape == book.table.shape
    return Evidence(
        codebook=book.table,
        usage=usage,
        latents=latents,
        broken_latents=broken,
        training=TrainingEvidence(
            steps=step,
            moved_by="ema" if about.get("moved_by") == "ema" else "gradient",
            gradient_norm=book.gradient_norm,
            initial_codebook=first.table if first is not None and same_shape else None,
            other_ranks=other_ranks,
        ),
        residual_level=int(about.get("level", 0)) if about.get("structure") == "residual" else 0,
    )


def _latents(book: RecordedCodebook) -> tuple[LatentEvidence | None, int]:
    """P from the sample, without the vectors that are not finite, and how many those are."""
    if book.z_e is None or book.codes is None:
        return None, 0
    searched = (book.codes >= 0) & (book.codes < len(book.table))
    finite = np.isfinite(book.z_e).all(1)
    there = searched & finite
    if not there.any():
        return None, int((~finite).sum())
    z_e, codes = book.z_e[there], book.codes[there]
    with np.errstate(all="ignore"):  # a broken codebook is for the diagnosis
        apart = np.subtract(z_e, book.table[codes], dtype=np.float64)
        error = float(np.square(apart).sum(1).mean())
    return LatentEvidence(
        num_vectors=len(z_e),
        mean=z_e.mean(0, dtype=np.float64),
        variance=z_e.var(0, dtype=np.float64),
        sample=z_e,
        error=error,
        distinct=distinct_rows(z_e),
    ), int((~finite).sum())
