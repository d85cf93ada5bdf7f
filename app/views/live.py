"""The Live page: a codebook in training, its switches, and four views that follow it."""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import streamlit as st

from app import address, choice_state, wording
from app.control_state import adopt, current_view, go_live, go_to, in_step, level_shown, seen, step_chosen
from app.controls import sidebar
from app.fork_controls import variants_bar
from app.lecture import LIVE
from app.lecture_places import begin, query, shows
from app.live_plot.tiles import Status as StatusLine
from app.live_plot.tiles import status_line, tiles
from app.page_export import SeenPage
from app.readings import headline, status_line_of
from app.services import Entry, registry
from app.timed_refresh import rest_after, waited
from app.together import sent_together
from app.variants import look_at, show_variant, whole_of
from app.views.first_path import begin_first_path, first_path
from app.views.live_heads import bars_head, curves_head, examples_head, map_head, what_heads_show
from app.views.live_panels import bars_panel, curves_panel, examples_panel, map_panel
from app.views.live_past import moment_shown, past_bar
from app.views.pace import begin_refresh, scene_for
from app.views.panel_head import bar, choose
from app.views.scene import HEADS, Scene
from app.views.verdict import verdict_line
from app.wording import as_written, level_words
from vqcore.problems.catalogue import find_problem
from vqcore.training.recipe import Recipe, default_recipe
from vqcore.training.session import TURNS, State, Status

REFRESH_SECONDS = 0.5

PANELS = {"map": map_panel, "bars": bars_panel, "curves": curves_panel, "examples": examples_panel}

FIRST = default_recipe("patches", code_init="kmeans")
"""What the first of the starts begins, with a line that leads on."""

