"""The report to paste into an issue; every name from a file is escaped."""

import string

from vqcore.diagnostics.finding import Finding
from vqcore.doctor.examination import Examination, Examined
from vqcore.doctor.following import Following
from vqcore.doctor.following_report import following_head, following_rows, following_words
from vqcore.doctor.report import TABLE_HEAD, amount, contents_of, headline, levels_table, summary_of
from vqcore.files.errors import shown

_ESCAPES = str.maketrans({one: f"\\{one}" for one in string.punctuation} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"})


def escaped(text: str) -> str:
    r"""Text that Markdown shows as it is: no emphasis, link, table cell, mention or tag.

    >>> escaped("a.b|<img>")
    'a\\.b\\|&lt;img&gt;'
    """
    return text.translate(_ESCAPES)


def markdown_report(examination: Examination, following: Following | None = None) -> str:
    """A complete document; see `text_report` for `following`."""
    checkpoint = examination.checkpoint
    lines = [
        f"**{escaped(headline(examination))}**",
        "",
        f"File {escaped(shown(checkpoint.path.name))}: {contents_of(checkpoint)}.",
        "",
    ]
    if examination.examined:
        rows = levels_table(examination.examined)
        lines += [_row(TABLE_HEAD), _row(("---",) * len(TABLE_HEAD))]
        lines += [_row(tuple(escaped(cell) for cell in row)) for row in rows]
    if following is not None:
        lines += _following(following)
    for one in examination.examined:
        lines += _codebook(one)
    lines += [f"\n{escaped(shown(one.path))}: {escaped(one.about)}" for one in checkpoint.implicit]
    return "\n".join(lines) + "\n"


def _following(following: Following) -> list[str]:
    head = following_head(following)
    lines = ["", "### Through training", "", escaped(following_words(following)), "", _row(head)]
    lines.append(_row(("---",) * len(head)))
    lines += [_row(tuple(escaped(cell) for cell in row)) for row in following_rows(following)]
    skipped = [f"- skipped: {escaped(shown(one.path.name))}: {escaped(one.reason)}" for one in following.skipped]
    return [*lines, "", *skipped]


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _codebook(one: Examined) -> list[str]:
    lines = ["", f"### {escaped(one.codebook.label)}", ""]
    usage = summary_of(one.evidence.usage)
    if usage is not None:
        lines.append(
            f"- used {usage.used:,} of {usage.num_codes:,}, perplexity {usage.perplexity:.1f}; "
            f"{amount(usage.num_vectors, usage.num_codes)}; used: {escaped(usage.window)}"
        )
    lines += [f"- {escaped(sentence)}" for sentence in one.read]
    for finding in one.findings:
        lines += _finding(finding)
    return lines


def _finding(finding: Finding) -> list[str]:
    """A finding; our own words need no escaping except issue numbers, which would link into the wrong repository."""
    lines = ["", f"**{finding.severity}** · {finding.condition} · {finding.title}", ""]
    lines += [
        f"- {number.name}: {number.text}{f' ({number.limit})' if number.limit else ''}" for number in finding.numbers
    ]
    if finding.severity in ("healthy", "note"):
        return lines
    lines += ["", f"Likely cause: {finding.cause}", ""]
    for remedy in finding.remedies:
        lines.append(f"- {remedy.what}")
        named = (("VQTorch", remedy.vqtorch), ("vector-quantize-pytorch", remedy.vector_quantize_pytorch))
        lines += [f"  - {name}: `{line}`" for name, line in (("vqcore", " ".join(remedy.ours)), *named) if line]
    return [*lines, "", f"After: {escaped(finding.source)}"]
