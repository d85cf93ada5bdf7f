"""From a file to what is wrong with each of its codebooks. The file is never written to."""

# K codes, D features

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from vqcore.checkpoints.assembling import Together
from vqcore.checkpoints.axes import Axis
from vqcore.checkpoints.contents import Codebook, Search
from vqcore.checkpoints.effective import Effective, Vectors, effective
from vqcore.checkpoints.matching import UNKNOWN_LAYOUT
from vqcore.checkpoints.reader import Checkpoint, open_checkpoint
from vqcore.checkpoints.usage import EMA_HITS, HITS, LARGEST, RECENT_CODES, REVIVED_HITS, SMOOTHED_HITS, Usage
from vqcore.diagnostics import limits
from vqcore.diagnostics.diagnosis import diagnose
from vqcore.diagnostics.evidence import (
    AverageEvidence,
    Evidence,
    InputEvidence,
    LatentEvidence,
    TrainingEvidence,
    UsageEvidence,
)
from vqcore.diagnostics.finding import Finding
from vqcore.doctor.assignment import assign, by_cosine, searched_otherwise
from vqcore.doctor.attainable import with_attainable
from vqcore.doctor.code_assignment import assign_codes
from vqcore.doctor.measuring import SAMPLE_SEED, Measured, Progress, measure_arranged, vectors_to_search
from vqcore.files.errors import CheckpointError, shown

INIT_FLAGS = ("inited", "initted", "_initialized", "data_initialized")

AVERAGED_HITS = (EMA_HITS.name, REVIVED_HITS.name, SMOOTHED_HITS.name)

SUMS = ("embed_avg", "embedding_avg", "embed_ema", "_ema_w", "ema_w", "z_avg")
"""What layouts call the moving average of the sums of each code's vectors."""

SHORTEST_WINDOW = 5
"""Steps' worth of vectors in a moving average at decay 0.8, the shortest default; no file records its decay."""

UNUSED_SHARE = 0.01
"""Share of the mean below which a moving average counts as unused: at decay 0.99 falling that far takes 459 steps."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What to examine, and what the user knows better than the rules."""

    path: Path
    latents: Path | None = None
    codes: Path | None = None
    level_axis: int | None = None
    """The axis of the codes along which there is one code of each codebook."""

    latents_key: str | None = None
    latents_axis: int | None = None
    """Which array of the latents' file, and which of its axes holds the features."""

    mask: Path | None = None
    """A file that says which latents or codes are data, and which padding."""

    key: str | tuple[str, ...] | None = None
    """Which tensor or tensors, whether or not a rule recognizes them."""

    search: Search | None = None
    structure: Together | None = None
    """How the codes are found and how several codebooks work together, whatever the file seems to say."""

    axis: Axis | None = None
    rows: int | None = None
    threshold: float | None = None
    """Of the training's replacement: a code with fewer vectors a step on average is moved."""

    ranks: tuple[Path, ...] = ()
    """The same checkpoint as other processes of a distributed training saved it."""

    frozen: bool = False
    """Whether the codebooks of a folder were meant to stay as they are in its first checkpoint."""

    every_latent: bool = False
    """Search all latents, even if a random subset is enough and far quicker."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Examined:
    """One codebook, examined."""

    codebook: Codebook
    effective: Effective
    evidence: Evidence
    findings: tuple[Finding, ...]
    """Findings; the first is the verdict."""

    read: tuple[str, ...]
    """What was read, with caveats, in sentences; safe to print, not escaped for HTML."""

    @property
    def verdict(self) -> Finding:
        """The most important finding."""
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


class Reading(NamedTuple):
    """What a checkpoint alone shows, before the diagnosis."""

    checkpoint: Checkpoint
    found: tuple[Effective, ...]
    """For each codebook, its vectors as the search sees them."""

    evidence: tuple[Evidence, ...]
    said: tuple[tuple[str, ...], ...]
    """For each codebook, the first sentences of `Examined.read`."""


def read(request: Request, *, training: Mapping[str, TrainingEvidence] = MappingProxyType({})) -> Reading:
    """Read the file, without the latents or codes; a fraction of what an examination takes.

    Args:
        request: what to examine.
        training: what else is known about how a codebook was trained, by its label.

    Raises:
        CheckpointError: one sentence, for whatever cannot be read as asked.
    """
    check_given(request)
    checkpoint = opened(request)
    if not (checkpoint.codebooks or checkpoint.implicit):
        raise CheckpointError(_nothing(checkpoint))
    if not checkpoint.codebooks and (request.latents or request.codes) is not None:
        raise CheckpointError(
            f"`{shown(request.path)}` stores no code vectors that latents or codes could be compared with. Give its "
            "codes "
            "without it: --codes FILE --num-codes K."
        )
    return _as_told(request, reading_of(checkpoint, training))


def _as_told(request: Request, reading: Reading) -> Reading:
    """`reading` with what the user knows of the training, and with the codebooks of its other processes."""
    others = [_tables_of(request, path) for path in request.ranks]
    evidence = tuple(
        replace(
            one,
            training=replace(
                one.training,
                threshold=request.threshold,
                other_ranks=tuple(tables[book.label] for tables in others if book.label in tables),
            ),
        )
        for book, one in zip(reading.checkpoint.codebooks, reading.evidence, strict=True)
    )
    return reading._replace(evidence=evidence)


def _tables_of(request: Request, path: Path) -> dict[str, Vectors]:
    """The effective code vectors in another process's file, by label."""
    checkpoint = opened(request, path)
    if not checkpoint.codebooks:
        raise CheckpointError(_nothing(checkpoint))
    return {book.label: effective(book, checkpoint.known).vectors for book in checkpoint.codebooks}


