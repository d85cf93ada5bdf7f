"""The figures of a lesson step: those of the Live page, for the held-out vectors that its map shows."""

# M held-out vectors, K codes, D features

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from app.figures.code_bars import Order, usage_bars
from app.figures.curves import Curve as Line
from app.figures.curves import Panel as CurvePanel
from app.figures.curves import curve_of, curves
from app.figures.examples import examples
from app.figures.one_map import MOST_ARROWS, Toy, arrows, toy
from app.figures.pcq_map import Plane, pcq_map
from app.figures.side_by_side import DASHES, variant_colour
from app.figures.switch_marks import Marker
from app.panels.switch_words import event_words
from app.theme import role
from demos.lesson import OF_ALL_TRAININGS, Step
from demos.measures import Curve, curve, usage_now
from demos.record import Record
from vqcore.projection.pca import FrozenBasis
from vqcore.snapshot import Snapshot
from vqcore.trajectories.fixed_points import UPDATES, fixed_points

CURVES_NOTE = "Task loss of the held-out inputs; distances of the means of P and of C from the origin."
LOSS, IN_USE = "held_out.task_loss", "held_out.in_use"
NO_CURVES = "No batch has been trained on yet: the curves begin with the first."

FONT_SIZE = 13
"""Text size in pixels for all words and numbers of a figure, readable from the back of a classroom."""

ROOM = 0.06
"""Left free at each end of a map's axes, as a share of what the points take up."""

MARGIN = 54
"""Left margin in pixels, for numbers of that size and a title."""

PIXELS_A_LETTER = 7
"""Width of a letter in the names at the ends of lines."""

HEIGHTS = {"map": 340, "usage": 220, "curves": 300, "examples": 200, "compare": 360, "arrows": 340, "toy": 420}

IN_A_PLANE = ("map", "arrows")
"""Panels that project vectors onto a plane."""

TOY_MOMENTS = (0, 5, UPDATES)


class Figure(NamedTuple):
    """A Plotly figure with its texts."""

    panel: str
    training: str
    """Its title; empty for several side by side."""

    title: str
    moment: str
    """Which training, and when; empty for several trainings side by side."""

    note: str
    height: int
    plot: dict[str, Any]

    @property
    def caption(self) -> str:
        """All texts in one line."""
        return " ".join(filter(None, (f"{self.title}: {self.moment}." if self.moment else "", self.note)))


def step_figures(
    step: Step,
    found: Record,
    *,
    heights: Mapping[str, int] = HEIGHTS,
    bases: Mapping[str, FrozenBasis] | None = None,
    inputs: int | None = None,
) -> list[Figure]:
    """The panels of one step, except paths; none for a training that broke down before.

    Args:
        step: what to show.
        found: holds the moments; one that is not yet at `step.at` is drawn as it is.
        heights: in pixels, by panel.
        bases: the planes of the maps by training; by default fitted to all moments in `found`.
        inputs: how many inputs to show; default: all.
    """
    reached = [name for name in step.shows if (name, step.at) in found.moments]
    made: list[Figure] = []
    for panel in step.panels:
        if panel == "compare" and reached:
            made.append(_compare(step, found, reached, heights[panel]))
        elif panel == "toy" and reached:
            made.append(_toy(found.seed, heights[panel]))
        elif panel not in (*OF_ALL_TRAININGS, "paths"):
            figures = [_single(panel, name, step, found, heights[panel], bases, inputs) for name in reached]
            made += _one_scale(figures) if panel == "usage" else figures
    for figure in made:
        _enlarge(figure.plot["layout"])
    return made


def _enlarge(layout: dict[str, Any]) -> None:
    for name, part in layout.items():
        if name.startswith(("xaxis", "yaxis")):
            part["tickfont"] = {**part["tickfont"], "size": FONT_SIZE}
            part["title"] = {**part["title"], "font": {**part["title"]["font"], "size": FONT_SIZE}}
    for label in layout.get("annotations", []):
        label["font"] = {**label.get("font", {}), "size": FONT_SIZE}
    layout["margin"] = {**layout["margin"], "l": max(layout["margin"]["l"], MARGIN)}