STARTS: tuple[tuple[str, str, str, Recipe], ...] = (
    (
        ":material/south_east:",
        "Collapse, live",
        "Photographs, and codes that start at k-means centres. Watch what twenty steps make of them, then throw a "
        "switch.",
        FIRST,
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
    begin(LIVE)
    entry = _attach()
    if entry is None:
        _empty_state()
        return
    st.session_state["watched"] = entry.watch_id if entry.is_followed else None
    entry = look_at(entry)
    status = entry.session.status()
    if not in_step(entry, status):
        adopt(status.recipe)
    st.session_state["drawn_for"] = _drawn_for(entry, status)
    with st.sidebar:
        sidebar(entry, status)
    st.query_params.from_dict(_query(entry, status, current_view(status.recipe)))
    st.session_state["drawn_now"] = True
    _live(entry.id)


def _attach() -> Entry | None:
    """The session of this browser: the one it has, the one in its URL, or a new one as the URL describes.

    None is begun anew unasked where one was watched, or is to be followed: a class would begin as many as it has
    heads, and end each other's.
    """
    held = st.session_state.get("session")
    entry = registry().find_any(held)
    if entry is not None:
        return entry
    request = address.read(st.query_params)
    watch = _watched(request)
    if "first_view" not in st.session_state:
        st.session_state["first_view"] = request.view
        for sentence in request.refused:
            st.toast(as_written(sentence), icon=":material/link_off:", duration="long")
    entry = registry().follow(watch) if watch else registry().find(request.session)
    if entry is None and held is None and not watch and request.recipe is not None:
        entry = registry().begin(request.recipe, paused=request.paused)
    if entry is not None:
        st.session_state["session"] = entry.id
        _go_back(entry, request.at)
    if held is None and not watch and request.session is not None and (entry is None or entry.id != request.session):
        st.session_state.setdefault("gone", True)
    return entry


def _watched(request: address.Request) -> str | None:
    """What is to be followed: as the URL says or, back from another page, what was followed before."""
    return request.watch or st.session_state.get("watched")


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
    entry = begin_first_path(recipe) if recipe == FIRST else registry().begin(recipe)
    st.session_state["session"] = entry.id
    st.session_state.pop("first-path-read", None)
    st.session_state["gone"] = False
    show_variant("")
    go_live()


def _query(entry: Entry, status: Status, view: Mapping[str, str]) -> dict[str, str]:
    is_paused = status.state is State.PAUSED
    own = {"watch": entry.watch_id} if entry.is_followed else {"session": entry.id}
    is_paused = is_paused and not entry.is_followed
    return own | address.write(None, status.recipe, view, paused=is_paused, at=step_chosen()) | query()


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
    request = address.read(st.query_params)
    recipe = request.recipe or st.session_state.get("asked")
    if _watched(request):
        _offer(wording.FOLLOWED_GONE, "Begin a run of your own with its last settings", recipe)
    elif "session" in st.session_state:
        _offer(wording.ENDED, "Begin it again", recipe)
    else:
        _gone("The link does not say what it trained; begin another.")
    _, *places, _ = st.columns([1, *[4] * len(STARTS), 1])
    for column, (icon, title, text, recipe) in zip(places, STARTS, strict=True):
        with column.container(
            border=True, height="stretch", key=f"start-{recipe.problem}-{recipe.options.replace_every}"
        ):
            st.button(title, icon=icon, on_click=_begin, args=(recipe,), width="stretch")
            st.markdown(text)
            st.caption(find_problem(recipe.problem).about)


def _offer(said: str, words: str, recipe: Recipe | None) -> None:
    """Say that a session is no more, and offer to begin one with its settings, where they are known."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="gone"):
        st.info(said, icon=":material/link_off:")
        if recipe is not None:
            st.button(words, icon=":material/restart_alt:", on_click=_begin, args=(recipe,), key="begin-again")


class _Places(NamedTuple):
    """Where a refresh draws."""

    status: Any
    message: Any
    numbers: Any
    panels: tuple[Any, ...] = ()
    """Map, bars, curves and examples, each below its head; none before there is a moment to show."""


@st.fragment(key=HEADS)
def _live(session_id: str) -> None:
    """All but the sidebar. A control in here draws it anew; between that `_refresh` alone draws, into its places."""
    entry = registry().find_any(session_id)
    if entry is None:
        st.rerun()  # the whole page, which says so
    entry = look_at(entry)
    if entry.session.latest() is None:  # just begun: its first moment is worth a short wait
        entry.session.wait(lambda session: session.latest() is not None, REFRESH_SECONDS)
    scene = _scene(entry)
    status = _header(entry.session.status().recipe)
    variants_bar(entry)
    message = st.container(key="message")  # there when empty, that a message moves no chart to another place
    numbers = st.container(key="numbers")
    if scene is None:
        _refresh(session_id, _Places(status, message, numbers), None)
        return
    panels = []
    for names in (("map", "bars"), ("curves", "examples")):
        for name, column in zip(names, st.columns([0.56, 0.44], gap="small"), strict=True):
            panels.append(column.container(border=True, height="stretch", key=f"panel-{name}"))
    for panel, head in zip(panels, (map_head, bars_head, curves_head, examples_head), strict=True):
        with panel:
            head(scene)
    _refresh(session_id, _Places(status, message, numbers, tuple(panels)), what_heads_show(scene))


@st.fragment(run_every=REFRESH_SECONDS)
def _refresh(session_id: str, places: _Places, heads_show: Any) -> None:
    """What changes with the training alone."""
    with TURNS.held(), sent_together():
        _draw(session_id, places, heads_show)


def _draw(session_id: str, places: _Places, heads_show: Any) -> None:
    began, entry = waited(), registry().find_any(session_id)
    if entry is None:
        st.rerun()  # the whole page, which says so
    entry = look_at(entry)
    published = whole_of(entry).status()
    status, scene = entry.session.status(), _scene(entry)
    if st.session_state.pop("drawn_now", False):
        pass  # the sidebar has just been drawn; to draw it again before the browser has it loses its values
    elif _drawn_for(entry, status) != st.session_state["drawn_for"] or not in_step(entry, status):
        st.rerun()
    if (None if scene is None else what_heads_show(scene)) != heads_show:
        st.rerun()
    view = current_view(status.recipe) if scene is None else scene.view
    if (wanted := _query(entry, status, view)) != st.query_params.to_dict():
        st.query_params.from_dict(wanted)  # the view controls rerun `_live` alone
    line = _status_line(scene, status, is_followed=entry.is_followed)
    with places.status:
        status_line(line, key="status")
    with places.message, st.container():  # always there: a refresh draws only where the last whole run drew
        _gone("This one begins again from its settings.")
        if status.message:
            _message(status)
    with places.numbers:
        if scene is None:
            st.caption("Loading the data and building the model …")
            return
        with st.container(key="time"):  # one of the two, that no chart moves to another place
            if not first_path(entry, scene.newest, status) and shows("time"):
                past_bar(entry, scene.newest, scene.snapshot)
        numbers = headline(scene.snapshot, scene.problem, scene.words)
        tiles(numbers, key="tiles")
        verdict_line(entry, scene.newest, scene.snapshot, status, scene.words)
    st.session_state["panels"] = {}  # each panel notes there what it shows
    begin_refresh()
    for place, (name, panel) in zip(places.panels, PANELS.items(), strict=True):
        with place:
            panel(scene_for(name, scene))
    seen()["page"] = SeenPage(
        recipe=entry.session.recipe,
        step=scene.snapshot.step,
        status=line,
        tiles=numbers,
        panels=st.session_state["panels"],
        events=scene.snapshot.events,
        message=status.message,
    )
    registry().warm_up_projection()
    if scene.view["map"] != "UMAP":  # its layouts come when they are ready
        # By its name: what waits for news must hold on to no session that has ended.
        rest_after(waited() - began, partial(registry().has_published_since, session_id, published))


def _scene(entry: Entry) -> Scene | None:
    """What there is to see now; None before the first moment."""
    status = entry.session.status()
    newest = entry.session.latest(level=level_shown(status.recipe))
    if newest is None:
        return None
    snapshot = moment_shown(entry, newest, status)
    focus = choice_state.gather(entry, snapshot)
    return Scene(
        entry=entry,
        snapshot=snapshot,
        newest=newest,
        status=status,
        problem=find_problem(status.recipe.problem),
        words=level_words(status.recipe.structure, snapshot.level, len(snapshot.levels)),
        view=current_view(status.recipe),
        focus=focus,
    )


def _drawn_for(entry: Entry, status: Status) -> tuple[object, ...]:
    """What the sidebar must be drawn anew for, beside the settings it shows."""
    return status.state, entry.variant, tuple(whole_of(entry).recipes)


def _header(recipe: Recipe) -> Any:
    """Draw it; returns the place of the status line."""
    head = bar("head")
    head.html("<div class='vq-title'><b>VQ Scope</b></div>", width="content")
    with head.container(horizontal=True, vertical_alignment="center", gap="small", width="content", key="levels"):
        _level_choice(recipe)
    return head.container(key="status-place")


def _status_line(scene: Scene | None, status: Status, *, is_followed: bool) -> StatusLine:
    facts = ["following a session"] if is_followed else []
    facts += [f"step {scene.newest.step if scene else 0:,}"]
    facts += [f"showing step {scene.snapshot.step:,}"] if scene is not None and step_chosen() is not None else []
    if status.state is State.RUNNING:
        facts.append(f"{status.steps_per_second:.0f} steps/s")
    return status_line_of(status, facts)


def _level_choice(recipe: Recipe) -> None:
    """Which group or level everything below shows."""
    if recipe.levels > 1:
        st.html(f"<div class='vq-title'><span>{wording.LEVEL_NOUNS[recipe.structure]}</span></div>", width="content")
        choose(st, "level", address.VIEWS["level"][: recipe.levels])


def _message(status: Status) -> None:
    if status.state is State.BROKEN:
        st.error(status.message, icon=":material/error:")
        if status.details:
            with st.expander("Traceback"):
                st.code(status.details, language="text")
    else:
        st.warning(status.message, icon=":material/info:")


page()
