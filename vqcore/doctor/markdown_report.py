"""The report to paste into an issue; every name from a file is escaped."""

import string
from collections.abc import Iterator

from vqcore.doctor.examination import Examination
from vqcore.doctor.following import Following
from vqcore.doctor.parts import (
    Advice,
    CodebookPart,
    FindingPart,
    FollowingPart,
    ImplicitPart,
    LevelsPart,
    Part,
    Rows,
    VerdictPart,
    report_parts,
)
from vqcore.files.errors import shown

_ESCAPES = str.maketrans({one: f"\\{one}" for one in string.punctuation} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"})


def escaped(text: str) -> str:
    r"""Text that Markdown shows as it is: no emphasis, link, table cell, mention or tag.

    >>> escaped("a.b|<img>")
    'a\\.b\\|&lt;img&gt;'
    """
    return text.translate(_ESCAPES)


def markdown_report(examination: Examination, following: Following | None = None) -> str:
    """A document of its own; see `text_report` for `following`."""
    return "\n".join(line for part in report_parts(examination, following) for line in _lines(part)) + "\n"


def _lines(part: Part) -> Iterator[str]:
    match part:
        case VerdictPart():
            yield from (f"**{escaped(part.headline)}**", "")
            yield from (f"File {escaped(shown(part.path.name))}: {part.contents}.", "")
        case LevelsPart():
            yield from _table(part.rows)
        case FollowingPart():
            yield from ("", "### Through training", "", escaped(part.words), "", *_table(part.rows), "")
            for path, reason in part.skipped:
                yield f"- skipped: {escaped(shown(path.name))}: {escaped(reason)}"
        case CodebookPart():
            yield from _codebook(part)
        case ImplicitPart():
            yield f"\n{escaped(part.path)}: {escaped(part.about)}"


def _table(rows: Rows) -> Iterator[str]:
    head, *body = rows
    yield _row(head)
    yield _row(("---",) * len(head))
    yield from (_row(tuple(map(escaped, row))) for row in body)


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _codebook(part: CodebookPart) -> Iterator[str]:
    yield from ("", f"### {escaped(part.examined.codebook.label)}", "")
    if part.usage is not None:
        yield f"- {part.used}; used: {escaped(part.usage.window)}"
    yield from (f"- {escaped(sentence)}" for sentence in part.examined.read)
    for finding in part.findings:
        yield from _finding(finding)


def _finding(part: FindingPart) -> Iterator[str]:
    """Our own words need no escaping, but for issue numbers, which would link to whatever repository this is in."""
    finding = part.finding
    yield from ("", f"**{finding.severity}** · {finding.condition} · {finding.title}", "")
    for number in finding.numbers:
        yield f"- {number.name}: {number.text}{f' ({number.limit})' if number.limit else ''}"
    if part.advice is not None:
        yield from _advice(part.advice)


def _advice(advice: Advice) -> Iterator[str]:
    yield from ("", f"Likely cause: {advice.cause}", "")
    for remedy, written in advice.remedies:
        yield f"- {remedy.what}"
        yield from (f"  - {name}: `{line}`" for name, line in written)
    yield from ("", f"After: {escaped(advice.source)}")
