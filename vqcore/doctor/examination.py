"""From a file to what is wrong with each of its codebooks. The file is never written to."""

# K codes, D features

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vqcore.checkpoints.axes import Axis
from vqcore.checkpoints.effective import Effective, effective
from vqcore.checkpoints.errors import CheckpointError, shown
from vqcore.checkpoints.fallback import OFFERED
from vqcore.checkpoints.found import Codebook
from vqcore.checkpoints.latents import Latents, count_codes_in, open_latents
from vqcore.checkpoints.reader import Checkpoint, open_checkpoint
from vqcore.checkpoints.usage import EMA_HITS, RECENT_CODES, REVIVED_HITS, SMOOTHED_HITS, Usage
from vqcore.diagnostics.diagnosis import diagnose
from vqcore.diagnostics.evidence import Evidence, UsageEvidence
from vqcore.diagnostics.finding import Finding
from vqcore.doctor.measuring import Measured, measure_levels

Progress = Callable[[str, float], None]
"""Is told what is being done and how much of all is, 0…1; what it raises ends the work."""

INIT_FLAGS = ("inited", "initted", "_initialized", "data_initialized")

SHORTEST_WINDOW = 5
"""Steps' worth of vectors in a moving average at decay 0.8, the shortest default; no file tells its decay."""

