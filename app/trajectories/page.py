"""The Trajectories page: what each estimator does to a path over a loss surface, played step by step."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.doors.visitor import shared_link
from app.figures.seed_bands import Band, Panel, seed_bands
from app.links import trajectories as trajectory_address
from app.links.lecture import TRAJECTORIES
from app.live_plot.address import show_address
from app.live_plot.again import polled
from app.live_plot.component import live_plot
from app.panels.head import brand
from app.panels.lecture_dialog import lecture_link
from app.panels.lecture_places import begin, query, row, shows
from app.panels.lecture_places import place as at
from app.sessions import sweeps
from app.sessions.registry import registry
from app.sessions.sweeps import Sweep
from app.trajectories.sidebar import adopt, choose, place
from app.trajectories.state import trajectories_state
from app.trajectory_plot.component import moved_places, trajectory_plot
from app.trajectory_plot.picture import LOOKS, NOT_DRAWN, TITLES, check_size, picture
from app.trajectory_plot.standalone import standalone_html
from app.wording import as_written
from vqcore.trajectories.lockstep import trajectories
from vqcore.trajectories.path import MEASURES, Path
from vqcore.trajectories.setting import Setting

PLOT = "trajectory-plot"
SWEEP_SECONDS = 2.0
BANDS_HEIGHT = 420
SWEEP_OFFER = "One seed is an anecdote: run the same setting with more seeds in the background."
SWEEP_DROPPED = "The seeds of this setting have ended: newer ones took their place, or the server was restarted."
SWEEP_NOTE = (
    "Line: median over the finished seeds; band: quartiles. Each seed has its own starts and codes. Reached: first "
    "step "
    "with f(z_q) − min f at most 1% of that at the start. Gap: summed length of the gaps over the gradients'."
)


@st.cache_resource(max_entries=12, show_spinner=False, hash_funcs={Setting: repr})
def _paths(setting: Setting) -> list[Path]:
    check_size(setting)
    return trajectories(setting)


@st.cache_resource(max_entries=12, show_spinner=False, hash_funcs={Setting: repr})
def _picture(setting: Setting) -> dict[str, Any]:
    return picture(setting, _paths(setting))


def page() -> None:
    """The page, as a script."""
    begin(TRAJECTORIES)
    state = trajectories_state()
    if state.setting is None:
        setting, refused = trajectory_address.read(st.query_params)
        adopt(setting)
        for sentence in refused:
            st.toast(as_written(sentence), icon=":material/link_off:", duration="long")
    st.html(brand("Trajectories"))
    with st.sidebar:
        problem = choose()
        setting = state.in_force
        _places(setting)
        if shows("links"):
            _share(setting)
    with st.container(key="message"):
        shown, problem = _computed(setting, problem)
        if problem:
            st.error(problem, icon=":material/error:")
        if said := _diverged(_paths(shown)):
            st.warning(said, icon=":material/info:")
    show_address(trajectory_address.write(shown) | query(), key="trajectories-address")
    trajectory_plot(_picture(shown), key=PLOT, revision=repr(shown), on_moved=_moved)
    _sweep_panel(shown)


def _computed(setting: Setting, problem: str | None) -> tuple[Setting, str | None]:
    """The setting whose paths are shown: the one asked for, or where that cannot be, the last one that could."""
    state = trajectories_state()
    try:
        _paths(setting)
    except ValueError as error:
        problem = problem or str(error)
        setting = state.shown
    state.shown = setting
    return setting, problem


def _diverged(paths: Sequence[Path]) -> str:
    said = [f"{path.method} diverged at step {path.diverged_at}" for path in paths if path.diverged_at is not None]
    return f"{', '.join(said)}. Each is drawn up to its last finite point." if said else ""


def _moved() -> None:
    if places := moved_places(PLOT):
        place(**{name: places[name] for name in ("starts", "codes") if name in places})


def _places(setting: Setting) -> None:
    at("places").button(
        "Reset places",
        icon=":material/restart_alt:",
        key="reset-places",
        help="Move starts and codes back to where the seed puts them",
        disabled=setting.starts is None and setting.codes is None,
        on_click=place,
        kwargs={"starts": None, "codes": None},
        width="stretch",
    )


def _share(setting: Setting) -> None:
    link, save = row("link", "save-html")
    with link.popover("Link", icon=":material/link:", width="stretch"):
        st.caption("Computes the same paths.")
        plain = trajectory_address.write(setting)
        st.code(shared_link(plain), language=None, wrap_lines=True)
        lecture_link(TRAJECTORIES, plain)
    save.download_button(
        "HTML",
        data=lambda: standalone_html(setting, _paths(setting)),
        file_name=f"trajectories-{setting.landscape}-seed-{setting.seed}.html",
        mime="text/html",
        icon=":material/download:",
        key="save-html",
        help="A single file that plays in any browser, without server or network",
        on_click="ignore",
        width="stretch",
    )


def _sweep_panel(setting: Setting) -> None:
    sweep = registry().sweep_of(setting)
    every = SWEEP_SECONDS if sweep is not None and sweep.is_running else None
    with st.container(border=True, key="panel-sweep"):
        # No session, so no road of live data: the browser asks again once it has drawn, and never by a clock alone.
        polled(_sweep, every, "again-sweep")(setting, every is not None)


def _sweep(setting: Setting, was_running: bool) -> None:
    """The seeds so far; only this part is refreshed while more are to come."""
    sweep = registry().sweep_of(setting)
    running = sweep is not None and sweep.is_running
    if was_running and not running:
        st.rerun()  # the whole page, which no longer refreshes this part
    bar = st.container(horizontal=True, vertical_alignment="center", gap="small", key="bar-sweep")
    bar.container(width="stretch").html(
        f"<div class='vq-panel'><h2>Over {sweeps.SEEDS} seeds</h2><span>from seed {setting.seed} on</span></div>"
    )
    if sweep is not None and running:
        if bar.button("Cancel", icon=":material/close:", key="sweep-cancel"):
            sweep.cancel()
            st.rerun()
    elif at("seeds", bar).button(f"Run {sweeps.SEEDS} seeds", icon=":material/casino:", key="sweep-begin"):
        registry().begin_sweep(setting)
        st.rerun()
    swept = trajectories_state().swept
    if sweep is None:
        st.caption(SWEEP_DROPPED if setting in swept else SWEEP_OFFER)
        return
    swept.add(setting)
    done = len(sweep.results)
    if running or done < sweep.seeds:
        st.progress(done / sweep.seeds, text=f"{done} of {sweep.seeds} seeds" + ("" if running else ", cancelled"))
    if sweep.problem:
        st.error(sweep.problem, icon=":material/error:")
    if done:
        _seeds(sweep)


def _seeds(sweep: Sweep) -> None:
    results = sweep.results
    st.markdown("\n".join(f"- {sentence}" for sentence in sweeps.comparisons(results)))
    live_plot(
        seed_bands(_panels(sweep)), key="seeds-plot", height=BANDS_HEIGHT, revision=f"{sweep.setting} {len(results)}"
    )
    st.dataframe(sweeps.table(results), hide_index=True, width="stretch")
    st.caption(f"Medians (quartiles) over {len(results)} seeds. {SWEEP_NOTE}")


def _panels(sweep: Sweep) -> list[Panel]:
    return [
        Panel(
            title=TITLES[measure],
            log=measure != "gradient angle",
            bands=[_band(sweep, method, measure) for method in sweep.setting.methods],
        )
        for measure in MEASURES
        if measure not in NOT_DRAWN
    ]


def _band(sweep: Sweep, method: str, measure: str) -> Band:
    colour, dash = LOOKS[method]
    found = sweeps.curve(sweep.results, method, measure)
    return Band(label=method, colour=colour, dash=dash, low=found.low, median=found.median, high=found.high)


page()