def opened(request: Request, path: Path | None = None) -> Checkpoint:
    """The checkpoint as asked, or the one at `path` in the same way.

    Raises:
        CheckpointError: one sentence, for whatever cannot be read as asked.
    """
    return open_checkpoint(
        path or request.path,
        key=request.key,
        axis=request.axis,
        rows=request.rows,
        search=request.search,
        structure=request.structure,
    )


def check_given(request: Request) -> None:
    """Refuse a request that no file could satisfy.

    Raises:
        CheckpointError: if latents and codes are both given, or a mask of neither.
    """
    if request.mask is not None and request.latents is None and request.codes is None:
        raise CheckpointError("`--mask` says which latents or codes count. Give them, or leave it out.")
    if request.latents is not None and request.codes is not None:
        raise CheckpointError(
            "Both latents and codes are given. Give only the latents: the search finds their codes."
        )


def reading_of(checkpoint: Checkpoint, training: Mapping[str, TrainingEvidence] = MappingProxyType({})) -> Reading:
    """What `checkpoint` alone shows; `training` as for `read`."""
    found = tuple(effective(book, checkpoint.known) for book in checkpoint.codebooks)
    options = None if checkpoint.known.options is None else asdict(checkpoint.known.options)
    evidence, said = [], []
    for book, one in zip(checkpoint.codebooks, found, strict=True):
        sentences = [*_doubt(book, checkpoint), f"{book.layout}; {one.formula} ({one.status}). {one.note}".strip()]
        evidence.append(
            Evidence(
                codebook=one.vectors,
                usage=usage_in_file(book, sentences),
                averages=averages_in_file(book, one.vectors),
                training=replace(training.get(book.label, TrainingEvidence()), options=options),
                residual_level=_residual_level(book),
                initialized=_initialized(book),
                stored_dtype=book.array.dtype,
            )
        )
        said.append(tuple(sentences))
    return Reading(checkpoint, found, tuple(evidence), tuple(said))


