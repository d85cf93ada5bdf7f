"""The bars of the Live page: how codes are used now, by level or through time, and how large their gradients are."""

from functools import partial
from typing import Any

from app import wording
from app.figures.code_bars import Marked, gradient_bars, usage_bars
from app.figures.level_bars import level_bars
from app.figures.usage_map import rows_per, usage_map
from app.links.selection import Focus
from app.panels.chart import UPPER, Chart, file_name, moment
from app.panels.readings import level_rows
from app.panels.scene import Scene
from vqcore.diagnostics.usage import count_codes, enough_to_judge
from vqcore.snapshot import Snapshot


def bars_chart(scene: Scene) -> Chart:
    """The bars: use of each code, its gradient, use of each level, or use of every code through time."""
    snapshot, newest, controls, focus = scene.snapshot, scene.newest, scene.view.controls, scene.focus
    kind = bars_kind(scene)
    revision = f"{moment(scene, snapshot, focus)} {kind}"
    if kind == "time":
        said = _through_time_note(snapshot, newest)
        revision += f" {controls['rows']} {newest.step} {scene.cursor}"
        drawing = partial(_through_time, newest, controls["rows"], scene.cursor)
    elif kind == "levels":
        said = _by_level_note(snapshot)
        drawing = partial(_by_level, snapshot, scene.status.recipe.structure)
    else:
        order, scale = controls["order"], controls["scale"]
        said = _by_code_note(snapshot, kind)
        revision += f" {order} {scale}"
        drawing = partial(_by_code, snapshot, kind, order, focus, log=scale == "log")
    return Chart(
        title=wording.bars_title(kind, scene.status.recipe.structure),
        said=(said,),
        revision=revision,
        drawing=drawing,
        height=UPPER,
        file_name=file_name(kind, scene, snapshot),
        selectable="box" if kind in ("usage", "gradient") else False,
        selected=focus.choice.ids_in(snapshot),
    )


def bars_kind(scene: Scene) -> str:
    """What the bars show; a quantizer with one level has nothing to show by level."""
    kind = scene.view.controls["bars"]
    return "time" if kind == "levels" and scene.status.recipe.levels == 1 else kind


def _by_level(snapshot: Snapshot, structure: str) -> dict[str, Any]:
    return level_bars(level_rows(snapshot, structure), shown=snapshot.level)


def _by_level_note(snapshot: Snapshot) -> str:
    num_codes, num_vectors = snapshot.num_codes, len(snapshot.codes)
    few = "" if enough_to_judge(num_vectors, num_codes) else " · too few vectors to judge"
    return wording.LEVELS_NOTE.format(num_codes=num_codes, num_vectors=num_vectors) + few


def _by_code(snapshot: Snapshot, kind: str, order: Any, focus: Focus, *, log: bool) -> dict[str, Any]:
    marked = Marked(chosen=focus.choice.codes_in(snapshot).tolist(), pins=focus.pinned(snapshot.level))
    if kind == "gradient":
        return gradient_bars(snapshot.gradient_norm, order=order, log=log, marked=marked)
    counts = count_codes(snapshot.codes, snapshot.num_codes)
    return usage_bars(counts, order=order, log=log, marked=marked)


def _by_code_note(snapshot: Snapshot, kind: str) -> str:
    if kind == "gradient":
        return f"{wording.MEANINGS['gradient_norm']}; reached: {snapshot.metrics.gradient_fraction:.0%} of codes"
    num_vectors, num_codes = len(snapshot.codes), snapshot.num_codes
    said = f"{snapshot.held_out.in_use:,} of {num_codes:,} in use by {wording.held_out(num_vectors, num_codes)}"
    said += f", N/K = {num_vectors / num_codes:,.3g}"
    if batches := snapshot.window_batches:
        said += f" · {snapshot.metrics.active_codes:,} touched by the last {batches} training batches"
    return said


def _through_time(newest: Snapshot, order: Any, cursor: int | None) -> dict[str, Any]:
    usage = newest.history.usage
    return usage_map(
        usage.counts,
        usage.first_step,
        usage.last_step,
        usage.born,
        count_codes(newest.codes, newest.num_codes),
        order=order,
        marks=[event.step for event in newest.events],
        cursor=cursor,
    )


def _through_time_note(snapshot: Snapshot, newest: Snapshot) -> str:
    usage = newest.history.usage
    span = int((usage.last_step - usage.first_step + 1).max(initial=1))
    note = wording.usage_map_note(span, rows_per(newest.num_codes))
    return f"{snapshot.held_out.in_use:,} of {snapshot.num_codes:,} in use by the held-out vectors · {note}"