UNUSED_SHARE = 0.01
"""Of the mean, below which a moving average counts as unused: at decay 0.99 it takes 459 steps to fall so far."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What to examine, and what the user knows better than the rules."""

    path: Path
    latents: Path | None = None
    codes: Path | None = None
    key: str | None = None
    """Which tensor; whether or not a rule knows it."""

    axis: Axis | None = None
    rows: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Examined:
    """One codebook, examined."""

    codebook: Codebook
    effective: Effective
    evidence: Evidence
    findings: tuple[Finding, ...]
    """The first is the verdict."""

    read: tuple[str, ...]
    """What was read, and what to beware of, in sentences; safe to print, not escaped for HTML."""

    @property
    def verdict(self) -> Finding:
        """What matters most."""
        return self.findings[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Examination:
    """What is in a file, and what is wrong with it."""

    request: Request
    checkpoint: Checkpoint
    examined: tuple[Examined, ...] = field(default=())

    @property
    def is_severe(self) -> bool:
        """Whether any codebook has a severe finding."""
        return any(one.verdict.severity == "severe" for one in self.examined)


def examine(request: Request, *, progress: Progress | None = None) -> Examination:
    """Read the file and diagnose each codebook in it.

    Raises:
        CheckpointError: one sentence, for whatever cannot be read as asked.
    """
    told: Progress = progress or (lambda _, __: None)
    told("reading the file", 0.0)
    checkpoint = open_checkpoint(request.path, key=request.key, axis=request.axis, rows=request.rows)
    if not (checkpoint.codebooks or checkpoint.implicit):
        raise CheckpointError(_nothing(checkpoint))
    if request.latents is not None and request.codes is not None:
        raise CheckpointError("Latents and codes are both given. Give latents: their codes are found by the search.")
    books = checkpoint.codebooks
    fits = len(books) == 1 or (request.codes is None and _are_levels(books))
    if (request.latents or request.codes) is not None and not fits:
        raise CheckpointError(_which(request, books))
    vectors = [effective(book, checkpoint.known) for book in books]
    measured = _measured(request, vectors, told)
    told("diagnosing", 0.95)
    return Examination(
        request=request,
        checkpoint=checkpoint,
        examined=tuple(map(_examined, books, vectors, measured, [request] * len(books))),
    )


def worst(examination: Examination) -> Examined:
    """The codebook with the worst verdict; the first of them. There is one."""
    order = ("severe", "warning", "unknown", "healthy", "note")
    return min(examination.examined, key=lambda one: order.index(one.verdict.severity))


def _examined(codebook: Codebook, found: Effective, measured: Measured | None, request: Request) -> Examined:
    read = [f"{codebook.layout}; {found.formula} ({found.status}). {found.note}".strip()]
    usage = _usage_in_file(codebook, read)
    if measured is not None:
        usage = UsageEvidence(measured.counts, measured.latents.num_vectors, "at least once by the latents given")
    elif request.codes is not None:
        counted = count_codes_in(request.codes, codebook.num_codes)
        usage = UsageEvidence(counted.counts, counted.num_vectors, "at least once in the codes given")
    evidence = Evidence(
        codebook=found.vectors,
        usage=usage,
        latents=None if measured is None else measured.latents,
        residual_level=_residual_level(codebook),
        initialized=_initialized(codebook),
        stored_dtype=codebook.array.dtype,
    )
    return Examined(
        codebook=codebook, effective=found, evidence=evidence, findings=diagnose(evidence), read=tuple(read)
    )


def _measured(request: Request, found: Sequence[Effective], told: Progress) -> Sequence[Measured | None]:
    if request.latents is None or not all(np.isfinite(one.vectors).all() for one in found):
        return [None] * len(found)
    latents = open_latents(request.latents, found[0].vectors.shape[1])
    if latents.num_vectors == 0:
        raise CheckpointError(f"`{shown(request.latents)}` holds no vector. Give at least one.")
    cosine = found[0].search == "cosine"
    return measure_levels(
        _told_blocks(latents, told), latents.num_vectors, [one.vectors for one in found], cosine=cosine
    )


def _told_blocks(latents: Latents, told: Progress) -> Iterator[NDArray[np.float32]]:
    seen = 0
    for block in latents.blocks():
        told(f"searching latents, {seen:,} of {latents.num_vectors:,}", 0.05 + 0.9 * seen / latents.num_vectors)
        yield block
        seen += len(block)


def _are_levels(books: Sequence[Codebook]) -> bool:
    """Whether the codebooks are the levels of one residual quantizer, in order, so that latents pass through all."""
    first = books[0] if books else None
    return first is not None and all(
        book.structure == "residual" and book.level == level and book.dim == first.dim and book.copy == first.copy
        for level, book in enumerate(books)
    )


def _which(request: Request, books: Sequence[Codebook]) -> str:
    labels = ", ".join(book.label for book in books[:5])
    return (
        f"Latents and codes belong to one codebook, but {shown(request.path)} has {len(books)}. "
        f"Name one by --codebook: {labels}{' …' if len(books) > 5 else ''}."
    )


def _usage_in_file(codebook: Codebook, read: list[str]) -> UsageEvidence | None:
    """The first statistic beside the codebook that says something; `read` is told about all."""
    best = None
    for statistic in codebook.usage:
        usage = statistic.read()
        read.append(
            f"usage from {shown(statistic.key)}: {statistic.meaning.name}, {usage.window}. {usage.note}".strip()
        )
        if best is None and usage.tracked and usage.hits is not None:
            best = _as_evidence(statistic.meaning.name, usage)
    return best


def _as_evidence(meaning: str, usage: Usage) -> UsageEvidence:
    assert usage.hits is not None
    total = float(usage.hits.sum())
    if meaning == RECENT_CODES.name:
        return UsageEvidence(usage.hits, total, f"at least once in {usage.window}")
    if meaning in (EMA_HITS.name, REVIVED_HITS.name, SMOOTHED_HITS.name):
        least = SHORTEST_WINDOW * total
        below = UNUSED_SHARE * total / len(usage.hits)
        return UsageEvidence(usage.hits, least, f"at least 1% of the mean of {usage.window}", below)
    return UsageEvidence(usage.hits, None, usage.window)


def _residual_level(codebook: Codebook) -> int:
    residual = codebook.structure in ("residual", "grouped residual", "stacked levels")
    return (codebook.level or 0) if residual else 0


def _initialized(codebook: Codebook) -> bool | None:
    name = codebook.owner.first(*INIT_FLAGS)
    flag = None if name is None else codebook.owner.get(name)
    return None if flag is None else bool(np.all(flag.read()))


def _nothing(checkpoint: Checkpoint) -> str:
    """What to say of a file without a codebook that any rule knows."""
    offered: Sequence[str] = [
        f"{shown(one.key)} {one.shape}" for one in checkpoint.candidates[:5] if one.score >= OFFERED
    ]
    hint = f" Perhaps {', '.join(offered)}? Name it by --codebook." if offered else " Name one by --codebook KEY."
    return f"`{shown(checkpoint.path)}` has {checkpoint.num_arrays:,} tensors, but no rule finds a codebook.{hint}"
