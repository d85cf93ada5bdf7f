"""What the checkpoint alone shows while its latents or codes are still being counted."""

from html import escape

import streamlit as st

from app.doctor.case import Case
from app.doctor.charts import NOT_GIVEN, UNDER_WAY, charts
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
        st.html(
            "<div class='vq-doctor vq-verdict vq-unknown'><div><small>No verdict yet</small>"
            f"<strong>The vectors are read; {follows}.</strong></div></div>"
            f"<div class='vq-doctor vq-read'><span><b>{escape(shown(reading.checkpoint.path.name))}</b>, "
            f"{escape(contents_of(reading.checkpoint))}</span>"
            f"<span><b>{escape(book.label)}</b> {book.num_codes:,} × {book.dim:,}</span>"
            f"<span>{escape(book.confidence)}: {escape(book.layout)}</span></div>"
        )
    without = UNDER_WAY if case.has_latents else NOT_GIVEN
    charts(lambda: case.first_facts(number), f"{case.asked} {number} first", without=without)
    if case.without_latents is None:
        return
    found = [one for one in case.without_latents.examined[number].findings if one.condition != NEEDS_MORE]
    with st.container(border=True, key="panel-doctor-findings"):
        st.html("<div class='vq-panel'><b>Findings so far</b><span>from the vectors alone</span></div>")
        list_findings(found)
        if not found:
            st.caption("None from the vectors alone.")


def _looked_at(reading: Reading, look: int) -> int | None:
    books = reading.checkpoint.codebooks
    if not books:
        return None
    return look - 1 if 1 <= look <= len(books) else 0
