"""The Live page: a codebook in training, its switches, and four views that follow it."""

from typing import Any

import streamlit as st

from app import address, choice_state, wording
from app.control_state import adopt, current_view, in_step
from app.controls import sidebar
from app.live_plot.tiles import Status as StatusLine
from app.live_plot.tiles import status_line, tiles
from app.readings import headline
from app.services import Entry, registry
from app.views.live_panels import bars_panel, curves_panel, examples_panel, map_panel
from app.views.panel_head import bar, choose
from app.wording import level_words
from vqcore.problems.catalogue import find_problem
from vqcore.snapshot import Snapshot
from vqcore.training.recipe import Recipe, default_recipe
from vqcore.training.session import State, Status

REFRESH_SECONDS = 0.5

STARTS: tuple[tuple[str, str, str, Recipe], ...] = (
    (
        ":material/south_east:",
        "Collapse, live",
        "Photographs and a codebook that starts far from them. Watch what becomes of its codes, then throw a switch.",
        default_recipe("patches"),
    ),
    (
        ":material/spa:",
        "Healthy with k-means + replacement",
        "The same photographs; codes start at k-means centres, and unused ones move every 20 steps.",
        default_recipe("patches", code_init="kmeans", replace_every=20),
    ),
    (
        ":material/pin:",
        "Digits classifier",
        "A small network tells handwritten digits apart with a quantizer in its middle.",
        default_recipe("digits-classifier"),
    ),
)


def page() -> None:
    """The page, as a script."""
    entry = _attach()
    if entry is None:
        _empty_state()
        return
    status = entry.session.status()
    if not in_step(entry, status):
        adopt(status.recipe)
    st.session_state["drawn_for"] = status.state
    with st.sidebar:
        sidebar(entry, status)
    st.query_params.from_dict(_query(entry, status))
    st.session_state["drawn_now"] = True
    _live(entry.id)


def _attach() -> Entry | None:
    """The session of this browser: the one it has, the one in its URL, or a new one as the URL describes."""
    entry = registry().find(st.session_state.get("session"))
    if entry is not None:
        return entry
    request = address.read(st.query_params)
    if "first_view" not in st.session_state:
        st.session_state["first_view"] = request.view
        for sentence in request.refused:
            st.toast(sentence, icon=":material/link_off:", duration="long")
    entry = registry().find(request.session)
    if entry is None and request.recipe is not None:
        if request.session is not None:
            st.toast("That run has ended with its server. This one begins again from its settings.")
        entry = registry().begin(request.recipe, paused=request.paused)
    if entry is not None:
        st.session_state["session"] = entry.id
    return entry


def _begin(recipe: Recipe) -> None:
    st.session_state["session"] = registry().begin(recipe).id


def _query(entry: Entry, status: Status) -> dict[str, str]:
    return address.write(entry.id, status.recipe, current_view(status.recipe), paused=status.state is State.PAUSED)


def _empty_state() -> None:
    st.html(
        "<div class='vq-hero'><h1>VQ Scope</h1>"
        "<p>See a vector-quantized network train, collapse and recover.</p></div>"
    )
    _, *places, _ = st.columns([1, *[4] * len(STARTS), 1])
    for column, (icon, title, text, recipe) in zip(places, STARTS, strict=True):
        with column.container(border=True, height="stretch", key=f"start-{recipe.problem}-{recipe.code_init}"):
            st.button(title, icon=icon, on_click=_begin, args=(recipe,), width="stretch")
            st.markdown(text)
            st.caption(find_problem(recipe.problem).about)


@st.fragment(run_every=REFRESH_SECONDS)
def _live(session_id: str) -> None:
    entry = registry().find(session_id)
    if entry is None:
        st.warning("This run has ended: the server keeps only the newest ones. Reload the page to begin again.")
        return
    if entry.session.latest() is None:  # just begun: its first moment is worth a short wait
        entry.session.wait(lambda session: session.latest() is not None, REFRESH_SECONDS)
    level = int(current_view(entry.session.status().recipe)["level"]) - 1
    snapshot, status = entry.session.latest(level=level), entry.session.status()
    if st.session_state.pop("drawn_now", False):
        pass  # the sidebar has just been drawn; to draw it again before the browser has it loses its values
    elif status.state is not st.session_state["drawn_for"] or not in_step(entry, status):
        st.rerun()
    focus = choice_state.gather(entry, snapshot) if snapshot is not None else None
    if (query := _query(entry, status)) != st.query_params.to_dict():
        st.query_params.from_dict(query)  # the view controls below rerun this part alone
    problem = find_problem(status.recipe.problem)
    _header(snapshot, status)
    with st.container(key="message"):  # there when empty, that a message moves no chart to another place
        if status.message:
            _message(status)
    if snapshot is None or focus is None:
        st.caption("Loading the data and building the model …")
        return
    words = level_words(status.recipe.structure, snapshot.level, len(snapshot.levels))
    tiles(headline(snapshot, problem, words), key="tiles")
    left, right = st.columns([0.56, 0.44], gap="small")
    with left.container(border=True, height="stretch", key="panel-map"):
        map_panel(entry, snapshot, status, problem, words, focus)
    with right.container(border=True, height="stretch", key="panel-bars"):
        bars_panel(snapshot, status, words, focus)
    left, right = st.columns([0.56, 0.44], gap="small")
    with left.container(border=True, height="stretch", key="panel-curves"):
        curves_panel(snapshot, status, problem, words)
    with right.container(border=True, height="stretch", key="panel-examples"):
        examples_panel(entry, snapshot, status, problem, words, focus)
    registry().warm_up_projection()


def _header(snapshot: Snapshot | None, status: Status) -> None:
    head = bar("head")
    head.html("<div class='vq-title'><b>VQ Scope</b></div>", width="content")
    with head.container(horizontal=True, vertical_alignment="center", gap="small", width="content", key="levels"):
        _level_choice(status.recipe)
    facts = [f"step {snapshot.step if snapshot else 0:,}"]
    if status.state is State.RUNNING:
        facts.append(f"{status.steps_per_second:.0f} steps/s")
    facts += [status.device] if status.device else []
    shown: Any = {State.RUNNING: "running", State.BROKEN: "failed"}.get(status.state, "paused")
    with head.container(key="status-place"):
        status_line(StatusLine(state=shown, facts=facts, remark=_remark(status)), key="status")


def _level_choice(recipe: Recipe) -> None:
    """Which group or level everything below shows."""
    if recipe.levels > 1:
        st.html(f"<div class='vq-title'><span>{wording.LEVEL_NOUNS[recipe.structure]}</span></div>", width="content")
        choose(st, "level", address.VIEWS["level"][: recipe.levels])


def _remark(status: Status) -> str:
    said = {State.STARTING: "starting …", State.IDLE: "paused while nobody looked", State.STOPPED: "ended"}
    return said.get(status.state, "")


def _message(status: Status) -> None:
    if status.state is State.BROKEN:
        st.error(status.message, icon=":material/error:")
        if status.details:
            with st.expander("Traceback"):
                st.code(status.details, language="text")
    else:
        st.warning(status.message, icon=":material/info:")


page()
