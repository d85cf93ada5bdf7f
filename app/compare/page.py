"""The side-by-side page: two to four variants of one problem on one clock, with shared axes and selection."""

from collections.abc import Mapping

import streamlit as st

from app import wording
from app.compare.chosen import choice_made, choose, seed_runs, view_of, views_in_link
from app.compare.panels import bars_panel, curves_panel, examples_panel, map_panel, table_panel
from app.compare.presets import PRESETS
from app.compare.sidebar import TRANSPORT, begin, obey_transport, sidebar
from app.compare.state import compare_state
from app.doors.visitor import browser
from app.links import compare as comparison
from app.links.compare_view import CompareView, write_compare_view
from app.links.setup import Setup, setup_of
from app.live_plot.conductor import conductor, script_caller
from app.live_plot.tiles import status_place
from app.panels.compare_scene import CompareScene, compare_scene
from app.panels.head import bar, brand
from app.sessions.entry import Entry
from app.sessions.registry import registry
from app.sessions.seed_runs import Plan
from app.stream.controls_state import compare_heads_state, compare_sidebar_state
from app.wording import as_written
from vqcore.problems.catalogue import find_problem
from vqcore.snapshot import Snapshot
from vqcore.training.status import State, Status

FRAMES_A_SECOND = 2.0
FIRST_MOMENT_SECONDS = 0.5
CONDUCTOR = "compare-conductor"


def page() -> None:
    """The page, as a script."""
    entry = _attach()
    if entry is None:
        _empty_state()
        return
    state = compare_state()
    state.watched = entry.watch_id if entry.is_followed else None
    if not entry.is_followed:
        registry().claim(entry.id, browser())
        obey_transport(entry)
    status = entry.session.status()
    setup = _setup(entry, status)
    state.setup, state.sidebar_shows = setup, compare_sidebar_state(status)
    with st.sidebar:
        sidebar(entry, status, setup)
    _live(entry.id)
    script_caller("compare-caller")


def _attach() -> Entry | None:
    """This browser's session, the one in its URL, or a new one as the URL describes."""
    state, link = compare_state(), st.query_params.get("session")
    if watch := st.query_params.get("watch") or state.watched:
        return _followed(watch)
    if watch := registry().watch_id_for(link, browser()):
        st.toast(wording.ANOTHERS, icon=":material/visibility:", duration="long")
        return _followed(watch)
    asked = registry().find(link)
    if link and asked is None and link != state.session and "problem" not in st.query_params:
        # A link from another page, which does not say what it trained.
        state.session, state.setup, state.gone = None, None, True
    if state.first_view is None or (asked is not None and asked.id != state.session):
        request = comparison.read(st.query_params)
        state.first_view = request.view
        for sentence in request.refused:
            st.toast(as_written(sentence), icon=":material/link_off:", duration="long")
        entry = registry().find(request.session)
        if entry is None and request.setup is not None:
            entry = begin(request.setup, paused=request.paused)
        if request.session is not None and (entry is None or entry.id != request.session):
            state.gone = True
        state.session = entry.id if entry else None
        if entry is not None and request.view["seeds"] and request.view["steps"]:
            recipes = tuple(_setup(entry, entry.session.status()).recipes().items())
            state.plan = Plan(recipes, int(request.view["seeds"]), int(request.view["steps"]))
    return registry().find(state.session)


def _followed(watch: str) -> Entry | None:
    """The session with this watch id as this browser follows it, or None once it has ended."""
    state = compare_state()
    held = registry().find_follower(state.session)
    if held is not None and held.watch_id == watch:
        return held
    request, entry = comparison.read(st.query_params), registry().follow(watch)
    if state.first_view is None:
        state.first_view = request.view
    state.session, state.watched = (entry.id if entry else None), watch
    state.setup = state.setup or request.setup
    return entry


def _setup(entry: Entry, status: Status) -> Setup:
    """The set-up that is trained, with the current switches."""
    return setup_of(dict(zip(status.variants, status.recipes, strict=False)) or entry.session.recipes)


def _begin(setup: Setup) -> None:
    begin(setup)


def _empty_state() -> None:
    st.html(brand())
    st.html(
        "<div class='vq-hero'><h1 id='content'>Side by side</h1><p>Two to four variants of one problem: "
        "the same seed, the same batches, one clock.</p></div>"
    )
    state = compare_state()
    if state.watched is not None:
        st.info(wording.FOLLOWED_GONE, icon=":material/link_off:")
    elif state.setup is not None:
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="gone"):
            st.info(wording.ENDED, icon=":material/link_off:")
            st.button(
                "Begin it again",
                icon=":material/restart_alt:",
                on_click=_begin,
                args=(state.setup,),
                key="begin-again",
            )
    elif state.gone:
        st.info(f"{wording.GONE} Begin another.", icon=":material/link_off:")
    _, *places, _ = st.columns([1, *[4] * len(PRESETS), 1])
    for column, (icon, title, text, setup) in zip(places, PRESETS, strict=True):
        with column.container(border=True, height="stretch", key=f"start-{title}"):
            st.button(title, icon=icon, on_click=_begin, args=(setup,), width="stretch", key=f"begin {title}")
            st.markdown(text)
            st.caption(find_problem(setup.problem).about)