def examine(
    request: Request,
    *,
    progress: Progress | None = None,
    training: Mapping[str, TrainingEvidence] = MappingProxyType({}),
    reading: Reading | None = None,
) -> Examination:
    """Read the file and diagnose each codebook in it.

    Args:
        request: what to examine.
        progress: called now and then with latents done and latents in all; an exception from it ends the examination.
        training: as for `read`.
        reading: of the same file, if it was read already.

    Raises:
        CheckpointError: one sentence, for whatever cannot be read as asked.
    """
    reading = reading or read(request, training=training)
    books = reading.checkpoint.codebooks
    seen = _counted(request, books, progress) if request.codes else _measured(request, books, reading.found, progress)
    return Examination(
        request=request,
        checkpoint=reading.checkpoint,
        examined=tuple(_examined(reading, at, seen.get(at)) for at in range(len(books))),
    )


def worst(examination: Examination) -> Examined:
    """The first codebook with the worst verdict; there must be one."""
    order = ("severe", "warning", "unknown", "healthy", "note")
    return min(examination.examined, key=lambda one: order.index(one.verdict.severity))


class _Seen(NamedTuple):
    """A codebook examined with the given latents or codes."""

    usage: UsageEvidence
    latents: LatentEvidence | None
    notes: tuple[str, ...]
    broken: int = 0
    """Latents with NaN or infinity, which were left out."""

    first_broken: int | None = None
    inputs: InputEvidence | None = None


def _examined(reading: Reading, at: int, seen: _Seen | None) -> Examined:
    evidence, said = reading.evidence[at], reading.said[at]
    if seen is not None:
        in_file = () if evidence.usage is None else (evidence.usage,)
        evidence = replace(evidence, usage=seen.usage, more_usage=in_file, latents=seen.latents)
        evidence = replace(evidence, inputs=seen.inputs)
        evidence = replace(evidence, broken_latents=seen.broken, first_broken_latent=seen.first_broken)
        said += seen.notes
    return Examined(
        codebook=reading.checkpoint.codebooks[at],
        effective=reading.found[at],
        evidence=evidence,
        findings=diagnose(evidence),
        read=said,
    )


def _counted(request: Request, books: Sequence[Codebook], progress: Progress | None) -> dict[int, _Seen]:
    """The codebooks that the codes belong to, by their index among all."""
    if request.codes is None or not books:
        return {}
    counts, note, inputs = assign_codes(
        request.codes, books, request.level_axis, mask=request.mask, progress=progress
    )
    notes = tuple(filter(None, (note, "" if inputs is None else inputs.note)))
    return {
        at: _Seen(
            UsageEvidence(count, int(count.sum()), "at least once in the given codes", of_codes=True),
            None,
            notes,
            inputs=None if inputs is None else inputs.evidence,
        )
        for at, count in counts.items()
    }


def _measured(
    request: Request, books: Sequence[Codebook], found: Sequence[Effective], progress: Progress | None
) -> dict[int, _Seen]:
    """The codebooks that the latents pass through, by their index among all."""
    if request.latents is None:
        return {}
    latents, places, arrangement, note = assign(
        request.latents, books, found, key=request.latents_key, axis=request.latents_axis, mask=request.mask
    )
    tables = [found[at].vectors for at in places]
    if not all(np.isfinite(table).all() for table in tables):
        return {}
    total = latents.num_vectors
    searched = total if request.every_latent else vectors_to_search(total, arrangement, tables)
    finite = latents.finite_blocks()
    first = next(finite, None)
    blocks = latents.blocks() if first is None else chain([first], finite)  # the former says what is wrong
    measured = measure_arranged(blocks, total, arrangement, tables, searched=searched, progress=progress)
    window, notes = "at least once by the given latents", [note] if note else []
    if searched < total:
        window = f"at least once by {searched:,} of the {total:,} given latents (random, seed {SAMPLE_SEED})"
        few = total < limits.vectors_needed(min(books[at].num_codes for at in places))
        enough = "as all of them are too few to judge usage" if few else "which is enough to judge"
        notes.append(
            f"usage and error are of {searched:,} of the {total:,} latents (random, seed {SAMPLE_SEED}), {enough}; "
            "mean and spread are those of all latents. --all searches every one."
        )
    return {
        at: _Seen(
            UsageEvidence(one.counts, one.searched, window, drawn_from=total if searched < total else None),
            with_attainable(one.latents, books[at].num_codes, cosine=cosine),
            tuple(filter(None, (*notes, *_remarks(found[at], one)))),
            finite.broken,
            finite.first_broken,
        )
        for at, one, cosine in zip(places, measured, arrangement.cosine, strict=True)
    }


