"""The list of runs: newest first, each with its state, verdict and past; and the trainings of this server."""

from datetime import UTC, datetime
from typing import Any

import streamlit as st

from app.links import runs as address
from app.links.runs import MOST_RUNS, RunView, write_run_view
from app.live_plot.conductor import conductor
from app.page_state import said_by
from app.panels.markup import markup
from app.roots import about_roots
from app.runs.state import runs_state
from app.sessions.entry import Entry
from app.sessions.registry import registry
from app.sessions.run_folder import Listing, RunFolder
from app.stream.controls_state import run_folder_state
from app.wording import as_written
from vqcore.files.errors import shown
from vqcore.runs.listing import Listed, Verdict

FIRST_LOOK_SECONDS = 2.0
LOOKS_A_SECOND = 1.0
ROWS_HIGH = 560
"""Pixels of the table, which scrolls."""

THREE_LINES = """import vqcore
probe = vqcore.watch(model, every=50, out="runs/first")   # before compile or DDP
probe.step(step, loss=loss)                              # after each step
probe.close()"""
OURS = "vqscope train digits --out runs/first"


def list_view(folder: RunFolder | None) -> None:
    """The list, and above it the folder and a search; None for a folder that cannot be opened."""
    _controls()
    if folder is None:
        return
    folder.look()
    trained = registry().owned()
    listing = folder.wait(FIRST_LOOK_SECONDS)
    controls = run_folder_state(folder, trained)
    _still_training(trained)
    _table(listing)
    conductor(
        folder.id,
        address=address.write(runs_state().place),
        view=write_run_view(RunView()),
        wanted=[],
        controls=controls,
        rate=LOOKS_A_SECOND,
        key="runs-conductor",
    )


def _controls() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="runs-bar"):
        folder = st.text_input(
            "Folder",
            value=runs_state().place.folder,
            key="runs-folder",
            help=as_written(about_roots()),
            width=320,
        )
        st.text_input("Search", placeholder="part of a name, a state or a finding", key="runs-search", width=320)
    if folder and folder.strip() != runs_state().place.folder:
        runs_state().look_into(folder.strip())
        st.rerun()


def _still_training(trained: list[Entry]) -> None:
    """Sessions of this server, so that a lost URL loses nothing."""
    if not trained:
        return
    rows = [
        {
            "link": f"./?session={entry.id}",
            "name": f"{status.recipe.problem}, {status.recipe.num_codes:,} codes, seed {status.recipe.seed}",
            "state": status.state.value,
            "step": f"{entry.session.trained_steps():,}",
        }
        for entry in trained
        for status in (entry.session.status(),)
    ]
    st.html(f"<h2 class='vq-h2'>Training in this server</h2>{markup('still_training', rows=rows)}")


def _table(listing: Listing) -> None:
    if listing.problem:
        st.error(as_written(listing.problem), icon=":material/folder_off:")
        return
    if not listing.runs:
        _empty(listing)
        return
    shown_runs = [one for one in listing.runs if _matches(one, said_by("runs-search") or "")]
    st.html(f"<h2 class='vq-h2'>{len(shown_runs):,} of {len(listing.runs):,} runs, newest first</h2>")
    rows = [_row(one) for one in shown_runs]
    chosen = st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        height=min(ROWS_HIGH, 38 + 35 * max(1, len(rows))),
        key=f"runs-table-{hash(tuple(one.name for one in shown_runs))}",
        on_select="rerun",
        selection_mode="multi-row",
        column_config=COLUMNS,
        alt="Runs, newest first: name, state, verdict, share of codes in use through time, loss",
    )
    names = tuple(shown_runs[at].name for at in chosen["selection"]["rows"] if at < len(shown_runs))
    _open_buttons(names)
    _refused(listing)


def _open_buttons(names: tuple[str, ...]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="runs-open"):
        is_some = 1 <= len(names) <= MOST_RUNS
        label = f"Compare {len(names)}" if len(names) > 1 else "Open"
        st.button(
            label,
            type="primary" if is_some else "secondary",
            icon=":material/compare_arrows:" if len(names) > 1 else ":material/open_in_full:",
            disabled=not is_some,
            on_click=runs_state().open,
            args=(names,),
            key="runs-open-button",
        )
        st.caption(f"Select one run to open it, or two to {MOST_RUNS} to compare them.")


def _refused(listing: Listing) -> None:
    if listing.is_cut:
        st.caption("There are more folders than are looked into. Name one further down.")
    if listing.refused:
        with st.expander(f"{len(listing.refused):,} folders hold a run that cannot be opened"):
            for sentence in listing.refused[:50]:
                st.markdown(as_written(sentence))


def _empty(listing: Listing) -> None:
    if not listing.is_read:
        st.caption("Looking …")
        return
    _refused(listing)
    st.markdown("There is no run below this folder yet. Three lines in any training write one:")
    st.code(THREE_LINES, language="python")
    st.markdown("Or train one of ours:")
    st.code(OURS, language="bash")


def _matches(run: Listed, words: str) -> bool:
    verdict = "" if run.verdict is None else f"{run.verdict.severity} {run.verdict.title}"
    said = f"{run.name} {run.state} {verdict}"
    return all(word in said.casefold() for word in words.casefold().split())


def _row(run: Listed) -> dict[str, Any]:
    verdict = run.verdict
    return {
        "run": shown(run.name) + (f" ({run.ranks} ranks)" if run.ranks > 1 else ""),
        "state": run.state,
        "verdict": "…" if verdict is None else _said(verdict),
        "use through time": list(run.in_use),
        "in use": run.in_use[-1] if run.in_use else None,
        "step": run.step,
        "loss": run.loss,
        "codebooks": run.sizes,
        "begun": datetime.fromtimestamp(run.created, UTC),
    }


def _said(verdict: Verdict) -> str:
    return verdict.title if verdict.severity == "healthy" else f"{verdict.severity}: {verdict.title}"


COLUMNS = {
    "run": st.column_config.TextColumn(width="medium"),
    "state": st.column_config.TextColumn(width="small"),
    "verdict": st.column_config.TextColumn(width="large"),
    "use through time": st.column_config.LineChartColumn(y_min=0, y_max=1, width="small"),
    "in use": st.column_config.NumberColumn(format="percent", width="small"),
    "step": st.column_config.NumberColumn(format="localized", width="small"),
    "loss": st.column_config.NumberColumn(format="%.4g", width="small"),
    "codebooks": st.column_config.TextColumn(width="small"),
    "begun": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", width="small"),
}