def _one_scale(figures: list[Figure]) -> list[Figure]:
    """Bars beside each other are compared by height, so the highest axis is used for all."""
    axes = [figure.plot["layout"]["yaxis"] for figure in figures]
    highest = max(axes, key=lambda axis: axis.get("range", (0, 0))[1])
    for figure in figures:
        figure.plot["layout"]["yaxis"] = dict(highest)
    return figures


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
        basis = _plane(name, found, bases)
        note = f"Showing {vectors}; dead: not in use now."
        return Figure(panel, name, "P, C and Q", where, note, height, _map(snapshot, basis, counts))
    if panel == "arrows":
        some = f" for {MOST_ARROWS} of the {snapshot.num_codes} codes" if snapshot.num_codes > MOST_ARROWS else ""
        plot = _arrows(snapshot, _plane(name, found, bases))
        return Figure(panel, name, "c_raw → c", where, f"Arrows{some}, over {vectors}.", height, plot)
    if panel == "usage":
        order: Order = "by code" if step.view.get("order") == "by code" else "sorted"
        plot = usage_bars(counts, order=order, log=step.view.get("scale", "log") == "log")
        note = f"Counted over {vectors}; dead: chosen by none of them."
        return Figure(panel, name, f"Use of {len(counts):,} codes", where, note, height, plot)
    if panel == "curves":
        beside = [found.at(other, step.at) for other in step.shows if (other, step.at) in found.moments]
        note = CURVES_NOTE if snapshot.step else NO_CURVES
        return Figure(panel, name, "Through time", name, note, height, _curves(step, snapshot, beside, height))
    plot = examples(
        snapshot.inputs[:inputs],
        snapshot.code_maps[:inputs],
        snapshot.num_codes,
        reconstructions=snapshot.outputs[:inputs],
    )
    return Figure(panel, name, "Held-out inputs", where, "", height, plot)


def _plane(name: str, found: Record, bases: Mapping[str, FrozenBasis] | None) -> FrozenBasis:
    if bases is not None:
        return bases[name]
    return _basis([moment for (other, _), moment in found.moments.items() if other == name])


def _basis(moments: Sequence[Snapshot]) -> FrozenBasis:
    """One plane for all moments of the training, since only then does it show what moved."""
    return FrozenBasis.fit(np.concatenate([part for moment in moments for part in (moment.z_e, moment.codebook)]))


def _axis_titles(basis: FrozenBasis) -> tuple[str, str]:
    first, second = basis.explained_share
    return f"PC 1 · {first:.0%} of variance", f"PC 2 · {second:.0%} of variance"


def _arrows(snapshot: Snapshot, basis: FrozenBasis) -> dict[str, Any]:
    """Where there is no map yet, c_raw is c."""
    codes = basis.project(snapshot.codebook)
    raw = codes if snapshot.raw_codebook is None else basis.project(snapshot.raw_codebook)
    return arrows(raw, codes, basis.project(snapshot.z_e), _axis_titles(basis))


def _toy(seed: int, height: int) -> Figure:
    runs = {title: fixed_points(seed, affine=affine) for title, affine in (("no map", False), ("map", True))}
    rows = [
        Toy(title, run.points, [run.codes[at] for at in TOY_MOMENTS], [run.moved(at) for at in TOY_MOMENTS])
        for title, run in runs.items()
    ]
    note = f"Computed with seed {seed}: the points stay, and gradients of the commitment loss move the codes."
    return Figure("toy", "", "The paper's toy", "", note, height, toy(rows, TOY_MOMENTS))


