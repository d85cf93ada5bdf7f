"""The Live page: a codebook in training, its switches, and four views that follow it."""

from typing import Any

import streamlit as st

from app import address, choice_state, wording
from app.control_state import adopt, current_view, go_to, in_step, seen, step_chosen
from app.controls import sidebar
from app.live_plot.tiles import Status as StatusLine
from app.live_plot.tiles import status_line, tiles
from app.page_export import SeenPage
from app.readings import headline
from app.services import Entry, registry
from app.views.live_panels import bars_panel, curves_panel, examples_panel, map_panel
from app.views.live_past import moment_shown, past_bar
from app.views.panel_head import bar, choose
from app.views.verdict import verdict_line
from app.wording import as_written, level_words
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
            st.toast(as_written(sentence), icon=":material/link_off:", duration="long")
    entry = registry().find(request.session)
    if entry is None and request.recipe is not None:
        entry = registry().begin(request.recipe, paused=request.paused)
    if entry is not None:
        st.session_state["session"] = entry.id
        _go_back(entry, request.at)
    if request.session is not None and (entry is None or entry.id != request.session):
        st.session_state.setdefault("gone", True)
    return entry


def _go_back(entry: Entry, step: int | None) -> None:
    """As a link asks, if its run has come so far."""
    if step is None:
        return
    if step <= (reached := entry.session.trained_steps()):
        go_to(step)
    else:
        said = wording.PAST_UNREACHED.format(at=step, reached=reached)
        st.toast(said, icon=":material/link_off:", duration="long")


def _begin(recipe: Recipe) -> None:
    st.session_state["session"] = registry().begin(recipe).id
    st.session_state["gone"] = False


def _query(entry: Entry, status: Status) -> dict[str, str]:
    view, is_paused = current_view(status.recipe), status.state is State.PAUSED
    return address.write(entry.id, status.recipe, view, paused=is_paused, at=step_chosen())


def _gone(way_back: str) -> None:
    """Say that the session in the link is no more, until the reader has read it."""
    if not st.session_state.get("gone"):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="gone"):
        st.info(f"{wording.GONE} {way_back}", icon=":material/link_off:")
        if st.button("", icon=":material/close:", help="I have read this", type="tertiary", key="gone-read"):
            st.session_state["gone"] = False
            st.rerun()


def _empty_state() -> None:
    st.html(
        "<div class='vq-hero'><h1>VQ Scope</h1>"
        "<p>See a vector-quantized network train, collapse and recover.</p></div>"
    )
    _gone("The link does not say what it trained; begin another.")
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
        st.warning(wording.GONE, icon=":material/link_off:")
        recipe = address.read(st.query_params).recipe
        if recipe is not None and st.button("Begin it again", icon=":material/restart_alt:", key="begin-again"):
            _begin(recipe)
            st.rerun()
        return
    if entry.session.latest() is None:  # just begun: its first moment is worth a short wait
        entry.session.wait(lambda session: session.latest() is not None, REFRESH_SECONDS)
    level = int(current_view(entry.session.status().recipe)["level"]) - 1
    newest, status = entry.session.latest(level=level), entry.session.status()
    snapshot = None if newest is None else moment_shown(entry, newest, status)
    if st.session_state.pop("drawn_now", False):
        pass  # the sidebar has just been drawn; to draw it again before the browser has it loses its values
    elif status.state is not st.session_state["drawn_for"] or not in_step(entry, status):
        st.rerun()
    focus = choice_state.gather(entry, snapshot) if snapshot is not None else None
    if (query := _query(entry, status)) != st.query_params.to_dict():
        st.query_params.from_dict(query)  # the view controls below rerun this part alone
    problem = find_problem(status.recipe.problem)
    _header(newest, snapshot, status)
    with st.container(key="message"):  # there when empty, that a message moves no chart to another place
        _gone("This one begins again from its settings.")
        if status.message:
            _message(status)
    if newest is None or snapshot is None or focus is None:
        st.caption("Loading the data and building the model …")
        return
    words = level_words(status.recipe.structure, snapshot.level, len(snapshot.levels))
    past_bar(entry, newest, snapshot)
    numbers = headline(snapshot, problem, words)
    tiles(numbers, key="tiles")
    verdict_line(entry, newest, snapshot, status, words)
    st.session_state["panels"] = {}  # each panel notes there what it shows
    left, right = st.columns([0.56, 0.44], gap="small")
    with left.container(border=True, height="stretch", key="panel-map"):
        map_panel(entry, snapshot, status, problem, words, focus)
    with right.container(border=True, height="stretch", key="panel-bars"):
        bars_panel(snapshot, newest, status, words, focus)
    left, right = st.columns([0.56, 0.44], gap="small")
    with left.container(border=True, height="stretch", key="panel-curves"):
        curves_panel(newest, status, problem, words)
    with right.container(border=True, height="stretch", key="panel-examples"):
        examples_panel(entry, snapshot, status, problem, words, focus)
    seen()["page"] = SeenPage(
        recipe=entry.session.recipes["main"],
        step=snapshot.step,
        status=_status_line(newest, snapshot, status),
        tiles=numbers,
        panels=st.session_state["panels"],
        events=snapshot.events,
        message=status.message,
    )
    registry().warm_up_projection()


def _header(newest: Snapshot | None, shown: Snapshot | None, status: Status) -> None:
    head = bar("head")
    head.html("<div class='vq-title'><b>VQ Scope</b></div>", width="content")
    with head.container(horizontal=True, vertical_alignment="center", gap="small", width="content", key="levels"):
        _level_choice(status.recipe)
    with head.container(key="status-place"):
        status_line(_status_line(newest, shown, status), key="status")


def _status_line(newest: Snapshot | None, shown: Snapshot | None, status: Status) -> StatusLine:
    facts = [f"step {newest.step if newest else 0:,}"]
    facts += [f"showing step {shown.step:,}"] if shown is not None and step_chosen() is not None else []
    if status.state is State.RUNNING:
        facts.append(f"{status.steps_per_second:.0f} steps/s")
    facts += [status.device] if status.device else []
    colour: Any = {State.RUNNING: "running", State.BROKEN: "failed"}.get(status.state, "paused")
    return StatusLine(state=colour, facts=facts, remark=_remark(status))


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
