"""The report for a terminal: verdict first."""

import textwrap
from collections.abc import Sequence
from itertools import chain

from vqcore.doctor.examination import Examination
from vqcore.doctor.following import Following
from vqcore.doctor.parts import (
    Advice,
    CodebookPart,
    FindingPart,
    FollowingPart,
    ImplicitPart,
    LevelsPart,
    VerdictPart,
    report_parts,
)
from vqcore.files.errors import shown

WIDTH = 110
MOST_SHOWN = 12
"""Most codebooks described in full; the table has them all."""


def text_report(examination: Examination, following: Following | None = None) -> str:
    """Lines for people; of a folder's newest checkpoint `following` tells what came before it."""
    lines: list[str] = []
    codebooks: list[CodebookPart] = []
    implicit: list[str] = []
    for part in report_parts(examination, following):
        match part:
            case VerdictPart():
                lines += _verdict(part)
            case LevelsPart():
                lines += ["", *aligned(part.rows)] if len(examination.examined) > 1 else []
            case FollowingPart():
                lines += _following(part)
            case CodebookPart():
                codebooks.append(part)
            case ImplicitPart():
                implicit.append(f"{part.path or 'the file'}: {part.about}")
    lines += chain(*map(_codebook, codebooks[:MOST_SHOWN]))
    if len(codebooks) > MOST_SHOWN:
        lines += ["", f"and {len(codebooks) - MOST_SHOWN} more: see the table, or --json"]
    return "\n".join([*lines, *([""] if implicit else []), *implicit])


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """The rows of a table as lines, its columns below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _verdict(part: VerdictPart) -> list[str]:
    return [_wrapped(f"VERDICT  {part.headline}", "", "         "), f"file     {shown(part.path)}: {part.contents}"]


def _following(part: FollowingPart) -> list[str]:
    lines = ["", _wrapped(part.words, "", ""), *aligned(part.rows)]
    lines += [_wrapped(f"skipped: {shown(path)}: {reason}") for path, reason in part.skipped[:MOST_SHOWN]]
    if len(part.skipped) > MOST_SHOWN:
        lines.append(f"  and {len(part.skipped) - MOST_SHOWN} more skipped: see --json")
    return lines


def _codebook(part: CodebookPart) -> list[str]:
    book = part.examined.codebook
    lines = ["", f"{book.label}  {book.num_codes:,} × {book.dim:,}  ({book.confidence}: {book.layout})"]
    if not book.axis_certain:
        lines.append(f"  K is a guess: {book.axis_reason}. Overrule it by --axis K,D or D,K.")
    if part.usage is not None:
        lines.append(_wrapped(f"{part.used}; used: {part.usage.window}"))
    lines += [_wrapped(f"read: {sentence}") for sentence in part.examined.read]
    return [*lines, *chain(*map(finding_lines, part.findings))]


def finding_lines(part: FindingPart) -> list[str]:
    """Severity, title and numbers, and what to do."""
    finding = part.finding
    lines = ["", _wrapped(f"{finding.severity.upper()}  {finding.condition}: {finding.title}")]
    lines += [
        _indented(f"{number.name} {number.text}{f' ({number.limit})' if number.limit else ''}")
        for number in finding.numbers
    ]
    return lines if part.advice is None else [*lines, *_advice(part.advice)]


def _advice(advice: Advice) -> list[str]:
    lines = [_indented(f"likely cause: {advice.cause}")]
    for remedy, written in advice.remedies:
        lines.append(_indented(f"try: {remedy.what}"))
        lines += [f"      {name}: {line}" for name, line in written]
    return [*lines, _indented(f"after: {advice.source}")]


def _indented(text: str) -> str:
    return _wrapped(text, "    ", "      ")


def _wrapped(text: str, first: str = "  ", later: str = "    ") -> str:
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=later, break_long_words=False)