def _map(snapshot: Snapshot, basis: FrozenBasis, counts: np.ndarray) -> dict[str, Any]:
    plane = Plane(
        p=basis.project(snapshot.z_e),
        c=basis.project(snapshot.codebook),
        codes=snapshot.codes,
        counts=counts,
        axis_titles=_axis_titles(basis),
        keeps_distances=True,
    )
    plot = pcq_map(plane)
    for trace in plot["data"]:  # a browser has WebGL for a handful of plots, and a lesson has more
        trace["type"] = "scatter"
    for axis, positions in (("xaxis", 0), ("yaxis", 1)):
        plot["layout"][axis]["range"] = _reach(plane, positions)
    return plot


def _reach(plane: Plane, axis: int) -> list[float]:
    """The range that holds all of P and C: said, since a chart nobody points at is drawn again only for new axes."""
    positions = np.concatenate([plane.p[:, axis], plane.c[:, axis]])
    low, high = float(positions.min()), float(positions.max())
    room = ROOM * (high - low) or 1.0
    return [low - room, high + room]


def _curves(step: Step, snapshot: Snapshot, beside: Sequence[Snapshot], height: int) -> dict[str, Any]:
    """The curves of `snapshot`, with axes that also cover those `beside` it."""
    looks = _looks(step)

    def line(label: str, quantity: str, colour: str) -> Line:
        return _line(label, curve(snapshot, quantity, looks), colour)

    losses, *means = (
        [curve(other, name, looks).values for other in beside] for name in (LOSS, "p_mean_norm", "c_mean_norm")
    )
    panels = [
        CurvePanel(title="task loss", log=True, beside=losses, curves=[line("task loss", LOSS, role("text"))]),
        CurvePanel(
            title="distance",
            beside=[values for of_one in means for values in of_one],
            curves=[line("mean of P", "p_mean_norm", role("P")), line("mean of C", "c_mean_norm", role("C"))],
        ),
    ]
    markers = [Marker(step=event.step, label=event_words(event)) for event in snapshot.events]
    return curves(panels, markers, smoothing=1, last_step=snapshot.step, height=height)


def _compare(step: Step, found: Record, reached: Sequence[str], height: int) -> Figure:
    """Trainings side by side, or one alone: what claims read of them, through time."""
    moments = {name: found.at(name, step.at) for name in reached}
    looks = _looks(step)
    panels = [
        CurvePanel(
            title=title,
            log=True,
            curves=[
                _line(name, curve(one, quantity, looks), variant_colour(place), DASHES[place])
                for place, name in enumerate(step.shows)
                if (one := moments.get(name)) is not None
            ],
        )
        for title, quantity in (("codes in use", IN_USE), ("task loss", LOSS))
    ]
    last = max(one.step for one in moments.values())
    marks = {event.step: Marker(step=event.step, label="") for one in moments.values() for event in one.events}
    plot = curves(panels, list(marks.values()), smoothing=1, last_step=last, height=height)
    plot["layout"]["margin"]["r"] = 14 + PIXELS_A_LETTER * max(map(len, step.shows))
    title = "Side by side" if len(step.shows) > 1 else "Through time"
    vectors = len(next(iter(moments.values())).codes)
    groups = " in the first group" if any(len(one.levels) > 1 for one in moments.values()) else ""
    note = f"Of held-out inputs at each moment: codes nearest to any of {vectors:,} vectors{groups}, and task loss."
    return Figure("compare", "", title, "", note if last else NO_CURVES, height, plot)


def _looks(step: Step) -> set[int]:
    """The steps at which this step of the lesson looks at its trainings."""
    return {0, step.at, *(looked_at for _, looked_at in step.reads)}


def _line(label: str, points: Curve, colour: str, dash: str = "solid") -> Line:
    one = np.ones_like(points.steps)
    finite = np.isfinite(points.values).astype(np.int64)
    values = (points.values, points.values, points.values)
    return replace(curve_of(label, (points.steps, one, finite, *values), colour, dash), is_held_out=True)
