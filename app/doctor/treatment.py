"""What-if and repair on the Doctor page, and the reports to download."""

from functools import partial
from pathlib import Path

import streamlit as st

from app.doctor.case import Case, Result, as_path, command
from app.doctor.collecting import ASKED, how_to_collect
from app.doctor.markup import markup
from app.doctor.state import doctor_state
from app.live_plot.again import polled
from app.panels.head import bar
from app.roots import resolve_writable
from app.sessions.jobs import Job
from app.sessions.uploads import UNUSED_MINUTES, safe_name
from app.wording import as_written
from vqcore.doctor.examination import Examination
from vqcore.doctor.html_report import html_report
from vqcore.doctor.markdown_report import markdown_report
from vqcore.doctor.treatment import UNSEEN, Treatment, error_of, mark_of
from vqcore.files.errors import CheckpointError, shown
from vqcore.remedies.moves import REMEDIES, Remedy
from vqcore.remedies.what_if import Outcome, WhatIf

POLL_SECONDS = 0.5
ABOUT = {
    "restart": "k-means for the dead codes; the others stay fixed",
    "replace": "dead codes moved onto randomly drawn latents",
    "align": "all codes shifted and scaled to the mean and spread of P",
}
HEAD = ("", "used", "perplexity", "‖z_e − z_q‖²", "relative error")


def treatment(case: Case, examination: Examination) -> None:
    """Before and after each remedy, and the chosen one applied to a copy."""
    if not examination.checkpoint.codebooks:
        return
    with st.container(border=True, height="stretch", key="panel-doctor-what-if"):
        if case.request is None or case.request.latents is None:
            st.html("<div class='vq-panel'><h2>What if</h2><span>the effect of each remedy</span></div>")
            st.caption("Needs latents: a remedy is fitted to half of them and judged on the other half.")
            with st.popover(ASKED, icon=":material/help:", key="doctor-how-what-if"):
                how_to_collect("what-if")
            return
        running = any(job is not None and job.is_running for job in (case.what_if, case.repair))
        polled(_what_if, POLL_SECONDS if running else None, "again-doctor-what-if")(case, running)


def _what_if(case: Case, was_running: bool) -> None:
    jobs = [job for job in (case.what_if, case.repair) if job is not None]
    running = next((job for job in jobs if job.is_running), None)
    if was_running and running is None:
        st.rerun()
    head = bar("doctor-what-if")
    head.container(width="stretch").html("<div class='vq-panel'><h2>What if</h2><span>before | after</span></div>")
    if running is not None:
        if head.button("Cancel", icon=":material/close:", key="doctor-what-if-cancel"):
            running.cancel()
            st.rerun()
        st.progress(running.stage.share, text=as_written(f"{running.stage.doing} …"))
    elif case.what_if is None or case.what_if.result is None:
        if head.button("Predict the effect of each remedy", icon=":material/science:", key="doctor-what-if-begin"):
            case.begin_what_if()
            st.rerun()
        st.caption(
            "Each remedy is fitted to half of the latents and judged on the other half. This may take a while."
        )
    _problem(case.what_if)
    if case.what_if is not None and case.what_if.result is not None:
        _table(case.what_if.result)
    _repair(case, busy=running is not None)


def _problem(job: Job[Treatment] | None) -> None:
    if job is None or not (job.problem or job.is_cancelled):
        return
    if job.is_cancelled:
        st.info("Cancelled.", icon=":material/info:")
        return
    st.error(as_written(job.problem), icon=":material/error:")
    if job.details:
        with st.expander("Traceback"):
            st.code(job.details, language="text")


def _marked(remedy: Remedy, foretold: WhatIf) -> str:
    mark = mark_of(foretold, foretold.after[remedy])
    return f"{remedy} ({mark})" if mark else remedy


def _table(treatment: Treatment) -> None:
    foretold = treatment.foretold
    rows = [("as it is", "", foretold.before)]
    rows += [(_marked(remedy, foretold), ABOUT[remedy], outcome) for remedy, outcome in foretold.after.items()]
    lines = [(name, about, _cells(outcome)) for name, about, outcome in rows]
    st.html(markup("outcomes", heads=HEAD, rows=lines))
    said = [f"{remedy} does not apply: {as_written(reason)}" for remedy, reason in foretold.unsuited.items()]
    said.append(
        f"fitted to {foretold.num_fit:,} latents, judged on {foretold.num_held_out:,} others, of "
        f"{foretold.num_vectors:,} (seed {foretold.seed}); ± is a 95% interval over parts of those"
    )
    said += [] if foretold.enough else ["too few to tell which codes are dead"]
    st.caption(" · ".join(said))


