"""What a step shows, as figures: the Live page's, of the held-out vectors that its map shows. Knows no page."""

# M held-out vectors, K codes, D features

from collections.abc import Mapping, Sequence
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
    """A Plotly figure with what is said of it."""

    panel: str
    training: str
    """Its name; empty for several side by side."""

    title: str
    moment: str
    """Which training, and when; empty for several trainings side by side."""

    note: str
    height: int
    plot: dict[str, Any]

    @property
    def caption(self) -> str:
        """All that is said, in one line."""
        return " ".join(filter(None, (f"{self.title}: {self.moment}." if self.moment else "", self.note)))


def step_figures(
    step: Step,
    found: Record,
    *,
    heights: Mapping[str, int] = HEIGHTS,
    bases: Mapping[str, FrozenBasis] | None = None,
    inputs: int | None = None,
) -> list[Figure]:
    """The panels of one step, but for paths; none of a training that broke down before.

    Args:
        step: what to show.
        found: has the moments; one that is not yet at `step.at` is drawn as it is.
        heights: in pixels, by panel.
        bases: the planes of the maps by training; without, one that is fitted to all moments in `found`.
        inputs: how many of the shown inputs; all unless told.
    """
    reached = [name for name in step.shows if (name, step.at) in found.moments]
    made: list[Figure] = []
    for panel in step.panels:
        if panel == "compare" and reached:
            made.append(_compare(step, found, reached, heights[panel]))
        elif panel not in ("compare", "paths"):
            made += [_single(panel, name, step, found, heights[panel], bases, inputs) for name in reached]
    return made


def _single(
    panel: str,
    name: str,
    step: Step,
    found: Record,
    height: int,
    bases: Mapping[str, FrozenBasis] | None,
    inputs: int | None,
) -> Figure:
    snapshot = found.at(name, step.at)
    counts = usage_now(snapshot)
    vectors = f"{len(snapshot.z_e):,} of {snapshot.monitor_of:,} held-out vectors (random, seed {found.seed})"
    where = f"{name}, step {snapshot.step:,}"
    if panel == "map":
        moments = [moment for (other, _), moment in found.moments.items() if other == name]
        basis = _basis(moments) if bases is None else bases[name]
        note = f"Showing {vectors}; dashed: 1σ of P and of C."
        return Figure(panel, name, "P, C and Q", where, note, height, _map(snapshot, basis, counts))
    if panel == "usage":
        order: Order = "by code" if step.view.get("order") == "by code" else "sorted"
        plot = usage_bars(counts, order=order, log=step.view.get("scale", "log") == "log")
        return Figure(panel, name, f"Use of {len(counts):,} codes", where, f"Of {vectors}.", height, plot)
    if panel == "curves":
        return Figure(panel, name, "Through time", name, "", height, _curves(snapshot, height))
    plot = examples(
        snapshot.inputs[:inputs],
        snapshot.code_maps[:inputs],
        snapshot.num_codes,
        reconstructions=snapshot.outputs[:inputs],
    )
    return Figure(panel, name, "Held-out inputs", where, "", height, plot)


def _basis(moments: Sequence[Snapshot]) -> FrozenBasis:
    """One plane for all moments of the training: only then does it show what moved."""
    return FrozenBasis.fit(np.concatenate([part for moment in moments for part in (moment.z_e, moment.codebook)]))


def _map(snapshot: Snapshot, basis: FrozenBasis, counts: np.ndarray) -> dict[str, Any]:
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


def _curves(snapshot: Snapshot, height: int) -> dict[str, Any]:
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
    return curves(panels, markers, smoothing=1, last_step=snapshot.step, height=height)


def _compare(step: Step, found: Record, reached: Sequence[str], height: int) -> Figure:
    """Trainings side by side: perplexity of the usage window, and the task loss."""
    moments = {name: found.at(name, step.at) for name in reached}
    colours = dict(zip(step.shows, LINES, strict=False))
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
    plot = curves(panels, list(marks.values()), smoothing=5, last_step=last, height=height)
    plot["layout"]["margin"]["r"] = 14 + PIXELS_A_LETTER * max(map(len, step.shows))
    note = "Perplexity over the last 50 batches, and task loss of each batch."
    return Figure("compare", "", "Side by side", "", note, height, plot)


def _line(label: str, points: Points, colour: str) -> Curve:
    steps, rows, finite, low, mean, high = points
    return Curve(
        label=label, colour=role(colour), steps=steps, rows=rows, finite=finite, low=low, values=mean, high=high
    )
