"""The experiments of a start on the Live page: where they stand, what is obeyed, and the table to take away."""

import streamlit as st

from app.doors.visitor import shared_link
from app.links import live as address
from app.live.state import live_state
from app.live.variant import show_variant
from app.live_plot.experiments import experiments_place
from app.live_plot.transport import new_clicks
from app.panels.experiment_words import csv_text, markdown
from app.panels.experiments_reading import TRY
from app.panels.scene import Scene
from app.sessions.entry import Entry
from vqcore.problems.catalogue import find_problem
from vqcore.starts.catalogue import find_start
from vqcore.starts.recorded import HEADS, recorded, table_rows
from vqcore.starts.start import Start
from vqcore.training.commands import (
    CancelExperimentsCommand,
    Command,
    ExperimentCommand,
    RestartCommand,
    ShowRunCommand,
)
from vqcore.training.recipe import Recipe
from vqcore.training.status import Status

PLACE = "experiments"

LEFT_OUT = (
    "Every experiment goes on from the moment of the pause. What was switched since then is left out, to compare."
)


def begin_again(entry: Entry, recipe: Recipe) -> RestartCommand:
    """The command that begins again with `recipe`, which pauses where the start does if it still is the start's."""
    start = find_start(entry.start) if entry.start else None
    return RestartCommand(recipe, start.plan() if start is not None and start.is_begun_as(recipe) else None)


def experiments_strip(scene: Scene) -> list[str]:
    """Draw the place of the experiments and what can be taken away; returns the keys of what comes by the road."""
    if not scene.entry.start or not scene.status.experiments:
        return []
    with st.container(horizontal=True, vertical_alignment="top", gap="small", key="experiments-strip"):
        with st.container(width="stretch"):
            experiments_place(PLACE)
        with st.popover("Table", key="experiments-table", type="tertiary", on_change="rerun", width="content"):
            _table(scene, find_start(scene.entry.start))
    return [PLACE]


def obey_experiments(entry: Entry) -> None:
    """Obey what was clicked since the last run of the script."""
    status = entry.session.status()
    names = [row.name for row in status.experiments]
    for click in new_clicks(PLACE, {"all", "cancel", "pause", "seed", *(f"{TRY}{name}" for name in names)}):
        live_state().go_live()
        show_variant("")
        if click not in ("cancel", "pause", "seed") and _is_switched(entry, status):
            st.toast(LEFT_OUT, icon=":material/info:", duration="long")
        if commands := _meant(entry, status, click):
            entry.send(*commands)


def _is_switched(entry: Entry, status: Status) -> bool:
    """Whether the run that paused has other switches by now."""
    began = next(iter(entry.session.recipes.values()))
    return status.run == status.paused_run and began.options != status.recipe.options


def link_query(entry: Entry, status: Status) -> dict[str, str] | None:
    """The query that makes this start and its experiments again; None where the run is no longer the start's."""
    rows = status.experiments
    shown = next((row for row in rows if row.run == status.run), None)
    began = next(iter(entry.session.recipes.values()))
    if not entry.start or not rows or (shown is not None and shown.is_touched):
        return None
    start = find_start(entry.start)
    if not start.is_begun_as(began) or (shown is None and began.options != status.recipe.options):
        return None
    made = [str(number) for number, row in enumerate(rows, 1) if row.changes and row.stage != "offered"]
    return address.write_start(start, began, ",".join(made))


def _meant(entry: Entry, status: Status, click: str) -> list[Command]:
    match click:
        case "all":
            return [ExperimentCommand(row.name) for row in status.experiments if row.stage in ("offered", "training")]
        case "cancel":
            return [CancelExperimentsCommand()]
        case "pause":
            return [] if status.paused_run is None else [ShowRunCommand(status.paused_run)]
        case "seed":
            start, recipe = find_start(entry.start), status.recipe
            return [RestartCommand(start.recipe(recipe.seed + 1, recipe.device), start.plan())]
    return [ExperimentCommand(click.removeprefix(TRY))]


def _table(scene: Scene, start: Start) -> None:
    """This page's table as Markdown and CSV, the link that makes it again, and what was recorded."""
    status, snapshot = scene.status, scene.snapshot
    problem, seed = find_problem(start.problem), status.recipe.seed
    text = markdown(start, status.experiments, problem, snapshot.num_codes, len(snapshot.codes), seed)
    st.caption("Made on this page")
    st.code(text, language="markdown", wrap_lines=True)
    session = scene.entry.session
    st.download_button(
        "CSV",
        data=lambda: csv_text(session.status().experiments, seed),
        file_name=f"vq-scope-{start.name}-seed-{seed}.csv",
        mime="text/csv",
        key="experiments-csv",
        on_click="ignore",
    )
    if (query := link_query(scene.entry, status)) is not None:
        st.caption("A link that makes it again")
        st.code(shared_link(query, safe=","), language=None, wrap_lines=True)
    recorded_table(start)


def recorded_table(start: Start) -> None:
    """What was recorded of a start, with the command that repeats it."""
    found = recorded(start.name)
    if found is None:
        return
    seeds, with_symptom = found.table["seeds"], found.table["with_symptom"]
    showing = "" if with_symptom is None else f"; it {_did(start)} on {with_symptom} of {len(seeds)} seeds"
    st.caption(
        f"Recorded {found.date} at commit {found.commit}: seeds {seeds[0]}–{seeds[-1]}, which no setting was chosen "
        f"on{showing}; median [range], whole held-out set, {start.steps:,} steps after step {start.pause_at:,}"
    )
    rows = [HEADS, tuple("---" for _ in HEADS), *table_rows(found.table)]
    st.markdown("\n".join(f"| {' | '.join(row)} |" for row in rows))
    st.code(found.command, language="bash", wrap_lines=True)


def _did(start: Start) -> str:
    return "" if start.symptom is None else f"did {start.symptom.words}"
