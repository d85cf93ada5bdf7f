"""The four panels of the Live page: map, bars, curves and examples, each with its controls above it."""

from typing import Any

import numpy as np
import streamlit as st

from app import address, planes, wording
from app.choice_state import Focus
from app.control_state import current_view, step_chosen, view_key
from app.figures.code_bars import Marked, gradient_bars, usage_bars
from app.figures.curves import Marker, curves
from app.figures.examples import examples
from app.figures.level_bars import level_bars
from app.figures.map_layers import Look, read_layers
from app.figures.pcq_map import pcq_map
from app.figures.usage_map import rows_per, usage_map
from app.live_plot.component import live_plot
from app.map_shades import shade
from app.page_export import SeenPanel
from app.readings import answers, curve_panels, level_rows
from app.services import Entry, registry
from app.views.code_panel import code_panel
from app.views.focus_controls import find_codes, let_go, look_of_map
from app.views.map_settings import map_settings, settings_popover
from app.views.panel_head import bar, choose
from app.wording import LevelWords
from vqcore.diagnostics.usage import enough_to_judge
from vqcore.problems.problem import Problem
from vqcore.snapshot import Snapshot
from vqcore.training.session import Status

UPPER, LOWER = 290, 235
"""Heights in pixels of the two rows of charts: with the bar, the tiles and the verdict above them they fill 900."""


