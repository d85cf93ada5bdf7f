"""The Live page: a codebook in training, its switches, and four views that follow it."""

from collections.abc import Mapping

import streamlit as st

from app import wording
from app.doors.visitor import browser
from app.links import live as address
from app.links.lecture import LIVE
from app.links.live_view import View, focus_of, write_view
from app.live import choice as choice_state
from app.live.controls import adopt, in_step
from app.live.experiments import experiments_strip, link_query, obey_experiments
from app.live.forks import variants_bar
from app.live.panels import panels
from app.live.past import moment_shown, past_bar
from app.live.sidebar import TRANSPORT, obey_transport, sidebar
from app.live.start_cards import begin_start, start_cards
from app.live.state import live_state
from app.live.story import story_band
from app.live.variant import look_at, show_variant
from app.live.view_controls import choose, current_view, level_shown
from app.live_plot.conductor import conductor, script_caller
from app.live_plot.tiles import status_place, tiles_place
from app.panels.charts import plane_shown
from app.panels.head import bar, brand
from app.panels.lecture_places import begin, query, shows
from app.panels.scene import Scene, scene_at
from app.sessions.entry import Entry
from app.sessions.registry import registry
from app.stream.controls_state import heads_state, sidebar_state
from app.wording import as_written
from vqcore.starts.start import Start
from vqcore.training.commands import ExperimentCommand
from vqcore.training.recipe import Recipe
from vqcore.training.status import State, Status

FIRST_MOMENT_SECONDS = 0.5
CONDUCTOR = "conductor"


def page() -> None:
    """The page, as a script."""
    begin(LIVE)
    entry = _attach()
    if entry is None:
        _empty_state()
        return
    state = live_state()
    if not entry.is_followed:
        registry().claim(entry.id, browser())
    state.watched = entry.watch_id if entry.is_followed else None
    entry = look_at(entry)
    if not entry.is_followed:
        obey_transport(entry)
    status = entry.one.status()
    if not in_step(entry, status):
        adopt(status.recipe)
    state.sidebar_shows = sidebar_state(entry, status)
    with st.sidebar:
        sidebar(entry, status)
    _live(entry.id)
    script_caller("script-caller")


def _attach() -> Entry | None:
    """This browser's session: the one it has, the one in its URL, or a new one as the URL describes.

    A watched or followed session is not begun again unasked: a class would begin as many as it has
    members, and end each other's.
    """
    state = live_state()
    held = state.session
    entry = registry().find_any(held)
    if entry is not None:
        return entry
    request = address.read(st.query_params)
    watch = _watched(request)
    if watch is None and (watch := registry().watch_id_for(request.session, browser())):
        st.toast(wording.ANOTHERS, icon=":material/visibility:", duration="long")
    if state.first_view is None:
        state.first_view = request.view
        for sentence in request.refused:
            st.toast(as_written(sentence), icon=":material/link_off:", duration="long")
    entry = registry().follow(watch) if watch else registry().find(request.session)
    if entry is None and held is None and not watch and request.recipe is not None:
        try:
            entry = _begun(request)
        except ValueError as error:  # images of this machine that are not this visitor's to train on
            st.toast(as_written(str(error)), icon=":material/link_off:", duration="long")
    if entry is not None:
        state.session = entry.id
        _go_back(entry, request.at)
    if held is None and not watch and request.session is not None and (entry is None or entry.id != request.session):
        state.gone = state.gone is not False
    return entry


def _begun(request: address.LiveLink) -> Entry:
    """A new session as the link describes it."""
    assert request.recipe is not None
    if request.start is None:
        return registry().begin(request.recipe, paused=request.paused)
    entry = begin_start(request.start, request.recipe)
    if request.tried:
        entry.session.send(*map(ExperimentCommand, request.tried))  # they wait for the pause
    return entry


def _watched(request: address.LiveLink) -> str | None:
    """Watch id of the session to follow: from the URL or, back from another page, the one followed before."""
    return request.watch or live_state().watched


def _go_back(entry: Entry, step: int | None) -> None:
    """Go to the step in a link, if its run has reached it."""
    if step is None:
        return
    if step <= (reached := entry.session.trained_steps()):
        live_state().go_to(step)
    else:
        said = wording.PAST_UNREACHED.format(at=step, reached=reached)
        st.toast(said, icon=":material/link_off:", duration="long")


def _begin(what: Start | Recipe) -> None:
    entry = begin_start(what) if isinstance(what, Start) else registry().begin(what)
    state = live_state()
    state.session, state.gone = entry.id, False
    show_variant("")
    state.go_live()


def _query(entry: Entry, status: Status, view: Mapping[str, str]) -> dict[str, str]:
    is_paused = status.state is State.PAUSED
    own = {"watch": entry.watch_id} if entry.is_followed else {"session": entry.id}
    is_paused = is_paused and not entry.is_followed
    if (of_start := link_query(entry, status)) is not None:
        return own | of_start | address.write_view(view) | query()
    return own | address.write(None, status.recipe, view, paused=is_paused, at=live_state().at) | query()


def _gone(way_back: str) -> None:
    """Say that the session in the link has ended, until the reader confirms it."""
    state = live_state()
    if not state.gone:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="gone"):
        st.info(f"{wording.GONE} {way_back}", icon=":material/link_off:")
        if st.button(
            "I have read this", icon=":material/close:", help="I have read this", type="tertiary", key="gone-read"
        ):
            state.gone = False
            st.rerun()