def _cells(outcome: Outcome) -> tuple[str, ...]:
    used = " + ".join(f"{book.active:,} of {book.num_codes:,}" for book in outcome.codebooks)
    perplexities = " + ".join(f"{book.perplexity:,.1f}" for book in outcome.codebooks)
    relative = "–" if outcome.relative_error is None else f"{outcome.relative_error:.1%}"
    return used, perplexities, error_of(outcome), relative


def _repair(case: Case, *, busy: bool) -> None:
    """Choose a remedy and a path, and write; a file that came from the browser goes back to it."""
    foretold = case.what_if.result.foretold if case.what_if is not None and case.what_if.result is not None else None
    suited: list[Remedy] = [one for one in REMEDIES if foretold is None or one in foretold.after]
    if suited:
        _repair_form(case, suited, busy=busy)
    _problem(case.repair)
    if case.repair is not None and case.repair.result is not None:
        _written(case, case.repair.result)


def _repair_form(case: Case, suited: list[Remedy], *, busy: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        help = "; ".join(f"{one}: {ABOUT[one]}" for one in suited)
        remedy: Remedy = st.selectbox("Remedy", suited, key="doctor-remedy", width=120, help=help)
        place, force = case.place_for_repair(remedy), True
        if not case.is_ours:
            key = f"doctor-out-{remedy}-{doctor_state().generation}"
            place = Path(st.text_input("Repaired copy", value=str(place), key=key, width="stretch"))
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="bar-doctor-repair"):
        if not case.is_ours:
            force = st.checkbox("Overwrite an existing file", key="doctor-force")
        if st.button("Save repaired checkpoint", icon=":material/healing:", key="doctor-repair", disabled=busy):
            try:
                out = place if case.is_ours else resolve_writable(as_path(str(place)))
                case.begin_repair(out, remedy, force=force)
            except CheckpointError as error:
                st.error(as_written(str(error)), icon=":material/error:")
            else:
                st.rerun()


def _written(case: Case, treatment: Treatment) -> None:
    done = treatment.repaired
    if done is None:
        return
    moved = " + ".join(f"{count:,}" for count in done.moved_codes)
    where = "" if case.is_ours else f" to {shown(done.path)}"
    said = f"Written{where} after {done.remedy}: {moved} codes moved, every other tensor unchanged. {UNSEEN}"
    st.success(as_written(" ".join([said, *done.left])), icon=":material/check:")
    if case.is_ours:
        st.download_button(
            as_written(f"Download {done.path.name}"),
            data=done.path.read_bytes,
            file_name=done.path.name,
            mime="application/octet-stream",
            icon=":material/download:",
            key="doctor-download-repaired",
            on_click="ignore",
        )


def reports(case: Case, found: Result) -> None:
    """The reports to download, and the command line that repeats the examination."""
    assert case.request is not None
    stem = safe_name(case.request.path.stem)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="bar-doctor-reports"):
        for ending, mime, write in (("html", "text/html", html_report), ("md", "text/markdown", markdown_report)):
            st.download_button(
                f"Report .{ending}",
                data=partial(write, found.examination, found.following),
                file_name=f"doctor-{stem}.{ending}",
                mime=mime,
                icon=":material/download:",
                key=f"doctor-report-{ending}",
                on_click="ignore",
            )
        with st.popover("As command", icon=":material/terminal:"):
            st.caption("The same without a browser; add `--json`, `--html OUT`, `--what-if` or `--repair OUT`.")
            st.code(command(case.request), language="bash", wrap_lines=True)
            if case.is_ours:
                st.caption(
                    f"These files are temporary: removed after {UNUSED_MINUTES} minutes without use, when newer ones "
                    "take their place, or when the server ends."
                    if case.upload
                    else "These files are temporary: removed when newer ones take their place or the server ends."
                )
