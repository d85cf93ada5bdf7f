"""The doctor's result for a file: verdict, what was read, findings, and a row for each codebook."""

import re
from collections.abc import Sequence

import numpy as np
import streamlit as st

from app.doctor.asking import ask, reread
from app.doctor.case import Case, Result
from app.doctor.charts import charts
from app.doctor.markup import markup
from app.doctor.series import through_training
from app.doctor.state import doctor_state
from app.doctor.treatment import reports, treatment
from app.links.doctor import Asked
from app.panels.head import bar
from app.wording import as_written, spans
from vqcore.diagnostics.finding import Finding, Remedy
from vqcore.diagnostics.usage_sources import dead_codes
from vqcore.doctor.examination import Examination, Examined, worst
from vqcore.doctor.report import amount, contents_of, headline, levels_table, summary_of
from vqcore.files.errors import shown

TONGUES = ("vqcore", "VQTorch", "vector-quantize-pytorch")
NAMES = {"vqcore": "VQ Scope, at a step or live"}
MOST_DEAD_LISTED = 400
"""Most characters of the list of dead codes; the full list is in the reports' usage."""


def result(case: Case, found: Result) -> None:
    """The whole result, the verdict first."""
    examination, following = found
    number = _looked_at(examination)
    with st.container(border=True, key="panel-doctor-verdict"):
        _verdict(examination)
        _what_was_read(case, examination, number)
    if number is None:
        reports(case, found)
        return
    one = examination.examined[number]
    left, right = st.columns([0.55, 0.45], gap="small")
    with left.container(border=True, height="stretch", key="panel-doctor-findings"):
        _findings(one)
    with right.container(border=True, key="panel-doctor-codebooks"):
        _codebooks(examination, number)
    with right:
        treatment(case, examination)
    if following is not None:
        through_training(following, one.codebook.label)
    charts(lambda: case.facts(number), f"{case.asked} {number}")
    reports(case, found)


def _looked_at(examination: Examination) -> int | None:
    """The codebook that the page shows: the chosen one, else the one with the worst verdict."""
    if not examination.examined:
        return None
    chosen = doctor_state().look
    if 1 <= chosen <= len(examination.examined):
        return chosen - 1
    return examination.examined.index(worst(examination))


def _verdict(examination: Examination) -> None:
    severity, amounts = "note", ("", "")
    if examination.examined:
        one = worst(examination)
        severity, usage = one.verdict.severity, one.evidence.usage
        vectors = None if usage is None else usage.num_vectors
        total, _, share = amount(vectors, one.codebook.num_codes).partition(", ")
        amounts = total, share or "nothing counts usage"
    st.html(markup("verdict", severity=severity, headline=headline(examination), amounts=any(amounts) and amounts))


def _what_was_read(case: Case, examination: Examination, number: int | None) -> None:
    checkpoint = examination.checkpoint
    head = bar("doctor-read")
    facts = [(shown(checkpoint.path.name), f", {contents_of(checkpoint)}")]
    facts += [("", "dropped here")] if case.asked.upload else [("", "trained here")] if case.asked.example else []
    if number is not None:
        facts += _facts_of(examination.examined[number])
    head.container(width="stretch").html(markup("facts", pairs=facts))
    with head.popover("Evidence", icon=":material/fact_check:"):
        _evidence(examination, number)
    with head.popover("Read it differently", icon=":material/tune:"):
        keys = [one.key for one in checkpoint.codebooks] + [one.key for one in checkpoint.candidates]
        keys += case.tensors
        has_latents = case.has_latents and not case.has_codes
        reread(case.asked, list(dict.fromkeys(keys)), of_codes=case.has_codes, of_latents=has_latents)
        st.caption("As the options of the same names do on the command line.")
    head.button(
        "Close",
        icon=":material/close:",
        key="doctor-close",
        type="tertiary",
        help="Begin with another file",
        on_click=ask,
        args=(Asked(),),
    )


def _usage_source(one: Examined) -> str:
    """Where the usage comes from, in a few words."""
    usage = one.evidence.usage
    if usage is None:
        return "nothing counts usage"
    if one.evidence.latents is not None:
        return "usage over the given latents"
    kept = next((found for found in one.codebook.usage if found.meaning.window in usage.window), None)
    return "usage of the given codes" if kept is None else f"usage from {shown(kept.key)}, {kept.meaning.name}"


def _facts_of(one: Examined) -> list[tuple[str, str]]:
    """Each as what stands out and what follows it."""
    book = one.codebook
    facts = [f"{book.confidence}: {book.layout}"]
    facts += [f"copy: {book.copy}"] if book.copy != "main" else []
    facts += [f"also {len(book.aliases)} levels with the same values"] if book.aliases else []
    facts += ["⚠ K is a guess"] if not book.axis_certain else []
    facts += [_usage_source(one)]
    return [(book.label, f" {book.num_codes:,} × {book.dim:,}"), *(("", fact) for fact in facts)]