def map_panel(
    entry: Entry, snapshot: Snapshot, status: Status, problem: Problem, words: LevelWords, focus: Focus
) -> None:
    """P, C and Q of the level shown, in one plane."""
    memory = entry.maps.of(snapshot, status.run)
    views = planes.views_of(snapshot)
    head = bar("map")
    heading = head.container(width="stretch", key="map-heading")
    chosen = current_view(status.recipe)["map"]
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
    let_go(head, focus)
    find_codes(head, entry, snapshot, problem, focus)
    look_of_map(head, snapshot)
    view = choose(head, "map", views) if len(views) > 1 else views[0]
    is_past = step_chosen() is not None
    stream = entry.stream(snapshot.level, is_past=is_past)
    if st.session_state.get("map_was") == "UMAP" != view:
        registry().projection.cancel(stream)  # who else looks at it asks again
    st.session_state["map_was"] = view
    settings = map_settings(status.recipe)
    shown = planes.show(view, snapshot, memory, registry().projection, stream, settings, is_past=is_past)
    heading.html(
        "<div class='vq-panel'><b>P · C · Q</b><i class='p'>●</i>P <i class='c'>○</i>C <i class='q'>●</i>Q, "
        "area = use <i class='d'>✕</i>dead</div>"
    )
    wanted = current_view(status.recipe)
    look = Look(
        layers=read_layers(wanted["layers"]),
        shade=shade(wanted["colour"], shown.snapshot, problem),
        pins=focus.pinned(snapshot.level),
        linked=focus.choice.vectors_in(shown.snapshot) if focus.choice else None,
    )
    drawn = f"{_moment(shown.snapshot, status, focus)} {wanted['layers']} {wanted['colour']}"
    figure = pcq_map(shown.plane, revision=f"{words.name} {view}", look=look)
    file_name = _file_name("map", shown.snapshot, status)
    live_plot(
        figure,
        key="map-plot",
        height=UPPER,
        revision=f"{drawn} {view} {shown.note} {memory.fitted_at}",
        selectable=True,
        selected=focus.choice.ids_in(shown.snapshot),
        file_name=file_name,
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
    said += [_selected(focus, shown.snapshot)] if focus.choice else []
    said += [f":orange[{focus.sentence}]"] if focus.sentence else []
    st.caption(" · ".join(said))
    title = "P · C · Q: ● P, ○ C, ● Q with area = use, ✕ dead"
    _note("map", SeenPanel(title=title, caption=" · ".join(said), figure=figure, height=UPPER, file_name=file_name))


def _note(name: str, panel: SeenPanel) -> None:
    """Keep what a panel shows, for the page as a file."""
    st.session_state["panels"][name] = panel


def _file_name(chart: str, snapshot: Snapshot, status: Status) -> str:
    level = f"-level-{snapshot.level + 1}" if len(snapshot.levels) > 1 else ""
    return f"{status.recipe.problem}-{chart}{level}-step-{snapshot.step}"


def _moment(snapshot: Snapshot, status: Status, focus: Focus | None = None) -> str:
    """What tells the browser that there is something new to draw."""
    return f"{snapshot.step} {len(snapshot.events)} {snapshot.level} {hash(status.recipe)} {hash(focus)}"


def _selected(focus: Focus, snapshot: Snapshot) -> str:
    vectors, codes = len(focus.choice.vectors_in(snapshot)), len(focus.choice.codes_in(snapshot))
    plural = "" if codes == 1 else "s"
    return f"selected {vectors:,} vectors and {codes:,} code{plural} (double click clears)"


def bars_panel(snapshot: Snapshot, newest: Snapshot, status: Status, words: LevelWords, focus: Focus) -> None:
    """How often each code is used, how large its gradient is, how each level is used, or all use until `newest`."""
    head = bar("bars")
    heading = head.container(width="stretch")
    kind = choose(head, "bars", [kind for kind in address.VIEWS["bars"] if kind != "levels" or words.name])
    if kind == "time":
        title, order = "Code usage", choose(head, "rows", address.VIEWS["rows"])
        figure, said, how = *_through_time(newest, order), f"{order} {newest.step} {step_chosen()}"
    elif kind == "levels":
        title = f"Usage by {wording.LEVEL_NOUNS[status.recipe.structure]}"
        figure, said, how = *_by_level(snapshot, status), ""
    else:
        title = "Code usage" if kind == "usage" else "Code gradients"
        order = choose(head, "order", address.VIEWS["order"])
        scale = choose(head, "scale", address.VIEWS["scale"])
        figure, said = _by_code(snapshot, kind, order, focus, log=scale == "log")
        how = f"{order} {scale}"
    heading.html(f"<div class='vq-panel'><b>{title}</b></div>")
    file_name = _file_name(kind, snapshot, status)
    live_plot(
        figure,
        key="bars-plot",
        height=UPPER,
        revision=f"{_moment(snapshot, status, focus)} {kind} {how}",
        file_name=file_name,
        selectable="box" if kind in ("usage", "gradient") else False,
        selected=focus.choice.ids_in(snapshot),
    )
    st.caption(said)
    _note("bars", SeenPanel(title=title, caption=said, figure=figure, height=UPPER, file_name=file_name))


def _by_level(snapshot: Snapshot, status: Status) -> tuple[dict[str, Any], str]:
    figure = level_bars(level_rows(snapshot, status.recipe.structure), shown=snapshot.level)
    window = wording.usage_window(snapshot.window_batches, snapshot.window_vectors)
    said = wording.LEVELS_NOTE.format(window=window, num_codes=snapshot.num_codes)
    return figure, said + _too_few(snapshot)


def _by_code(snapshot: Snapshot, kind: str, order: Any, focus: Focus, *, log: bool) -> tuple[dict[str, Any], str]:
    marked = Marked(chosen=focus.choice.codes_in(snapshot).tolist(), pins=focus.pinned(snapshot.level))
    if kind == "gradient":
        said = f"{wording.MEANINGS['gradient_norm']}; reached: {snapshot.metrics.gradient_fraction:.0%} of codes"
        return gradient_bars(snapshot.gradient_norm, order=order, log=log, marked=marked), said
    total = snapshot.window_vectors
    said = wording.usage_window(snapshot.window_batches, total)
    said += f", N/K = {total / snapshot.num_codes:,.3g}" if total else ""
    return usage_bars(snapshot.counts, order=order, log=log, marked=marked), said + _too_few(snapshot)


def _through_time(newest: Snapshot, order: Any) -> tuple[dict[str, Any], str]:
    usage = newest.history.usage
    marks = [event.step for event in newest.events]
    figure = usage_map(
        usage.counts,
        usage.first_step,
        usage.last_step,
        usage.born,
        newest.counts,
        order=order,
        marks=marks,
        cursor=step_chosen(),
    )
    span = int((usage.last_step - usage.first_step + 1).max(initial=1))
    return figure, wording.usage_map_note(span, rows_per(newest.num_codes))


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
        cursor=step_chosen(),
    )
    file_name, said = _file_name("curves", snapshot, status), wording.curve_note(group, problem.loss_name, words)
    revision = f"{_moment(snapshot, status)} {group} {smoothing} {step_chosen()}"
    live_plot(figure, key="curves-plot", height=LOWER, revision=revision, file_name=file_name)
    st.caption(said)
    _note("curves", SeenPanel(title="Through time", caption=said, figure=figure, height=LOWER, file_name=file_name))


