"""What a report tells, part by part and in order: each writer formats these parts, and walks over nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vqcore.diagnostics.finding import Finding, Remedy
from vqcore.diagnostics.wording import digits
from vqcore.doctor.examination import Examination, Examined
from vqcore.doctor.following import Following
from vqcore.doctor.following_report import following_head, following_rows, following_words
from vqcore.doctor.report import TABLE_HEAD, UsageSummary, amount, contents_of, headline, levels_table, summary_of
from vqcore.files.errors import shown

Rows = tuple[tuple[str, ...], ...]
"""Of a table, the first with its head; nothing in it is escaped."""


@dataclass(frozen=True, slots=True)
class VerdictPart:
    """The verdict in a sentence, and the file that it is about."""

    headline: str
    path: Path
    contents: str


@dataclass(frozen=True, slots=True)
class LevelsPart:
    """The codebooks, a row for each."""

    rows: Rows


@dataclass(frozen=True, slots=True)
class FollowingPart:
    """The training that the examined file is the newest checkpoint of."""

    following: Following
    words: str
    rows: Rows
    skipped: tuple[tuple[Path, str], ...]
    """Files that were left out, each with the reason."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do about a finding."""

    cause: str
    remedies: tuple[tuple[Remedy, tuple[tuple[str, str], ...]], ...]
    """Each with how it is written, by the name of the library."""

    source: str


@dataclass(frozen=True, slots=True)
class FindingPart:
    """A finding, with advice where something is wrong."""

    finding: Finding
    advice: Advice | None


@dataclass(frozen=True, slots=True)
class CodebookPart:
    """A codebook with its usage, what was read of its file and what was found."""

    examined: Examined
    usage: UsageSummary | None
    used: str
    """The usage in words; empty where nothing is known."""

    findings: tuple[FindingPart, ...]


@dataclass(frozen=True, slots=True)
class ImplicitPart:
    """A quantizer that stores no code vectors."""

    path: str
    kind: str
    num_codes: int | None
    about: str


Part = VerdictPart | LevelsPart | FollowingPart | CodebookPart | ImplicitPart


def report_parts(examination: Examination, following: Following | None = None) -> Iterator[Part]:
    """All that a report tells; of a folder's newest checkpoint `following` tells what came before it."""
    checkpoint = examination.checkpoint
    yield VerdictPart(headline(examination), checkpoint.path, contents_of(checkpoint))
    if examination.examined:
        yield LevelsPart((TABLE_HEAD, *levels_table(examination.examined)))
    if following is not None:
        yield FollowingPart(
            following,
            following_words(following),
            (following_head(following), *following_rows(following)),
            tuple((one.path, one.reason) for one in following.skipped),
        )
    yield from map(_codebook, examination.examined)
    for one in checkpoint.implicit:
        yield ImplicitPart(shown(one.path), one.kind, one.num_codes, one.about)


def advice_on(finding: Finding) -> Advice | None:
    """None where nothing is wrong."""
    if finding.severity in ("healthy", "note"):
        return None
    return Advice(finding.cause, tuple((remedy, _written(remedy)) for remedy in finding.remedies), finding.source)


def _codebook(one: Examined) -> CodebookPart:
    usage = summary_of(one.evidence.usage)
    findings = tuple(FindingPart(finding, advice_on(finding)) for finding in one.findings)
    return CodebookPart(one, usage, "" if usage is None else _used(usage) + _lengths(one), findings)


def _used(usage: UsageSummary) -> str:
    counted = amount(usage.num_vectors, usage.num_codes)
    return f"used {usage.used:,} of {usage.num_codes:,} codes, perplexity {usage.perplexity:.1f}; {counted}"


def _lengths(one: Examined) -> str:
    latents = one.evidence.latents
    ratio = None if latents is None else latents.length_ratio
    return "" if ratio is None else f"; ‖z_q‖ / ‖z_e‖ = {digits(ratio)}"


def _written(remedy: Remedy) -> tuple[tuple[str, str], ...]:
    ours = ("vqcore", " ".join(remedy.ours))
    theirs = ("VQTorch", remedy.vqtorch), ("vector-quantize-pytorch", remedy.vector_quantize_pytorch)
    return tuple((name, line) for name, line in (ours, *theirs) if line)
