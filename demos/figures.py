"""What a step shows, as figures: the Live page's, of the held-out vectors that its map shows. Knows no page."""

# M held-out vectors, K codes, D features

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from app.figures.code_bars import Order, usage_bars
from app.figures.curves import Curve, Marker, curves
from app.figures.curves import Panel as CurvePanel
from app.figures.examples import examples
from app.figures.pcq_map import Plane, pcq_map
from app.theme import role
from demos.lesson import Step
from demos.measures import usage_now
from demos.record import Record
from vqcore.history import Points
from vqcore.projection.pca import FrozenBasis
from vqcore.snapshot import Snapshot

LINES = ("vermillion", "blue", "green", "orange", "purple", "sky", "olive", "slate")
"""Colour roles of trainings side by side, in the order that a step names them."""

PIXELS_A_LETTER = 6.5
"""Of the names at the ends of lines."""

HEIGHTS = {"map": 340, "usage": 220, "curves": 300, "examples": 200, "compare": 360}


class Figure(NamedTuple):
    """A Plotly figure with what is said under it."""

    caption: str
    height: int
    plot: dict[str, Any]


def step_figures(step: Step, found: Record) -> list[Figure]:
    """The panels of one step, but for paths; none of a training that broke down before."""
    reached = [name for name in step.shows if (name, step.at) in found.moments]
    made: list[Figure] = []
    for panel in step.panels:
        if panel == "compare" and reached:
            made.append(_compare({name: found.at(name, step.at) for name in reached}))
        elif panel not in ("compare", "paths"):
            made += [_single(panel, name, step, found) for name in reached]
    return made


def _single(panel: str, name: str, step: Step, found: Record) -> Figure:
    snapshot = found.at(name, step.at)
    counts = usage_now(snapshot)
    vectors = f"{len(snapshot.z_e):,} of {snapshot.monitor_of:,} held-out vectors (random, seed {found.seed})"
    where = f"{name}, step {snapshot.step:,}"
    if panel == "map":
        moments = [moment for (other, _), moment in found.moments.items() if other == name]
        caption = f"P, C and Q: {where}. Showing {vectors}; dashed: 1σ of P and of C."
        return Figure(caption, HEIGHTS[panel], _map(snapshot, moments, counts))
    if panel == "usage":
        order: Order = "by code" if step.view.get("order") == "by code" else "sorted"
        plot = usage_bars(counts, order=order, log=step.view.get("scale", "log") == "log")
        return Figure(f"Use of {len(counts):,} codes: {where}. Of {vectors}.", HEIGHTS[panel], plot)
    if panel == "curves":
        return Figure(f"Through time: {name}.", HEIGHTS[panel], _curves(snapshot))
    plot = examples(snapshot.inputs, snapshot.code_maps, snapshot.num_codes, reconstructions=snapshot.outputs)
    return Figure(f"Held-out inputs: {where}.", HEIGHTS[panel], plot)


def _map(snapshot: Snapshot, moments: Sequence[Snapshot], counts: np.ndarray) -> dict[str, Any]:
    """In one plane for all moments of the training: only then does it show what moved."""
    basis = FrozenBasis.fit(np.concatenate([part for moment in moments for part in (moment.z_e, moment.codebook)]))
    first, second = basis.explained_share
    plane = Plane(
        p=basis.project(snapshot.z_e),
        c=basis.project(snapshot.codebook),
        codes=snapshot.codes,
        counts=counts,
        axis_titles=(f"PC 1 · {first:.0%} of variance", f"PC 2 · {second:.0%} of variance"),
        keeps_distances=True,
    )
    plot = pcq_map(plane)
    for trace in plot["data"]:  # a browser has WebGL for a handful of plots, and a lesson has more
        trace["type"] = "scatter"
    return plot


def _curves(snapshot: Snapshot) -> dict[str, Any]:
    history = snapshot.history
    panels = [
        CurvePanel(
            title="",
            log=True,
            curves=[_line("task loss", history.points("task_loss"), "text")],
        ),
        CurvePanel(
            title="",
            curves=[
                _line("mean of P", history.points("p_mean_norm"), "P"),
                _line("mean of C", history.points("c_mean_norm"), "C"),
            ],
        ),
    ]
    markers = [Marker(step=event.step, label=event.label) for event in snapshot.events]
    return curves(panels, markers, smoothing=1, last_step=snapshot.step, height=HEIGHTS["curves"])


def _compare(moments: dict[str, Snapshot]) -> Figure:
    """Trainings side by side: perplexity of the usage window, and the task loss."""
    colours = dict(zip(moments, LINES, strict=False))
    panels = [
        CurvePanel(
            title="perplexity",
            log=True,
            curves=[_line(name, one.history.points("perplexity"), colours[name]) for name, one in moments.items()],
        ),
        CurvePanel(
            title="task loss",
            log=True,
            curves=[_line(name, one.history.points("task_loss"), colours[name]) for name, one in moments.items()],
        ),
    ]
    last = max(one.step for one in moments.values())
    marks = {event.step: Marker(step=event.step, label="") for one in moments.values() for event in one.events}
    plot = curves(panels, list(marks.values()), smoothing=5, last_step=last, height=HEIGHTS["compare"])
    plot["layout"]["margin"]["r"] = 14 + PIXELS_A_LETTER * max(map(len, moments))
    return Figure("Perplexity over the last 50 batches, and task loss of each batch.", HEIGHTS["compare"], plot)


def _line(label: str, points: Points, colour: str) -> Curve:
    steps, rows, finite, low, mean, high = points
    return Curve(
        label=label, colour=role(colour), steps=steps, rows=rows, finite=finite, low=low, values=mean, high=high
    )
