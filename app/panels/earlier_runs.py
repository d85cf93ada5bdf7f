"""The runs of a session before the one on show, and which one's curves lie behind. Knows no page."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.figures.curves import Curve, Panel, faint_curves
from app.links.run_names import NONE, UNQUANTIZED, run_name
from app.panels.readings import curve_panels
from app.panels.scene import Scene
from app.wording import number
from vqcore.training.past_run import PastRun

AHEAD, LEAST_AHEAD = 2, 100
"""How far an earlier run's curves are seen: to so many times the steps of the run on show, at least to this step."""


Ends = tuple[float, float] | None


class Earlier(NamedTuple):
    """A training whose curves can lie behind those of the run on show."""

    name: str
    """As in the link."""

    words: str
    """As on the page."""

    past: PastRun


def earlier_runs(scene: Scene) -> list[Earlier]:
    """All that are kept of this session, newest first, but for the one on show: a restart puts it away too early."""
    return [_earlier(past) for past in reversed(scene.entry.session.past_runs()) if past.run != scene.status.run]


def _earlier(past: PastRun) -> Earlier:
    is_first = past.is_first
    words = f"run {past.run + 1}" if is_first else f"run {past.run + 1}, {past.variant}"
    return Earlier(run_name(past.run, past.variant, is_first=is_first), words, past)


def unquantized_run(scene: Scene) -> Earlier | None:
    """The same network without quantization, if it has been trained."""
    work = scene.entry.without_quantization
    return None if work is None or work.result is None else Earlier(UNQUANTIZED, "without quantization", work.result)


def unquantized_loss(scene: Scene) -> str:
    """Its held-out loss at the step shown or the last before it, or how far it is; empty if nobody wants to know."""
    work = scene.entry.without_quantization
    if work is None:
        return ""
    if work.result is None:
        return f"unquantized: {work.steps_done / work.steps:.0%} trained" if work.is_running else ""
    losses = work.result.history(0).points("held_out.task_loss")
    row = int(np.searchsorted(losses.last_step, scene.snapshot.step, side="right")) - 1
    at = int(losses.last_step[row])
    when = "" if at == scene.snapshot.step else f" at step {at:,}"
    return f"unquantized {number(float(losses.mean[row]))}{when}"


def comparable(scene: Scene) -> list[Earlier]:
    """Those whose curves mean the same as those of the run on show: they are of the same problem."""
    same = [one for one in earlier_runs(scene) if one.past.recipe.problem == scene.status.recipe.problem]
    unquantized = unquantized_run(scene)
    return same if unquantized is None else [*same, unquantized]


def earlier_run(scene: Scene) -> Earlier | None:
    """The run whose curves lie behind: the one chosen, by default the newest; None where there is none."""
    chosen, runs = scene.view.controls["earlier"], comparable(scene)
    if chosen == NONE:
        return None
    firsts = [one for one in runs if one.past.is_first and one.name != UNQUANTIZED]
    return next((one for one in runs if one.name == chosen), firsts[0] if firsts else None)


def earlier_panels(scene: Scene, earlier: Earlier) -> list[Panel]:
    """Its curves, in the panels of the group that is shown."""
    history = earlier.past.history(scene.snapshot.level)
    panels = curve_panels(scene.view.controls["curves"], history, earlier.past.recipe.num_codes)
    if earlier.name != UNQUANTIZED:
        return panels
    # What it assigns to codes says nothing: of those its decoder knows none.
    return [
        replace(panel, curves=[curve for curve in panel.curves if curve.label.startswith("task loss")])
        for panel in panels
    ]


def earlier_key(scene: Scene, earlier: Earlier | None) -> str:
    """Equal while the same curves lie behind."""
    if earlier is None:
        return NONE
    return f"{earlier.name} {earlier.past.step} {scene.view.controls['curves']} {scene.snapshot.level}"


def earlier_traces(scene: Scene, earlier: Earlier | None) -> list[dict[str, Any]]:
    """What the browser draws behind the curves."""
    return [] if earlier is None else faint_curves(earlier_panels(scene, earlier), earlier.words)


def last_step_seen(scene: Scene, earlier: Earlier | None) -> int:
    """Where the step axis ends, so that an earlier run can be seen ahead of this one without squashing it."""
    now = scene.newest.step
    return now if earlier is None else max(now, min(earlier.past.step, max(AHEAD * now, LEAST_AHEAD)))


def beside(panels: list[Panel], earlier: list[Panel], until: int) -> list[Panel]:
    """`panels` on axes that also hold the curves of `earlier`, as far as they are seen."""
    return [
        replace(
            panel,
            beside=[*panel.beside, *(_until(curve, until) for curve in other.curves if not curve.is_faint)],
            ends=_both(panel.ends, other.ends),
        )
        for panel, other in zip(panels, earlier, strict=True)
    ]


def _both(ends: Ends, others: Ends) -> Ends:
    """Ends of an axis that hold those of two: another run may have had more codes."""
    return ends if ends is None or others is None else (min(ends[0], others[0]), max(ends[1], others[1]))


def _until(curve: Curve, step: int) -> NDArray[np.float32]:
    return curve.values[: int(np.searchsorted(curve.steps, step, side="right"))]