def examples_panel(
    entry: Entry, snapshot: Snapshot, status: Status, problem: Problem, words: LevelWords, focus: Focus
) -> None:
    """The card of the code that is chosen, or held-out inputs, what becomes of them, and the codes between."""
    if focus.choice.code is not None and current_view(status.recipe)["panel"] == "code":
        code_panel(entry, snapshot, problem, words, focus, height=LOWER)
        return
    if problem.task == "plane":
        _plane_table(snapshot, words, focus)
        return
    is_classifier = problem.task == "classification"
    what = "inputs, codes, predictions" if is_classifier else "inputs, reconstructions, codes"
    _examples_head(f"<b>{what.capitalize()}</b><span>held-out</span>", focus)
    captions, right = answers(snapshot, problem) if is_classifier else (None, None)
    figure = examples(
        snapshot.inputs,
        snapshot.code_maps,
        snapshot.num_codes,
        reconstructions=None if is_classifier else snapshot.outputs,
        captions=captions,
        right=right,
        chosen=_chosen_cells(snapshot, focus) if focus.choice else None,
        pins=focus.pinned(snapshot.level),
    )
    file_name = _file_name("examples", snapshot, status)
    live_plot(
        figure,
        key="examples-plot",
        height=LOWER,
        revision=_moment(snapshot, status, focus),
        file_name=file_name,
        selectable="click",
        selected=focus.choice.ids_in(snapshot),
    )
    said = f"One colour a code{words.of}; click on a cell to choose its code. "
    said += "Below: the class predicted and its probability." if is_classifier else ""
    st.caption(said)
    title = f"{what.capitalize()} (held-out)"
    _note("examples", SeenPanel(title=title, caption=said, figure=figure, height=LOWER, file_name=file_name))


def _examples_head(title: str, focus: Focus) -> None:
    head = bar("examples")
    head.container(width="stretch").html(f"<div class='vq-panel'>{title}</div>")
    if focus.choice.code is not None:
        choose(head, "panel", ("code", "inputs"))


def _chosen_cells(snapshot: Snapshot, focus: Focus) -> Any:
    """(B, h, w) whether each cell's vector is chosen: the shown inputs are the first of the monitor sample."""
    chosen = np.zeros(len(snapshot.z_e), dtype=bool)
    chosen[focus.choice.vectors_in(snapshot)] = True
    return chosen[: snapshot.code_maps.size].reshape(snapshot.code_maps.shape)


def _plane_table(snapshot: Snapshot, words: LevelWords, focus: Focus) -> None:
    title = f"Inputs, {words.vectors} and their codes"
    _examples_head(f"<b>{title}</b><span>held-out</span>", focus)
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
    _note("examples", SeenPanel(title=f"{title} (held-out)", caption="", rows=rows))


def _point(place: Any) -> str:
    return f"({', '.join(f'{feature:.2f}' for feature in place)})"