def _remarks(found: Effective, one: Measured) -> tuple[str, ...]:
    return (
        searched_otherwise(found),
        by_cosine(found, one.latents),
    )


def usage_in_file(codebook: Codebook, read: list[str]) -> UsageEvidence | None:
    """The usage from the first meaningful statistic beside the codebook; sentences about all are added to `read`."""
    best = None
    for statistic in codebook.usage:
        usage = statistic.read()
        read.append(
            f"usage from {shown(statistic.key)}: {statistic.meaning.name}, {usage.window}. {usage.note}".strip()
        )
        if best is None and usage.tracked and usage.hits is not None:
            best = _as_evidence(statistic.meaning.name, usage)
    return best


def averages_in_file(codebook: Codebook, vectors: Vectors) -> AverageEvidence | None:
    """The moving averages beside the codebook; without the sums where `vectors` are not what is stored."""
    hits = [one for one in codebook.usage if one.meaning.name in AVERAGED_HITS and one.array.shape]
    usage = hits[0].read() if hits else None
    if codebook.copy != "main":  # the mean of a table and that of its sums agree no more
        return None
    if usage is None or not usage.tracked or usage.hits is None or usage.hits.shape != (codebook.num_codes,):
        return None
    name = codebook.owner.first(*SUMS)
    stored = None if name is None else codebook.owner.get(name)
    fits = stored is not None and stored.is_float and stored.shape == codebook.array.shape
    if stored is None or not fits or not np.array_equal(codebook.raw(), vectors):
        return AverageEvidence(usage.hits)
    sums = replace(codebook, array=stored).raw()
    return AverageEvidence(usage.hits, sums if (np.abs(sums) <= LARGEST).all() else None)


def _as_evidence(meaning: str, usage: Usage) -> UsageEvidence:
    assert usage.hits is not None
    total = float(usage.hits.sum())
    if meaning in (RECENT_CODES.name, HITS.name):
        return UsageEvidence(usage.hits, total, f"at least once in {usage.window}")
    if meaning in AVERAGED_HITS:
        least = SHORTEST_WINDOW * total
        below = UNUSED_SHARE * total / len(usage.hits)
        return UsageEvidence(usage.hits, least, f"at least 1% of the mean of {usage.window}", below)
    return UsageEvidence(usage.hits, None, usage.window)


def _doubt(book: Codebook, checkpoint: Checkpoint) -> list[str]:
    """Why a table of no known layout is taken for a codebook, what speaks against it, and how to overrule that."""
    if book.layout != UNKNOWN_LAYOUT:
        return []
    taken = "likely a codebook" if book.confidence == "likely" else "only a candidate, but the best in the file"
    but = f"; but {', '.join(book.against)}" if book.against else ""
    other = next((f" Next best: {shown(one.key)} {one.shape}." for one in checkpoint.candidates), "")
    return [f"{taken}: {', '.join(book.evidence)}{but}. Name another tensor with --codebook KEY.{other}"]


def _residual_level(codebook: Codebook) -> int:
    residual = codebook.structure in ("residual", "grouped residual", "stacked levels")
    return (codebook.level or 0) if residual else 0


def _initialized(codebook: Codebook) -> bool | None:
    name = codebook.owner.first(*INIT_FLAGS)
    flag = None if name is None else codebook.owner.get(name)
    return None if flag is None else bool(np.all(flag.read()))


def _nothing(checkpoint: Checkpoint) -> str:
    """The sentence for a file without a codebook that any rule recognizes."""
    offered: Sequence[str] = [f"{shown(one.key)} {one.shape}" for one in checkpoint.candidates[:5]]
    hint = f" Perhaps {', '.join(offered)}? Name it with --codebook." if offered else " Name one with --codebook KEY."
    return f"`{shown(checkpoint.path)}` has {checkpoint.num_arrays:,} tensors, but no rule finds a codebook.{hint}"