@st.fragment
def _live(session_id: str) -> None:
    """Everything but the sidebar: heads, controls and the places of the live data."""
    entry = registry().find_any(session_id)
    if entry is None:
        st.rerun()
    if entry.session.latest() is None:  # just begun: its first moment is worth a short wait
        entry.session.wait(lambda session: session.latest() is not None, FIRST_MOMENT_SECONDS)
    scene = _scene(entry)
    status, snapshots = scene.status, scene.snapshots
    setup = _setup(entry, status)
    _leave_umap(scene)
    _header(snapshots)
    with st.container(key="message"):
        _message(scene)
    conductor(
        session_id,
        address=_query(entry, setup, status),
        view=write_compare_view(scene.view),
        wanted=["status", TRANSPORT, *(_panels(scene) if snapshots else ())],
        controls=f"{compare_state().sidebar_shows} {compare_heads_state(scene)}",
        rate=FRAMES_A_SECOND,
        key=CONDUCTOR,
    )


def _query(entry: Entry, setup: Setup, status: Status) -> dict[str, str]:
    view = views_in_link(setup)
    if entry.is_followed:
        return comparison.write(None, setup, view, paused=False, watch=entry.watch_id)
    return comparison.write(entry.id, setup, view, paused=status.state is State.PAUSED)


def _scene(entry: Entry) -> CompareScene:
    controls, runs = {name: view_of(name) for name in comparison.VIEWS}, seed_runs()
    seeds = "" if runs is None else runs.id
    snapshots = entry.session.latest_of_all(int(controls["level"]) - 1)
    view = CompareView(controls, choice_made(snapshots), seeds, dict(compare_state().hands_seen))
    return compare_scene(entry, view, runs, wish=True)


def _leave_umap(scene: CompareScene) -> None:
    """Give up a layout that the maps no longer need."""
    state, plane = compare_state(), scene.view.controls["map"]
    if scene.snapshots and state.map_was == "UMAP" != plane:
        registry().projection.cancel(scene.entry.shared_stream(scene.first.level))
    state.map_was = plane


def _panels(scene: CompareScene) -> list[str]:
    placed = []
    with st.container(border=True, key="panel-compare-map"):
        placed += map_panel(scene)
    with st.container(border=True, key="panel-compare-bars"):
        placed += bars_panel()
    has_outputs = scene.problem.task != "plane"
    curves, examples = st.columns([0.56, 0.44], gap="small") if has_outputs else (st.container(), None)
    with curves.container(border=True, height="stretch", key="panel-compare-curves"):
        placed += curves_panel(scene)
    if examples is not None:
        with examples.container(border=True, height="stretch", key="panel-compare-examples"):
            placed += examples_panel(scene)
    with st.container(border=True, key="panel-compare-table"):
        placed += table_panel()
    return placed


def _message(scene: CompareScene) -> None:
    state, status = compare_state(), scene.status
    if state.gone:
        st.toast(f"{wording.GONE} This one begins again from its settings.", icon=":material/link_off:")
    state.gone = False
    for name, broken in scene.broken.items() if status.state is not State.BROKEN else ():
        said = f"{name} trains no further, the others do. {broken.reason} It is shown as it was at step "
        st.warning(as_written(f"{said}{scene.snapshots[name].step:,}."), icon=":material/error:")
    if status.message:
        (st.error if status.state is State.BROKEN else st.warning)(as_written(status.message))
    elif status.state is State.STARTING:
        said = f"Loading the data and building the models: {status.built} of {status.to_build} built"
        st.progress(status.built / max(1, status.to_build), text=said)
    elif len(scene.snapshots) == 1:
        st.info("This session has one variant. Fork it on the Live page, or begin with more in the sidebar.")


def _header(snapshots: Mapping[str, Snapshot]) -> None:
    head = bar("head")
    head.html(brand("Side by side"), width="content")
    first = next(iter(snapshots.values()), None)
    if first is not None and len(first.levels) > 1:
        choose(head, "level", comparison.VIEWS["level"][: len(first.levels)])
    with head.container(key="status-place"):
        status_place("status")


page()
