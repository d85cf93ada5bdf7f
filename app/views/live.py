"""The Live page: a codebook in training, its switches, and four views that follow it."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app import address, planes, wording
from app.controls import adopt, current_view, in_step, sidebar, view_key
from app.figures.code_bars import gradient_bars, usage_bars
from app.figures.curves import Marker, curves
from app.figures.examples import examples
from app.figures.pcq_map import pcq_map
from app.live_plot.component import Selection, live_plot
from app.live_plot.tiles import Status as StatusLine
from app.live_plot.tiles import status_line, tiles
from app.readings import answers, curve_panels, headline
from app.services import Entry, registry
from vqcore.diagnostics.usage import enough_to_judge
from vqcore.problems.catalogue import find_problem
from vqcore.problems.problem import Problem
from vqcore.snapshot import Snapshot
from vqcore.training.recipe import Recipe, default_recipe
from vqcore.training.session import State, Status

REFRESH_SECONDS = 0.5
UPPER, LOWER = 318, 262
"""Heights in pixels of the two rows of charts: with the tiles above them they fill 900."""

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
    return address.write(entry.id, status.recipe, current_view(), paused=status.state is State.PAUSED)


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
    snapshot, status = entry.session.latest(), entry.session.status()
    if st.session_state.pop("drawn_now", False):
        pass  # the sidebar has just been drawn; to draw it again before the browser has it loses its values
    elif status.state is not st.session_state["drawn_for"] or not in_step(entry, status):
        st.rerun()
    if (query := _query(entry, status)) != st.query_params.to_dict():
        st.query_params.from_dict(query)  # the view controls below rerun this part alone
    problem = find_problem(status.recipe.problem)
    _header(snapshot, status)
    with st.container(key="message"):  # there when empty, that a message moves no chart to another place
        if status.message:
            _message(status)
    if snapshot is None:
        st.caption("Loading the data and building the model …")
        return
    tiles(headline(snapshot, problem), key="tiles")
    left, right = st.columns([0.56, 0.44], gap="small")
    with left.container(border=True, height="stretch", key="panel-map"):
        _map(entry, snapshot, status)
    with right.container(border=True, height="stretch", key="panel-bars"):
        _bars(snapshot)
    left, right = st.columns([0.56, 0.44], gap="small")
    with left.container(border=True, height="stretch", key="panel-curves"):
        _curves(snapshot, problem)
    with right.container(border=True, height="stretch", key="panel-examples"):
        _examples(snapshot, problem)
    registry().warm_up_projection()


def _header(snapshot: Snapshot | None, status: Status) -> None:
    title, line = st.columns([0.4, 0.6], vertical_alignment="center")
    title.html("<div class='vq-title'><b>VQ Scope</b><span>Live</span></div>")
    facts = [f"step {snapshot.step if snapshot else 0:,}"]
    if status.state is State.RUNNING:
        facts.append(f"{status.steps_per_second:.0f} steps/s")
    facts += [status.device] if status.device else []
    shown: Any = {State.RUNNING: "running", State.BROKEN: "failed"}.get(status.state, "paused")
    with line:
        status_line(StatusLine(state=shown, facts=facts, remark=_remark(status)), key="status")


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


def _map(entry: Entry, snapshot: Snapshot, status: Status) -> None:
    views = planes.views_of(snapshot)
    bar = _bar("map")
    heading = bar.container(width="stretch")
    if current_view()["map"] == "PCA" and len(views) > 1:
        bar.button(
            "",
            icon=":material/center_focus_strong:",
            key="refit",
            type="tertiary",
            help="The plane of the map is frozen, so that it does not turn under you. Fit it to this moment.",
            on_click=entry.memory.ask_for_refit,
        )
    view = _choose(bar, "map", views) if len(views) > 1 else views[0]
    shown = planes.show(view, snapshot, entry.memory, registry().projection, entry.id)
    heading.html(
        "<div class='vq-panel'><b>P · C · Q</b><i class='p'>●</i>P <i class='c'>○</i>C <i class='q'>●</i>Q, "
        "area = use <i class='d'>✕</i>dead</div>"
    )
    selection = live_plot(
        pcq_map(shown.plane),
        key="map-plot",
        height=UPPER,
        revision=f"{shown.snapshot.step} {view} {shown.note} {entry.memory.fitted_at} {status.recipe.problem}",
        selectable=True,
    )
    count = len(shown.snapshot.z_e)
    said = [f"showing {count:,} of {snapshot.monitor_of:,} held-out z_e (random inputs, seed {status.recipe.seed})"]
    if shown.plane.keeps_distances:
        said.append("dashed: 1σ of P and of C · lines: codes' recent paths · ◆ mean of P")
    else:
        said.append(wording.UMAP_CAUTION)
    said += [shown.note] if shown.note else []
    said += [_selected(selection, shown.snapshot)] if selection else []
    st.caption(" · ".join(said))


def _selected(selection: Selection, snapshot: Snapshot) -> str:
    vectors = [index for index in selection.of("P") if index < len(snapshot.codes)]
    codes = {*selection.of("Q"), *selection.of("dead"), *snapshot.codes[vectors].tolist()}
    return f"selected {len(vectors):,} vectors and {len(codes):,} codes (double click clears)"


def _bars(snapshot: Snapshot) -> None:
    bar = _bar("bars")
    heading = bar.container(width="stretch")
    kind = _choose(bar, "bars", address.VIEWS["bars"])
    order = _choose(bar, "order", address.VIEWS["order"])
    scale = _choose(bar, "scale", address.VIEWS["scale"]) == "log"
    heading.html(f"<div class='vq-panel'><b>Code {'usage' if kind == 'usage' else 'gradients'}</b></div>")
    if kind == "usage":
        figure = usage_bars(snapshot.counts, order=order, log=scale)
        total = snapshot.window_vectors
        said = wording.usage_window(snapshot.window_batches, total)
        said += f", N/K = {total / snapshot.num_codes:,.3g}" if total else ""
        said += "" if enough_to_judge(total, snapshot.num_codes) or not total else " · too few vectors to judge"
    else:
        figure = gradient_bars(snapshot.gradient_norm, order=order, log=scale)
        said = f"{wording.MEANINGS['gradient_norm']}; reached: {snapshot.metrics.gradient_fraction:.0%} of codes"
    live_plot(figure, key="bars-plot", height=UPPER, revision=f"{snapshot.step} {kind} {order} {scale}")
    st.caption(said)


def _curves(snapshot: Snapshot, problem: Problem) -> None:
    bar = _bar("curves")
    bar.container(width="stretch").html("<div class='vq-panel'><b>Through time</b></div>")
    group = _choose(bar, "curves", address.VIEWS["curves"])
    smoothing = int(
        bar.selectbox(
            "Smoothing",
            address.VIEWS["smoothing"],
            index=address.VIEWS["smoothing"].index(st.session_state["first_view"]["smoothing"]),
            key=view_key("smoothing"),
            format_func=lambda steps: "raw" if steps == "1" else f"mean of {steps}",
            label_visibility="collapsed",
            width=112,
        )
    )
    markers = [Marker(step=event.step, label=event.label) for event in snapshot.events]
    figure = curves(
        curve_panels(group, snapshot),
        markers,
        smoothing=smoothing,
        last_step=snapshot.step,
        height=LOWER,
    )
    live_plot(figure, key="curves-plot", height=LOWER, revision=f"{snapshot.step} {group} {smoothing} {len(markers)}")
    st.caption(wording.CURVE_NOTES[group].format(loss_name=problem.loss_name))


def _examples(snapshot: Snapshot, problem: Problem) -> None:
    if problem.task == "plane":
        _plane_table(snapshot)
        return
    is_classifier = problem.task == "classification"
    what = "inputs, codes, predictions" if is_classifier else "inputs, reconstructions, codes"
    st.html(f"<div class='vq-panel'><b>{what.capitalize()}</b><span>held-out</span></div>")
    captions, right = answers(snapshot, problem) if is_classifier else (None, None)
    figure = examples(
        snapshot.inputs,
        snapshot.code_maps,
        snapshot.num_codes,
        reconstructions=None if is_classifier else snapshot.outputs,
        captions=captions,
        right=right,
    )
    live_plot(figure, key="examples-plot", height=LOWER, revision=f"{snapshot.step} {problem.name}")
    st.caption("One colour a code. " + ("Below: the class predicted and its probability." if is_classifier else ""))


def _plane_table(snapshot: Snapshot) -> None:
    st.html("<div class='vq-panel'><b>Inputs, z_e and their codes</b><span>held-out</span></div>")
    rows = [
        {"input": _pair(x), "z_e": _pair(z), "code": int(code), "z_q": _pair(snapshot.codebook[code])}
        for x, z, code in zip(snapshot.inputs, snapshot.z_e, snapshot.codes, strict=False)
    ]
    st.dataframe(rows, hide_index=True, height=LOWER, width="stretch")


def _pair(point: Any) -> str:
    return f"({point[0]:.2f}, {point[1]:.2f})"


def _bar(name: str) -> Any:
    """The head of a panel: its controls wrap below its title where the window is narrow."""
    return st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"bar-{name}")


def _choose(place: Any, name: str, choices: Sequence[str]) -> Any:
    """A segmented control whose choice is kept in the URL."""
    first = st.session_state["first_view"][name]
    default = first if first in choices else choices[0]
    return place.segmented_control(
        name, choices, default=default, key=view_key(name), required=True, label_visibility="collapsed"
    )


page()
