"""The report for a terminal: verdict first."""

import textwrap
from itertools import chain

from vqcore.diagnostics.finding import Finding
from vqcore.doctor.examination import Examination, Examined
from vqcore.doctor.following import Following
from vqcore.doctor.following_report import following_head, following_rows, following_words
from vqcore.doctor.report import TABLE_HEAD, amount, contents_of, headline, levels_table, summary_of
from vqcore.files.errors import shown

WIDTH = 110
MOST_SHOWN = 12
"""Most codebooks described in full; the table has them all."""


def text_report(examination: Examination, following: Following | None = None) -> str:
    """Lines for people; for a folder's newest checkpoint, `following` tells what came before it."""
    checkpoint = examination.checkpoint
    head = [
        _wrapped(f"VERDICT  {headline(examination)}", "", "         "),
        f"file     {shown(checkpoint.path)}: {contents_of(checkpoint)}",
    ]
    if following is not None:
        head += [
            "",
            _wrapped(following_words(following), "", ""),
            *aligned([following_head(following), *following_rows(following)]),
        ]
        head += [_wrapped(f"skipped: {shown(one.path)}: {one.reason}") for one in following.skipped[:MOST_SHOWN]]
        if len(following.skipped) > MOST_SHOWN:
            head.append(f"  and {len(following.skipped) - MOST_SHOWN} more skipped: see --json")
    if len(examination.examined) > 1:
        head += ["", *aligned([TABLE_HEAD, *levels_table(examination.examined)])]
    told = [_codebook(one) for one in examination.examined[:MOST_SHOWN]]
    if len(examination.examined) > MOST_SHOWN:
        told.append(["", f"and {len(examination.examined) - MOST_SHOWN} more: see the table, or --json"])
    implicit = [f"{shown(one.path) or 'the file'}: {one.about}" for one in checkpoint.implicit]
    return "\n".join([*head, *chain(*told), *([""] if implicit else []), *implicit])


def aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """The rows of a table as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _codebook(one: Examined) -> list[str]:
    book, usage = one.codebook, summary_of(one.evidence.usage)
    lines = ["", f"{book.label}  {book.num_codes:,} × {book.dim:,}  ({book.confidence}: {book.layout})"]
    if not book.axis_certain:
        lines.append(f"  K is a guess: {book.axis_reason}. Override it with --axis K,D or D,K.")
    if usage is not None:
        used = f"used {usage.used:,} of {usage.num_codes:,}, perplexity {usage.perplexity:.1f}"
        lines.append(_wrapped(f"{used}; {amount(usage.num_vectors, usage.num_codes)}; used: {usage.window}"))
    lines += [_wrapped(f"read: {sentence}") for sentence in one.read]
    return [*lines, *chain(*map(_finding, one.findings))]


def _finding(finding: Finding) -> list[str]:
    lines = ["", _wrapped(f"{finding.severity.upper()}  {finding.condition}: {finding.title}")]
    lines += [
        _wrapped(f"{number.name} {number.text}{f' ({number.limit})' if number.limit else ''}", "    ", "      ")
        for number in finding.numbers
    ]
    if finding.severity in ("healthy", "note"):
        return lines
    lines.append(_wrapped(f"likely cause: {finding.cause}", "    ", "      "))
    for remedy in finding.remedies:
        lines.append(_wrapped(f"try: {remedy.what}", "    ", "      "))
        lines += [
            f"      {name}: {line}"
            for name, line in (
                ("vqcore", " ".join(remedy.ours)),
                ("VQTorch", remedy.vqtorch),
                ("vector-quantize-pytorch", remedy.vector_quantize_pytorch),
            )
            if line
        ]
    lines.append(_wrapped(f"after: {finding.source}", "    ", "      "))
    return lines


def _wrapped(text: str, first: str = "  ", later: str = "    ") -> str:
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=later, break_long_words=False)
