"""The Live page: a codebook in training, its switches, and four views that follow it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from app import address, planes, wording
from app.controls import adopt, sidebar
from app.figures.code_bars import gradient_bars, usage_bars
from app.figures.curves import Curve, Marker, Panel, curves
from app.figures.examples import examples
from app.figures.pcq_map import pcq_map
from app.live_plot.component import Selection, live_plot
from app.live_plot.tiles import Status as StatusLine
from app.live_plot.tiles import Tile, status_line, tiles
from app.services import Entry, registry
from app.theme import role
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
        "Photographs and a codebook that starts far from them. Watch the codes die, then throw a switch.",
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
    if st.session_state.get("seen") != (entry.id, status.recipe):
        adopt(status.recipe)
        st.session_state["seen"] = (entry.id, status.recipe)
    st.session_state["seen_state"] = status.state
    with st.sidebar:
        sidebar(entry, status)
    st.query_params.from_dict(_query(entry, status))
    _live(entry.id)


def _attach() -> Entry | None:
    """The session of this browser: the one it has, the one in its URL, or a new one as the URL describes."""
    entry = registry().find(st.session_state.get("session"))
    if entry is not None:
        return entry
    request = address.read(st.query_params)
    if "session" not in st.session_state:
        st.session_state.update(request.view)
        for sentence in request.refused:
            st.toast(sentence, icon=":material/link_off:", duration="long")
    entry = registry().find(request.session)
    if entry is None and request.recipe is not None:
        if request.session is not None:
            st.toast("That run has ended with its server. This one begins again from its settings.")
        entry = registry().begin(request.recipe, paused=request.paused)
    if entry is not None:
        st.session_state["session"] = entry.id
        st.session_state.setdefault("speed", "max")
    return entry


def _begin(recipe: Recipe) -> None:
    st.session_state["session"] = registry().begin(recipe).id
    st.session_state["speed"] = "max"


def _query(entry: Entry, status: Status) -> dict[str, str]:
    view = {name: st.session_state[name] for name in address.VIEWS if name in st.session_state}
    return address.write(entry.id, status.recipe, view, paused=status.state is State.PAUSED)


def _empty_state() -> None:
    st.html(
        "<div class='vq-hero'><h1>VQ Scope</h1>"
        "<p>See a vector-quantized network train, collapse and recover.</p></div>"
    )
    for column, (icon, title, text, recipe) in zip(st.columns(len(STARTS)), STARTS, strict=True):
        with column.container(border=True, key=f"start-{recipe.problem}-{recipe.code_init}"):
            st.button(title, icon=icon, type="primary", on_click=_begin, args=(recipe,), width="stretch")
            st.markdown(text)
            st.caption(find_problem(recipe.problem).about)


@st.fragment(run_every=REFRESH_SECONDS)
def _live(session_id: str) -> None:
    entry = registry().find(session_id)
    if entry is None:
        st.warning("This run has ended: the server keeps only the newest ones. Reload the page to begin again.")
        return
    snapshot, status = entry.session.latest(), entry.session.status()
    if (status.state, (entry.id, status.recipe)) != (st.session_state["seen_state"], st.session_state["seen"]):
        st.rerun()
    if (query := _query(entry, status)) != st.query_params.to_dict():
        st.query_params.from_dict(query)  # the view controls below rerun this part alone
    problem = find_problem(status.recipe.problem)
    _header(snapshot, status)
    if status.message:
        _message(status)
    if snapshot is None:
        st.caption("Loading the data and building the model …")
        return
    tiles(_tiles(snapshot, problem), key="tiles")
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


def _tiles(snapshot: Snapshot, problem: Problem) -> list[Tile]:
    metrics, history, num_codes = snapshot.metrics, snapshot.history, snapshot.num_codes
    window = wording.usage_window(snapshot.window_batches, snapshot.window_vectors)
    judged = enough_to_judge(snapshot.window_vectors, num_codes)
    too_few = "" if judged or snapshot.step == 0 else " · too few vectors to judge"
    share = f" ({metrics.active_codes / num_codes:.0%})" if snapshot.step else ""
    active = f"{metrics.active_codes:,}" if snapshot.step else "–"
    since = snapshot.events[-1].step if snapshot.events else None
    measured = history.measured
    return [
        Tile(
            label="perplexity",
            value=wording.number(metrics.perplexity),
            of=f"/ {num_codes:,}{too_few}",
            change=_change(history.measured_at, measured["perplexity"], since),
            meaning=f"Perplexity: {wording.MEANINGS['perplexity']}; {window}.",
            past=measured["perplexity"],
            colour=role("Q"),
        ),
        Tile(
            label="active codes",
            value=active,
            of=f"/ {num_codes:,}{share}{too_few}",
            change=_change(history.measured_at, measured["active_codes"], since),
            meaning=f"Active: {wording.MEANINGS['active_codes']}; {window}.",
            past=measured["active_codes"],
            colour=role("Q"),
        ),
        Tile(
            label="task loss",
            value=wording.number(metrics.task_loss),
            change=_change(history.step, history.losses["task_loss"], since, relative=True),
            meaning=f"Task loss of the newest batch: {problem.loss_name}.",
            past=history.losses["task_loss"][-400:],
            colour=role("text"),
        ),
        Tile(
            label="‖z<sub>e</sub> − z<sub>q</sub>‖²",
            value=wording.number(metrics.quantization_error),
            of=f"relative {wording.number(metrics.relative_error)}",
            change=_change(history.step, history.losses["quantization_error"], since, relative=True),
            meaning=f"Quantization error, {wording.MEANINGS['quantization_error']}. "
            f"Relative: {wording.MEANINGS['relative_error']}.",
            past=history.losses["quantization_error"][-400:],
            colour=role("P"),
        ),
    ]


def _change(steps: Any, values: Any, since: int | None, *, relative: bool = False) -> str:
    """From the last value before step `since` to the newest, in words; empty without a switch."""
    before = np.searchsorted(steps, since, side="right") - 1 if since is not None else -1
    if before < 0 or before == len(values) - 1:
        return ""
    start, end = float(values[before]), float(values[-1])
    if relative:
        return f"{end / start - 1:+.0%} since the switch" if start else ""
    return f"{end - start:+.0f} since the switch"


def _map(entry: Entry, snapshot: Snapshot, status: Status) -> None:
    views = planes.views_of(snapshot)
    heading, refit, choice = st.columns([0.6, 0.12, 0.28], vertical_alignment="center")
    view = _choose(choice, "map", views) if len(views) > 1 else views[0]
    if view == "PCA":
        refit.button(
            "",
            icon=":material/center_focus_strong:",
            key="refit",
            type="tertiary",
            help="The plane of the map is frozen, so that it does not turn under you. Fit it to this moment.",
            on_click=entry.memory.ask_for_refit,
        )
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
    heading, kinds, orders = st.columns([0.3, 0.36, 0.34], vertical_alignment="center")
    kind, order = _choose(kinds, "bars", address.VIEWS["bars"]), _choose(orders, "order", address.VIEWS["order"])
    heading.html(f"<div class='vq-panel'><b>Code {'usage' if kind == 'usage' else 'gradients'}</b></div>")
    scale = st.session_state.setdefault("scale", "log") == "log"
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
    note, toggle = st.columns([0.72, 0.28], vertical_alignment="center")
    note.caption(said)
    _choose(toggle, "scale", address.VIEWS["scale"])


def _curves(snapshot: Snapshot, problem: Problem) -> None:
    heading, groups, smooth = st.columns([0.24, 0.46, 0.3], vertical_alignment="center")
    heading.html("<div class='vq-panel'><b>Through time</b></div>")
    group = _choose(groups, "curves", address.VIEWS["curves"])
    smoothing = int(_choose(smooth, "smoothing", address.VIEWS["smoothing"], prefix="⌀ "))
    markers = [Marker(step=event.step, label=event.label) for event in snapshot.events]
    figure = curves(
        _panels(group, snapshot),
        markers,
        smoothing=smoothing,
        last_step=snapshot.step,
        height=LOWER,
    )
    live_plot(figure, key="curves-plot", height=LOWER, revision=f"{snapshot.step} {group} {smoothing} {len(markers)}")
    st.caption(wording.CURVE_NOTES[group].format(loss_name=problem.loss_name))


def _panels(group: str, snapshot: Snapshot) -> list[Panel]:
    history = snapshot.history

    def loss(name: str, label: str, colour: str) -> Curve:
        return Curve(label=label, steps=history.step, values=history.losses[name], colour=colour)

    def measured(name: str, label: str, colour: str) -> Curve:
        return Curve(label=label, steps=history.measured_at, values=history.measured[name], colour=colour)

    if group == "learning":
        return [
            Panel(
                title="",
                log=True,
                curves=[
                    loss("task_loss", "task loss", role("text")),
                    loss("quantization_error", "‖z_e−z_q‖²", role("P")),
                ],
            ),
            Panel(
                title="",
                log=True,
                ends=(1.0, float(max(snapshot.num_codes, 2))),
                curves=[
                    measured("active_codes", "active codes", role("Q")),
                    measured("perplexity", "perplexity", role("C")),
                ],
            ),
        ]
    if group == "P and C":
        return [
            Panel(
                title="",
                curves=[
                    measured("p_spread", "spread of P", role("P")),
                    measured("c_spread", "spread of C", role("C")),
                ],
            ),
            Panel(
                title="",
                curves=[
                    measured("p_mean_norm", "mean of P", role("P")),
                    measured("c_mean_norm", "mean of C", role("C")),
                    measured("moment_distance", "distance", role("text")),
                ],
            ),
        ]
    return [
        Panel(title="", ends=(0.0, 1.0), curves=[measured("gradient_fraction", "reached", role("C"))]),
        Panel(
            title="",
            log=True,
            curves=[
                loss("commitment_loss", "commitment", role("text")),
                measured("relative_error", "relative error", role("P")),
            ],
        ),
    ]


def _examples(snapshot: Snapshot, problem: Problem) -> None:
    if problem.task == "plane":
        _plane_table(snapshot)
        return
    is_classifier = problem.task == "classification"
    what = "inputs, codes, predictions" if is_classifier else "inputs, reconstructions, codes"
    st.html(f"<div class='vq-panel'><b>{what.capitalize()}</b><span>held-out</span></div>")
    captions, right = _answers(snapshot, problem) if is_classifier else (None, None)
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


def _answers(snapshot: Snapshot, problem: Problem) -> tuple[list[str], list[bool]]:
    scores = np.exp(snapshot.outputs - snapshot.outputs.max(1, keepdims=True))
    shares = scores / scores.sum(1, keepdims=True)
    answers = shares.argmax(1)
    captions = [f"{problem.classes[a]} · {share[a]:.0%}" for a, share in zip(answers, shares, strict=True)]
    return captions, (answers == snapshot.targets).tolist()


def _plane_table(snapshot: Snapshot) -> None:
    st.html("<div class='vq-panel'><b>Inputs, z_e and their codes</b><span>held-out</span></div>")
    rows = [
        {"input": _pair(x), "z_e": _pair(z), "code": int(code), "z_q": _pair(snapshot.codebook[code])}
        for x, z, code in zip(snapshot.inputs, snapshot.z_e, snapshot.codes, strict=False)
    ]
    st.dataframe(rows, hide_index=True, height=LOWER, width="stretch")


def _pair(point: Any) -> str:
    return f"({point[0]:.2f}, {point[1]:.2f})"


def _choose(place: Any, name: str, choices: Sequence[str], *, prefix: str = "") -> Any:
    """A segmented control whose choice is kept in the URL."""
    if st.session_state.get(name) not in choices:
        st.session_state[name] = choices[0]
    return place.segmented_control(
        name,
        choices,
        key=name,
        required=True,
        format_func=lambda choice: choice if not prefix else ("raw" if choice == "1" else f"{prefix}{choice}"),
        label_visibility="collapsed",
    )


page()
