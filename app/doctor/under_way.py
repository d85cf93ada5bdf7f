"""What the checkpoint alone shows while its latents or codes are still being counted."""

import streamlit as st

from app.doctor.case import Case
from app.doctor.charts import NOT_GIVEN, UNDER_WAY, charts
from app.doctor.markup import markup
from app.doctor.result import list_findings
from vqcore.doctor.examination import Reading
from vqcore.doctor.report import contents_of
from vqcore.files.errors import shown

NEEDS_MORE = "not-enough-data"


def begin_charts(case: Case, reading: Reading, look: int) -> None:
    """Start computing what is drawn before it is asked for."""
    if (number := _looked_at(reading, look)) is not None:
        case.first_facts(number)


def under_way(case: Case, reading: Reading, look: int) -> None:
    """The codebook shown, or the first: what was read, the findings so far, and its charts."""
    number = _looked_at(reading, look)
    if number is None:
        return
    book = reading.checkpoint.codebooks[number]
    follows = "how they are used is being counted" if case.has_latents else "the findings follow"
    with st.container(border=True, key="panel-doctor-so-far"):
        facts = [
            (shown(reading.checkpoint.path.name), f", {contents_of(reading.checkpoint)}"),
            (book.label, f" {book.num_codes:,} × {book.dim:,}"),
            ("", f"{book.confidence}: {book.layout}"),
        ]
        st.html(markup("no_verdict", follows=follows) + markup("facts", pairs=facts))
    without = UNDER_WAY if case.has_latents else NOT_GIVEN
    charts(lambda: case.first_facts(number), f"{case.asked} {number} first", without=without)
    if case.without_latents is None:
        return
    found = [one for one in case.without_latents.examined[number].findings if one.condition != NEEDS_MORE]
    with st.container(border=True, key="panel-doctor-findings"):
        st.html(markup("panel", title="Findings so far", aside="by the vectors alone"))
        list_findings(found)
        if not found:
            st.caption("None from the vectors alone.")


def _looked_at(reading: Reading, look: int) -> int | None:
    books = reading.checkpoint.codebooks
    if not books:
        return None
    return look - 1 if 1 <= look <= len(books) else 0