def _empty_state() -> None:
    st.html(
        "<div class='vq-hero'><h1 id='content'>VQ Scope</h1>"
        "<p>See a vector-quantized network train, collapse and recover.</p></div>"
    )
    request = address.read(st.query_params)
    state = live_state()
    recipe = request.recipe or state.asked
    if _watched(request):
        _offer(wording.FOLLOWED_GONE, "Begin your own run with its last settings", recipe)
    elif state.session is not None:
        _offer(wording.ENDED, "Begin it again", recipe)
    else:
        _gone("The link does not say what it trained; begin another run.")
    start_cards(_begin)


def _offer(said: str, words: str, recipe: Recipe | None) -> None:
    """Say that a session has ended, and offer to begin one with its settings, if known."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="gone"):
        st.info(said, icon=":material/link_off:")
        if recipe is not None:
            st.button(words, icon=":material/restart_alt:", on_click=_begin, args=(recipe,), key="begin-again")


@st.fragment
def _live(session_id: str) -> None:
    """Everything but the sidebar: heads, controls and the places of the live data."""
    entry = registry().find_any(session_id)
    if entry is None:
        st.rerun()  # the whole page, which says so
    if not entry.is_followed:
        obey_experiments(entry)
    entry = look_at(entry)
    if entry.one.latest() is None:  # just begun: its first moment is worth a short wait
        entry.session.wait(lambda _: entry.one.latest() is not None, FIRST_MOMENT_SECONDS)
    status, scene = entry.one.status(), _scene(entry)
    controls = f"{live_state().sidebar_shows} {heads_state(scene)}"  # before they are drawn: time goes on
    view = View(current_view(status.recipe)) if scene is None else scene.view
    _header(entry, status.recipe)
    _gone("This one begins again from its settings.")
    with st.container(key="numbers"):
        placed = ["status"] if entry.is_followed else ["status", TRANSPORT]
        if scene is None:
            st.caption("Loading the data and building the model …")
        else:
            placed += _numbers(scene)
    if scene is not None:
        placed += panels(scene)
        _leave_umap(scene)
    if status.message:
        _message(status, is_told=scene is not None)
    live_state().looked_at = entry, view
    rate = float(view.controls["rate"])
    conductor(
        session_id,
        address=_query(entry, status, view.controls),
        view=write_view(view),
        wanted=placed,
        controls=controls,
        rate=rate,
        key=CONDUCTOR,
    )


def _numbers(scene: Scene) -> list[str]:
    """The story, the experiments, the time bar and the tiles; returns the keys of their places."""
    placed = [*story_band(scene), *experiments_strip(scene)]
    with st.container(key="time"):
        if shows("time"):
            past_bar()
            placed = [*placed, "time-bar"]
    tiles_place("tiles")
    return [*placed, "tiles"]


def _leave_umap(scene: Scene) -> None:
    """Cancel a layout that its plane no longer needs; other watchers of it will ask again."""
    state, plane = live_state(), plane_shown(scene.view.controls["map"], scene.snapshot)
    if state.map_was == "UMAP" != plane:
        registry().projection.cancel(scene.entry.stream(scene.snapshot.level, is_past=scene.cursor is not None))
    state.map_was = plane


def _scene(entry: Entry) -> Scene | None:
    """The scene shown now; None before the first moment."""
    status = entry.one.status()
    newest = entry.one.latest(level=level_shown(status.recipe))
    if newest is None:
        return None
    snapshot = moment_shown(entry, newest, status)
    state, focus = live_state(), choice_state.gather(entry, snapshot)
    view = View(
        current_view(status.recipe),
        focus_of(focus.choice, focus.pins, focus.sentence),
        at=state.at,
        run=status.run,
        hands=choice_state.hands_taken_in(),
    )
    return scene_at(entry, snapshot, newest, status, view)


def _header(entry: Entry, recipe: Recipe) -> None:
    head = bar("head")
    head.html(brand("Live", start="?"), width="content")
    if shows("navigation"):
        head.html(f"<a class='vq-new' href='?' target='_self' title='{wording.NEW_HELP}'>New</a>", width="content")
    with head.container(horizontal=True, vertical_alignment="center", gap="small", width="content", key="levels"):
        _level_choice(recipe)
        variants_bar(entry)  # in the header: a fork moves no chart
    with head.container(key="status-place"):
        status_place("status")


def _level_choice(recipe: Recipe) -> None:
    """The choice of the group or level that everything below shows."""
    if recipe.levels > 1:
        st.html(f"<div class='vq-title'><span>{wording.LEVEL_NOUNS[recipe.structure]}</span></div>", width="content")
        choose(st, "level", address.VIEWS["level"][: recipe.levels])


def _message(status: Status, *, is_told: bool) -> None:
    """Why it has failed or a command was not obeyed; where the story `is_told` of it, for screen readers alone."""
    say = st.error if status.state is State.BROKEN else st.warning
    with st.container(key="message-spoken" if is_told else "message"):
        say(status.message, icon=":material/error:" if status.state is State.BROKEN else ":material/info:")
        if status.details and not is_told:
            with st.expander("Traceback"):
                st.code(status.details, language="text")


page()
