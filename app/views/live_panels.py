"""The four panels of the Live page: map, bars, curves and examples, drawn below their heads as `pace` lets them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from app import planes, wording
from app.choice_state import Focus
from app.control_state import step_chosen
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
from app.services import registry
from app.views.code_panel import code_panel
from app.views.layout_progress import layout_progress
from app.views.map_settings import map_settings
from app.views.scene import Scene, redraw_heads, shows_card
from app.wording import LevelWords
from vqcore.diagnostics.usage import enough_to_judge
from vqcore.snapshot import Snapshot
from vqcore.training.session import Status

UPPER, LOWER = 290, 235
"""Heights in pixels of the two rows of charts: with the bar, the tiles and the verdict above them they fill 900."""


def map_panel(scene: Scene) -> None:
    """P, C and Q of the level shown, in one plane."""
    entry, snapshot, status, wanted, focus = scene.entry, scene.snapshot, scene.status, scene.view, scene.focus
    memory = entry.maps.of(snapshot, status.run)
    views = planes.views_of(snapshot)
    view: Any = wanted["map"] if wanted["map"] in views else views[0]
    is_past = step_chosen() is not None
    stream = entry.stream(snapshot.level, is_past=is_past)
    if st.session_state.get("map_was") == "UMAP" != view:
        registry().projection.cancel(stream)  # who else looks at it asks again
    st.session_state["map_was"] = view
    layout_progress(registry().projection, stream)
    settings = map_settings(wanted)
    shown = planes.show(view, snapshot, memory, registry().projection, stream, settings, is_past=is_past)
    drawn = f"{_moment(scene, shown.snapshot, focus)} {wanted['layers']} {wanted['colour']}"
    revision = f"{drawn} {view} {shown.note} {memory.fitted_at}"

    def drawing() -> dict[str, Any]:
        look = Look(
            layers=read_layers(wanted["layers"]),
            shade=shade(wanted["colour"], shown.snapshot, scene.problem),
            pins=focus.pinned(snapshot.level),
            linked=focus.choice.vectors_in(shown.snapshot) if focus.choice else None,
        )
        return pcq_map(shown.plane, revision=f"{scene.words.name} {view}", look=look)

    figure = _figure("map", revision, drawing)
    file_name = _file_name("map", shown.snapshot, status)
    live_plot(
        figure,
        key="map-plot",
        height=UPPER,
        revision=revision,
        selectable=True,
        selected=focus.choice.ids_in(shown.snapshot),
        on_hand=redraw_heads,
        file_name=file_name,
    )
    count = len(shown.snapshot.z_e)
    said = [f"showing {count:,} of {snapshot.monitor_of:,} held-out {scene.words.vectors}"]
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


def _figure(name: str, revision: str, drawing: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The very figure that this panel shows, where it is still the one of `revision`: else a new one."""
    kept: dict[str, tuple[str, dict[str, Any]]] = st.session_state.setdefault("figures", {})
    if kept.get(name, ("",))[0] != revision:
        kept[name] = revision, drawing()
    return kept[name][1]


def _note(name: str, panel: SeenPanel) -> None:
    """Keep what a panel shows, for the page as a file."""
    st.session_state["panels"][name] = panel


def _file_name(chart: str, snapshot: Snapshot, status: Status) -> str:
    level = f"-level-{snapshot.level + 1}" if len(snapshot.levels) > 1 else ""
    return f"{status.recipe.problem}-{chart}{level}-step-{snapshot.step}"


def _moment(scene: Scene, snapshot: Snapshot, focus: Focus | None = None) -> str:
    """What tells that there is something new to draw."""
    status = scene.status
    run = f"{scene.entry.id} {status.run} {snapshot.variant} {len(snapshot.events)} {hash(status.recipe)}"
    return f"{run} {snapshot.step} {snapshot.level} {hash(focus)}"


def _selected(focus: Focus, snapshot: Snapshot) -> str:
    chosen = {"vector": len(focus.choice.vectors_in(snapshot)), "code": len(focus.choice.codes_in(snapshot))}
    counted = [f"{count:,} {noun}{'' if count == 1 else 's'}" for noun, count in chosen.items()]
    return f"selected {' and '.join(counted)} (Escape or a double click clears)"


def bars_panel(scene: Scene) -> None:
    """How often each code is used, how large its gradient is, how each level is used, or all use until the newest."""
    snapshot, newest, status, wanted, focus = scene.snapshot, scene.newest, scene.status, scene.view, scene.focus
    kind = wanted["bars"]
    title = wording.bars_title(kind, status.recipe.structure)
    revision = f"{_moment(scene, snapshot, focus)} {kind}"
    if kind == "time":
        said = _through_time_note(newest)
        revision += f" {wanted['rows']} {newest.step} {step_chosen()}"
        drawing = partial(_through_time, newest, wanted["rows"])
    elif kind == "levels":
        said = _by_level_note(snapshot)
        drawing = partial(_by_level, snapshot, status)
    else:
        order, scale = wanted["order"], wanted["scale"]
        said = _by_code_note(snapshot, kind)
        revision += f" {order} {scale}"
        drawing = partial(_by_code, snapshot, kind, order, focus, log=scale == "log")
    figure = _figure("bars", revision, drawing)
    file_name = _file_name(kind, snapshot, status)
    live_plot(
        figure,
        key="bars-plot",
        height=UPPER,
        revision=revision,
        file_name=file_name,
        selectable="box" if kind in ("usage", "gradient") else False,
        selected=focus.choice.ids_in(snapshot),
        on_hand=redraw_heads,
    )
    st.caption(said)
    _note("bars", SeenPanel(title=title, caption=said, figure=figure, height=UPPER, file_name=file_name))


