"""One run in the views of the Live page, followed while it is written; or several, compared."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import streamlit as st

from app.links import runs as address
from app.links.runs import VIEWS, write_run_view
from app.live_plot.code_card import card_place
from app.live_plot.component import Grow, live_place
from app.live_plot.conductor import conductor
from app.live_plot.tiles import status_place, tiles_place
from app.live_plot.time_bar import time_bar_place
from app.live_plot.words import words_place
from app.page_state import said_by
from app.panels.chart import LOWER, UPPER
from app.panels.head import bar, brand
from app.panels.run_charts import COMPARED_HEIGHT, book_at
from app.panels.run_scene import run_scene
from app.runs.code_choice import obey_hands
from app.runs.state import runs_state
from app.sessions.recorded_run import News, OpenedRuns
from app.stream.controls_state import runs_state as state_of_runs
from app.wording import as_written
from vqcore.files.errors import shown

LOWEST_WINDOW = 900
GROWS = {UPPER: Grow(LOWEST_WINDOW, 0.56, gives=45), LOWER: Grow(LOWEST_WINDOW, 0.44, gives=35)}
FRAMES_A_SECOND = 2.0
TIME_HELP = "All views go back to this moment. Kept are the newest recorded steps, and ever fewer of the past."


def opened_view(opened: OpenedRuns) -> None:
    """Draw it."""
    opened.look()
    news, controls = opened.published(), state_of_runs(opened)
    if len(opened.runs) == 1:
        obey_hands(run_scene(opened.runs[0], runs_state().place.view))
    placed = _head(opened, news)
    placed += _compared() if len(opened.runs) > 1 else _single(news[0])
    conductor(
        opened.id,
        address=address.write(runs_state().place),
        view=write_run_view(runs_state().place.view),
        wanted=placed,
        controls=controls,
        rate=FRAMES_A_SECOND,
        key="runs-conductor",
    )


def _head(opened: OpenedRuns, news: Sequence[News]) -> list[str]:
    head = bar("head")
    head.html(brand("Runs"), width="content")
    head.button("All runs", icon=":material/list:", type="tertiary", on_click=runs_state().open, args=((),))
    is_single = len(opened.runs) == 1
    name = shown(opened.runs[0].name) if is_single else f"{len(opened.runs)} runs"
    head.markdown(f"**{as_written(name)}**", width="content")
    _codebook_choice(head, news)
    if not is_single:
        return []
    with head.container(key="status-place"):
        status_place("status")
    return ["status"]


def _codebook_choice(head: st.delta_generator.DeltaGenerator, news: Sequence[News]) -> None:
    """The codebook that everything below shows, where there are several."""
    names = next((one.run.codebooks for one in news if one.run is not None), ())
    if len(names) < 2:
        return
    view = runs_state().place.view

    def chosen() -> None:
        at: int = said_by("runs-codebook", 0)
        runs_state().look_at(replace(runs_state().place.view, codebook=at + 1))

    head.selectbox(
        "Codebook",
        range(len(names)),
        index=min(view.codebook, len(names)) - 1,
        format_func=lambda at: shown(names[at]),
        key="runs-codebook",
        on_change=chosen,
        label_visibility="collapsed",
        width=240,
    )


def _single(news: News) -> list[str]:
    if news.run is None and news.problem:
        st.error(as_written(news.problem), icon=":material/error:")
        return []
    words_place("run-story", look="story")
    with st.container(key="time"):
        time_bar_place("run-time", help=TIME_HELP, go=_go)
    tiles_place("run-tiles")
    placed = ["run-story", "run-time", "run-tiles"]
    view = runs_state().place.view
    num_codes = int(book_at(news.run, view.codebook)["num_codes"]) if news.run and news.run.codebooks else 1
    for row in ((("map", _map_head, UPPER), ("bars", _bars_head, UPPER)), (("curves", _curves_head, LOWER), None)):
        columns = st.columns([0.56, 0.44], gap="small")
        for panel, column in zip(row, columns, strict=True):
            placed += _findings(column, num_codes) if panel is None else _panel(column, *panel)
    return placed


def _panel(column: st.delta_generator.DeltaGenerator, name: str, head: Callable[[], None], height: int) -> list[str]:
    with column.container(border=True, height="stretch", key=f"panel-run-{name}"):
        head()
        live_place(f"run-{name}-plot", height=height, grow=GROWS[height])
        words_place(f"run-{name}-said", look="said")
    return [f"run-{name}-plot", f"run-{name}-said"]


def _findings(column: st.delta_generator.DeltaGenerator, num_codes: int) -> list[str]:
    """The findings, or the card of the code that was chosen."""
    with column.container(border=True, height="stretch", key="panel-run-findings"):
        head = bar("run-findings")
        heading = head.container(width="stretch")
        code = _code_choice(head, num_codes)
        title = "Findings at this moment" if code is None else f"Code {code:,}"
        heading.html(f"<div class='vq-panel'><h2>{title}</h2></div>")
        if code is not None:
            card_place("run-card", height=LOWER + 30)
            return ["run-card"]
        words_place("run-findings", look="why", height=LOWER + 30)
    return ["run-findings"]


def _code_choice(head: st.delta_generator.DeltaGenerator, num_codes: int) -> int | None:
    """The code whose card is open; None for none."""
    state = runs_state()
    code = state.place.view.code
    code = None if code is None else min(code, num_codes - 1)
    key = f"runs-code-{max(state.hands_seen.values(), default=0)}"  # a click sets another number

    def chosen() -> None:
        state.look_at(replace(state.place.view, code=said_by(key)))

    head.number_input(
        "Code",
        0,
        num_codes - 1,
        value=code,
        placeholder="a code …",
        key=key,
        on_change=chosen,
        label_visibility="collapsed",
        width=120,
        help="Its number, or a click on the map or the bars: the card of that code at this moment, with the inputs "
        "that were kept. Empty: the findings.",
    )
    return code


def _map_head() -> None:
    bar("run-map").html("<div class='vq-panel'><h2>P · C · Q</h2></div>")


def _bars_head() -> None:
    head = bar("run-bars")
    head.container(width="stretch").html("<div class='vq-panel'><h2>Code usage</h2></div>")
    if _choose(head, "bars") == "time":
        _choose(head, "rows")


def _curves_head() -> None:
    head = bar("run-curves")
    head.container(width="stretch").html("<div class='vq-panel'><h2>Through time</h2></div>")
    _choose(head, "curves")


def _choose(head: st.delta_generator.DeltaGenerator, name: str) -> str:
    """A view control of the page's link."""
    view = runs_state().place.view

    def chosen() -> None:
        now = runs_state().place.view
        said = said_by(f"runs-view-{name}") or VIEWS[name][0]
        runs_state().look_at(replace(now, controls={**now.controls, name: said}))

    head.segmented_control(
        name,
        VIEWS[name],
        default=view.controls[name],
        required=True,
        key=f"runs-view-{name}",
        on_change=chosen,
        label_visibility="collapsed",
        width="content",
    )
    return view.controls[name]


def _go(step: int | None) -> None:
    runs_state().look_at(runs_state().place.view.at_step(step))


def _compared() -> list[str]:
    words_place("runs-table")
    with st.container(border=True, key="panel-runs"):
        bar("runs").html("<div class='vq-panel'><h2>Through time</h2></div>")
        live_place("runs-plot", height=COMPARED_HEIGHT)
    return ["runs-table", "runs-plot"]
