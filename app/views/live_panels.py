"""The four panels of the Live page: map, bars, curves and examples, each with its controls above it."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app import address, planes, wording
from app.control_state import current_view, view_key
from app.figures.code_bars import gradient_bars, usage_bars
from app.figures.curves import Marker, curves
from app.figures.examples import examples
from app.figures.level_bars import level_bars
from app.figures.pcq_map import pcq_map
from app.live_plot.component import Ids, Selection, live_plot
from app.readings import answers, curve_panels, level_rows
from app.services import Entry, registry
from app.views.map_settings import map_settings, settings_popover
from app.wording import LevelWords
from vqcore.diagnostics.usage import enough_to_judge
from vqcore.problems.problem import Problem
from vqcore.snapshot import Snapshot
from vqcore.training.session import Status

UPPER, LOWER = 318, 262
"""Heights in pixels of the two rows of charts: with the tiles above them they fill 900."""


def map_panel(entry: Entry, snapshot: Snapshot, status: Status, words: LevelWords) -> None:
    """P, C and Q of the level shown, in one plane."""
    memory = entry.maps.of(snapshot)
    views = planes.views_of(snapshot)
    head = bar("map")
    heading = head.container(width="stretch", key="map-heading")
    chosen, stream = current_view(status.recipe)["map"], entry.stream(snapshot.level)
    if chosen in ("UMAP", "two codes") and len(views) > 1:
        settings_popover(head, chosen)
    if len(views) > 1:
        head.button(
            "",
            icon=":material/center_focus_strong:",
            key="refit",
            type="tertiary",
            help="The map is kept from turning under you. Choose its plane, or lay it out, anew at this moment.",
            on_click=memory.ask_for_refit,
        )
    view = choose(head, "map", views) if len(views) > 1 else views[0]
    if st.session_state.get("map_was") == "UMAP" != view:
        registry().projection.cancel(stream)  # who else looks at it asks again
    st.session_state["map_was"] = view
    shown = planes.show(view, snapshot, memory, registry().projection, stream, map_settings(status.recipe))
    heading.html(
        "<div class='vq-panel'><b>P · C · Q</b><i class='p'>●</i>P <i class='c'>○</i>C <i class='q'>●</i>Q, "
        "area = use <i class='d'>✕</i>dead</div>"
    )
    selection = live_plot(
        pcq_map(shown.plane, revision=f"{words.name} {view}"),
        key="map-plot",
        height=UPPER,
        revision=f"{_moment(shown.snapshot, status)} {view} {shown.note} {memory.fitted_at}",
        selectable=True,
        selected=_kept_selection(snapshot.level),
    )
    count = len(shown.snapshot.z_e)
    said = [f"showing {count:,} of {snapshot.monitor_of:,} held-out {words.vectors}"]
    said[0] += f" (random inputs, seed {status.recipe.seed})"
    if shown.plane.keeps_distances:
        said.append("dashed: 1σ of P and of C · lines: codes' recent paths · ◆ mean of P")
    else:
        said.append(wording.UMAP_CAUTION)
    said += [wording.trust(*shown.trust)] if shown.trust else []
    said += [shown.note] if shown.note else []
    said += [_selected(selection, shown.snapshot)] if selection else []
    st.caption(" · ".join(said))


def _moment(snapshot: Snapshot, status: Status) -> str:
    """What tells the browser that there is something new to draw."""
    return f"{snapshot.step} {len(snapshot.events)} {snapshot.level} {hash(status.recipe)}"


def _kept_selection(level: int) -> Ids | None:
    """At another level the same vectors stay selected; codes do not, as its codebook has others."""
    if st.session_state.setdefault("selected_at", level) != level:
        chosen = st.session_state.get("map-plot", {}).get("selection") or {}
        # The empty second entry tells this choice from the same one made at another level.
        st.session_state["selected"] = {"P": chosen.get("P", ()), f"level {level}": ()}
        st.session_state["selected_at"] = level
    kept: Ids | None = st.session_state.get("selected")
    return kept


def _selected(selection: Selection, snapshot: Snapshot) -> str:
    vectors = [index for index in selection.of("P") if index < len(snapshot.codes)]
    codes = {*selection.of("Q"), *selection.of("dead"), *snapshot.codes[vectors].tolist()}
    return f"selected {len(vectors):,} vectors and {len(codes):,} codes (double click clears)"


def bars_panel(snapshot: Snapshot, status: Status, words: LevelWords) -> None:
    """How often each code is used, how large its gradient is, or how each level is used."""
    head = bar("bars")
    heading = head.container(width="stretch")
    kind = choose(head, "bars", address.VIEWS["bars"] if words.name else address.VIEWS["bars"][:2])
    if kind == "levels":
        title = f"Usage by {wording.LEVEL_NOUNS[status.recipe.structure]}"
        figure, said, how = *_by_level(snapshot, status), ""
    else:
        title = "Code usage" if kind == "usage" else "Code gradients"
        order = choose(head, "order", address.VIEWS["order"])
        scale = choose(head, "scale", address.VIEWS["scale"])
        figure, said = _by_code(snapshot, kind, order, log=scale == "log")
        how = f"{order} {scale}"
    heading.html(f"<div class='vq-panel'><b>{title}</b></div>")
    live_plot(figure, key="bars-plot", height=UPPER, revision=f"{_moment(snapshot, status)} {kind} {how}")
    st.caption(said)


def _by_level(snapshot: Snapshot, status: Status) -> tuple[dict[str, Any], str]:
    figure = level_bars(level_rows(snapshot, status.recipe.structure), shown=snapshot.level)
    window = wording.usage_window(snapshot.window_batches, snapshot.window_vectors)
    said = wording.LEVELS_NOTE.format(window=window, num_codes=snapshot.num_codes)
    return figure, said + _too_few(snapshot)


def _by_code(snapshot: Snapshot, kind: str, order: Any, *, log: bool) -> tuple[dict[str, Any], str]:
    if kind == "gradient":
        said = f"{wording.MEANINGS['gradient_norm']}; reached: {snapshot.metrics.gradient_fraction:.0%} of codes"
        return gradient_bars(snapshot.gradient_norm, order=order, log=log), said
    total = snapshot.window_vectors
    said = wording.usage_window(snapshot.window_batches, total)
    said += f", N/K = {total / snapshot.num_codes:,.3g}" if total else ""
    return usage_bars(snapshot.counts, order=order, log=log), said + _too_few(snapshot)


def _too_few(snapshot: Snapshot) -> str:
    total = snapshot.window_vectors
    return " · too few vectors to judge" if total and not enough_to_judge(total, snapshot.num_codes) else ""


def curves_panel(snapshot: Snapshot, status: Status, problem: Problem, words: LevelWords) -> None:
    """What has changed through time, with a mark at every switch."""
    head = bar("curves")
    head.container(width="stretch").html("<div class='vq-panel'><b>Through time</b></div>")
    group = choose(head, "curves", address.VIEWS["curves"])
    smoothing = int(
        head.selectbox(
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
    live_plot(figure, key="curves-plot", height=LOWER, revision=f"{_moment(snapshot, status)} {group} {smoothing}")
    st.caption(wording.curve_note(group, problem.loss_name, words))


def examples_panel(snapshot: Snapshot, status: Status, problem: Problem, words: LevelWords) -> None:
    """Held-out inputs, what becomes of them, and the codes between."""
    if problem.task == "plane":
        _plane_table(snapshot, words)
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
    live_plot(figure, key="examples-plot", height=LOWER, revision=_moment(snapshot, status))
    st.caption(
        f"One colour a code{words.of}. "
        + ("Below: the class predicted and its probability." if is_classifier else "")
    )


def _plane_table(snapshot: Snapshot, words: LevelWords) -> None:
    st.html(f"<div class='vq-panel'><b>Inputs, {words.vectors} and their codes</b><span>held-out</span></div>")
    rows = [
        {
            "input": _point(x),
            words.vectors: _point(z),
            "code": int(code),
            "code vector": _point(snapshot.codebook[code]),
        }
        for x, z, code in zip(snapshot.inputs, snapshot.z_e, snapshot.codes, strict=False)
    ]
    st.dataframe(rows, hide_index=True, height=LOWER, width="stretch")


def _point(place: Any) -> str:
    return f"({', '.join(f'{feature:.2f}' for feature in place)})"


def bar(name: str) -> Any:
    """The head of a panel: its controls wrap below its title where the window is narrow."""
    return st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key=f"bar-{name}")


def choose(place: Any, name: str, choices: Sequence[str]) -> Any:
    """A segmented control whose choice is kept in the URL."""
    first = st.session_state["first_view"][name]
    default = first if first in choices else choices[0]
    return place.segmented_control(
        name,
        choices,
        default=default,
        key=view_key(name),
        required=True,
        label_visibility="collapsed",
        persist_state="page",
    )