def _by_level(snapshot: Snapshot, status: Status) -> dict[str, Any]:
    return level_bars(level_rows(snapshot, status.recipe.structure), shown=snapshot.level)


def _by_level_note(snapshot: Snapshot) -> str:
    window = wording.usage_window(snapshot.window_batches, snapshot.window_vectors)
    return wording.LEVELS_NOTE.format(window=window, num_codes=snapshot.num_codes) + _too_few(snapshot)


def _by_code(snapshot: Snapshot, kind: str, order: Any, focus: Focus, *, log: bool) -> dict[str, Any]:
    marked = Marked(chosen=focus.choice.codes_in(snapshot).tolist(), pins=focus.pinned(snapshot.level))
    if kind == "gradient":
        return gradient_bars(snapshot.gradient_norm, order=order, log=log, marked=marked)
    return usage_bars(snapshot.counts, order=order, log=log, marked=marked)


def _by_code_note(snapshot: Snapshot, kind: str) -> str:
    if kind == "gradient":
        return f"{wording.MEANINGS['gradient_norm']}; reached: {snapshot.metrics.gradient_fraction:.0%} of codes"
    total = snapshot.window_vectors
    said = wording.usage_window(snapshot.window_batches, total)
    said += f", N/K = {total / snapshot.num_codes:,.3g}" if total else ""
    return said + _too_few(snapshot)


def _through_time(newest: Snapshot, order: Any) -> dict[str, Any]:
    usage = newest.history.usage
    return usage_map(
        usage.counts,
        usage.first_step,
        usage.last_step,
        usage.born,
        newest.counts,
        order=order,
        marks=[event.step for event in newest.events],
        cursor=step_chosen(),
    )


def _through_time_note(newest: Snapshot) -> str:
    usage = newest.history.usage
    span = int((usage.last_step - usage.first_step + 1).max(initial=1))
    return wording.usage_map_note(span, rows_per(newest.num_codes))


def _too_few(snapshot: Snapshot) -> str:
    total = snapshot.window_vectors
    return " · too few vectors to judge" if total and not enough_to_judge(total, snapshot.num_codes) else ""


def curves_panel(scene: Scene) -> None:
    """What has changed through time, with a mark at every switch."""
    snapshot, status, problem, words = scene.newest, scene.status, scene.problem, scene.words
    group, smoothing = scene.view["curves"], int(scene.view["smoothing"])
    others = {name: f"{name}: " for name in status.variants if name != snapshot.variant}
    revision = f"{_moment(scene, snapshot)} {group} {smoothing} {step_chosen()}"

    def drawing() -> dict[str, Any]:
        return curves(
            curve_panels(group, snapshot),
            [Marker(step=event.step, label=others.get(event.variant, "") + event.label) for event in snapshot.events],
            smoothing=smoothing,
            last_step=snapshot.step,
            height=LOWER,
            cursor=step_chosen(),
        )

    figure = _figure("curves", revision, drawing)
    file_name, said = _file_name("curves", snapshot, status), wording.curve_note(group, problem.loss_name, words)
    live_plot(figure, key="curves-plot", height=LOWER, revision=revision, file_name=file_name)
    st.caption(said)
    _note("curves", SeenPanel(title="Through time", caption=said, figure=figure, height=LOWER, file_name=file_name))


def examples_panel(scene: Scene) -> None:
    """The card of the code that is chosen, or held-out inputs, what becomes of them, and the codes between."""
    snapshot, status, problem, words, focus = scene.snapshot, scene.status, scene.problem, scene.words, scene.focus
    if shows_card(scene):
        code_panel(scene.entry, snapshot, problem, focus, height=LOWER)
        return
    title = f"{wording.examples_title(problem.task, words)} (held-out)"
    if problem.task == "plane":
        _plane_table(snapshot, words, title)
        return
    is_classifier = problem.task == "classification"

    def drawing() -> dict[str, Any]:
        captions, right = answers(snapshot, problem) if is_classifier else (None, None)
        return examples(
            snapshot.inputs,
            snapshot.code_maps,
            snapshot.num_codes,
            reconstructions=None if is_classifier else snapshot.outputs,
            captions=captions,
            right=right,
            chosen=_chosen_cells(snapshot, focus) if focus.choice else None,
            pins=focus.pinned(snapshot.level),
        )

    revision = _moment(scene, snapshot, focus)
    figure = _figure("examples", revision, drawing)
    file_name = _file_name("examples", snapshot, status)
    live_plot(
        figure,
        key="examples-plot",
        height=LOWER,
        revision=revision,
        file_name=file_name,
        selectable="click",
        selected=focus.choice.ids_in(snapshot),
        on_hand=redraw_heads,
    )
    said = f"One colour a code{words.of}; click on a cell to choose its code. "
    said += "Below: the class predicted and its probability." if is_classifier else ""
    st.caption(said)
    _note("examples", SeenPanel(title=title, caption=said, figure=figure, height=LOWER, file_name=file_name))


def _chosen_cells(snapshot: Snapshot, focus: Focus) -> Any:
    """(B, h, w) whether each cell's vector is chosen: the shown inputs are the first of the monitor sample."""
    chosen = np.zeros(len(snapshot.z_e), dtype=bool)
    chosen[focus.choice.vectors_in(snapshot)] = True
    return chosen[: snapshot.code_maps.size].reshape(snapshot.code_maps.shape)


def _plane_table(snapshot: Snapshot, words: LevelWords, title: str) -> None:
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
    _note("examples", SeenPanel(title=title, caption="", rows=rows))


def _point(place: Any) -> str:
    return f"({', '.join(f'{feature:.2f}' for feature in place)})"