def _evidence(examination: Examination, number: int | None) -> None:
    """What the reading is based on, with caveats."""
    lines = [f"{shown(one.path) or 'the file'}: {one.about}" for one in examination.checkpoint.implicit]
    if number is not None:
        one = examination.examined[number]
        book = one.codebook
        lines = [f"Rule: {book.layout} ({book.confidence}).", *book.evidence, *one.read, *lines]
        lines.append(f"Codes along {book.axis[0]} of {book.axis}: {book.axis_reason}.")
        lines += [f"Kept as {book.array.dtype}; compared by {one.effective.search}."]
        lines += (
            [f"The same values are also under {', '.join(map(shown, book.aliases[:6]))}."] if book.aliases else []
        )
        lines += [f"An average of {shown(book.copy_of)}."] if book.copy_of else []
    st.html(markup("evidence", lines=lines))


def _findings(one: Examined) -> None:
    st.html(markup("panel", title="Findings", aside=f"worst first, {len(one.findings)} in all"))
    list_findings(one.findings)


def list_findings(findings: Sequence[Finding]) -> None:
    """Each finding as a line that expands; the first is expanded."""
    for number, finding in enumerate(findings):
        label = f"{_BADGES[finding.severity]} **{finding.condition}** · {as_written(finding.title)}"
        with st.expander(label, expanded=number == 0, key=f"doctor-finding-{number}-{finding.condition}"):
            _finding(finding, number)


_BADGES = {
    "severe": ":red-badge[severe]",
    "warning": ":orange-badge[warning]",
    "unknown": ":gray-badge[unknown]",
    "healthy": ":green-badge[healthy]",
    "note": ":gray-badge[note]",
}


def _finding(finding: Finding, place: int) -> None:
    cause = finding.cause if finding.severity != "healthy" else ""
    st.html(markup("finding", numbers=finding.numbers, cause=cause))
    if finding.severity in ("healthy", "note"):
        return
    for number, remedy in enumerate(finding.remedies):
        _remedy(remedy, f"doctor-line-{place}-{number}")
    if finding.source:
        st.caption(f"After {as_written(finding.source)}")


def _remedy(remedy: Remedy, key: str) -> None:
    st.markdown(f"**Try:** {as_written(remedy.what)}")
    lines = (" ".join(remedy.ours), remedy.vqtorch, remedy.vector_quantize_pytorch)
    told = [(name, line) for name, line in zip(TONGUES, lines, strict=True) if line]
    with st.container(key=key):
        for column, (name, line) in zip(st.columns(len(TONGUES), gap="small"), told, strict=False):
            column.html(markup("tongue", name=NAMES.get(name, name)))
            column.code(line, language="python" if name != "vqcore" else None, wrap_lines=True)


def _codebooks(examination: Examination, number: int) -> None:
    """Every codebook in a row, and the dead codes of the one shown."""
    examined = examination.examined
    head = bar("doctor-codebooks")
    several = f"{len(examined)} in the file" if len(examined) > 1 else "one in the file"
    head.container(width="stretch").html(markup("panel", title="Codebooks", aside=several))
    if len(examined) > 1:
        labels = [f"{place}. {one.codebook.label}" for place, one in enumerate(examined, start=1)]
        chosen = head.selectbox(
            "Look at",
            range(len(labels)),
            index=number,
            format_func=lambda place: labels[place],
            key=f"doctor-look-{number}",
            label_visibility="collapsed",
            width=260,
        )
        if chosen is not None and chosen != number:
            doctor_state().look = chosen + 1
            st.rerun()
    st.html(_table(examined, number))
    _usage(examined[number])
    for one in examination.checkpoint.implicit[:5]:
        st.caption(as_written(f"{shown(one.path) or 'the file'}: {one.about}"))


HEADS = ("codebook", "K × D", "used", "entropy / log K", "relative error", "worst finding")


def _table(examined: Sequence[Examined], number: int) -> str:
    """A row for each codebook, as the reports have it; the one looked at stands out."""
    rows = [
        {
            "name_parts": re.findall(r"[^./_]+[./_]?|[./_]", row[0]),  # it may break after each
            "numbers": row[1:5],
            "severity": one.verdict.severity,
            "condition": one.verdict.condition,
        }
        for one, row in zip(examined, levels_table(examined), strict=True)
    ]
    return markup("codebooks", heads=HEADS, rows=rows, looked_at=number if len(examined) > 1 else None)


def _usage(one: Examined) -> None:
    usage, found = one.evidence.usage, summary_of(one.evidence.usage)
    if usage is None or found is None:
        st.caption("Nothing in the file counts usage, and no latents or codes were given from which to count it.")
        return
    st.caption(
        f"perplexity {found.perplexity:,.1f} of {found.num_codes:,} · used: {as_written(found.window)} · "
        "relative error: ‖z_e − z_q‖² over the variance of z_e"
    )
    dead = dead_codes(usage)
    if dead is None:
        st.caption("Too few vectors to call any code dead.")
    elif dead.any():
        text = spans(np.flatnonzero(dead).tolist())
        cut = text if len(text) <= MOST_DEAD_LISTED else f"{text[:MOST_DEAD_LISTED].rpartition(',')[0]}, …"
        st.markdown(f"**Dead codes** · {int(dead.sum()):,}")
        st.code(cut, language=None, wrap_lines=True)
