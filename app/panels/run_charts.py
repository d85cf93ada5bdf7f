"""The charts of a run on disk: the Live page's map, usage and curves, of what was recorded."""

# M sampled vectors, K codes, T recorded steps

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import escape
from numpy.typing import NDArray

from app.figures.code_bars import usage_bars
from app.figures.curves import Curve, Panel, curves
from app.figures.pcq_map import Plane, pcq_map
from app.figures.side_by_side import DASHES, variant_colour
from app.figures.switch_marks import Marker
from app.figures.usage_map import usage_map
from app.panels.chart import LOWER
from app.panels.run_scene import RunScene
from app.sessions.recorded_run import News
from app.theme import layout, role
from vqcore.files.errors import shown
from vqcore.runs.reading import RecordedCodebook, Run

COMPARED_HEIGHT = 420
SMOOTHING = 1
NOTHING: dict[str, Any] = {"data": [], "layout": layout(), "alt": "Nothing was recorded for this chart."}


def map_figure(scene: RunScene, book: RecordedCodebook) -> dict[str, Any]:
    """P, C and Q in the plane of most variance, which is kept from turning under the reader."""
    table, z_e, codes = finite(book)
    points = np.concatenate([z_e, table[np.isfinite(table).all(1)]])
    if len(points) == 0:
        return NOTHING
    basis, fitted_at = scene.opened.plane(scene.name, scene.step, points)
    first, second = basis.explained_share
    plane = Plane(
        p=basis.project(z_e) if len(z_e) else np.empty((0, 2), dtype=np.float32),
        c=basis.project(table),
        codes=codes,
        counts=counts_of(book),
        axis_titles=(f"PC 1 · {first:.0%} of variance", f"PC 2 · {second:.0%} of variance"),
        keeps_distances=True,
    )
    return pcq_map(plane, revision=f"{scene.view.codebook} {fitted_at}")


def finite(book: RecordedCodebook) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """The table, and those of the sampled vectors that are finite, with their codes; −1 where none is known."""
    dim = book.table.shape[1]
    z_e = np.empty((0, dim), dtype=np.float32) if book.z_e is None else book.z_e
    codes = np.full(len(z_e), -1) if book.codes is None else book.codes
    there = np.isfinite(z_e).all(1)
    return book.table, z_e[there], codes[there].astype(np.int64)


def counts_of(book: RecordedCodebook) -> NDArray[np.int64]:
    """(K,) use at that step; zeros where it was not counted."""
    return np.zeros(len(book.table), dtype=np.int64) if book.counts is None else book.counts


def usage_figure(scene: RunScene, order: Any) -> dict[str, Any]:
    """The use of every code through time, a column from each kept step to the next."""
    counted = [
        (one.step, one.by_codebook[scene.name])
        for one in scene.news.usage
        if scene.name in one.by_codebook and len(one.by_codebook[scene.name]) == scene.num_codes
    ]
    if not counted:
        return NOTHING
    steps = np.array([step for step, _ in counted], dtype=np.int64)
    counts = np.stack([some for _, some in counted]).astype(np.float32)
    last = np.append(steps[1:] - 1, max(steps[-1], scene.run.lines[-1]["step"]))
    used = counts > 0
    born = np.where(used.any(0), steps[used.argmax(0)], -1)
    return usage_map(
        counts,
        steps,
        np.maximum(last, steps),
        born,
        counted[-1][1],
        order=order,
        marks=[event["step"] for event in scene.run.events],
        cursor=scene.cursor,
    )


def bars_figure(book: RecordedCodebook) -> dict[str, Any]:
    """How often each code was chosen at that step, most used first."""
    return usage_bars(counts_of(book), order="sorted", log=True)


def curves_figure(scene: RunScene, group: str) -> dict[str, Any]:
    """Loss, usage and errors through time, with a mark at every switch."""
    panels = [panel for panel in _panels(scene.run, scene.name, scene.num_codes, group) if panel.curves]
    if not panels:
        return NOTHING
    markers = [Marker(step=event["step"], label=in_a_chart(event["event"])) for event in scene.run.events]
    last = scene.run.lines[-1]["step"]
    return curves(panels, markers, smoothing=SMOOTHING, last_step=last, height=LOWER, cursor=scene.cursor)


def _panels(run: Run, codebook: str, num_codes: int, group: str) -> list[Panel]:
    if group == "error":
        return [
            Panel(
                title="",
                log=True,
                curves=_there(
                    recorded(run, "quantization_error", "‖z_e−z_q‖²", role("P"), codebook),
                    recorded(run, "relative_error", "relative", role("text"), codebook),
                ),
            ),
            Panel(title="", curves=_there(recorded(run, "mean_norm", "norm of C", role("C"), codebook))),
        ]
    return [
        Panel(
            title="",
            log=True,
            curves=_there(
                recorded(run, "loss", "loss", role("text")),
                recorded(run, "held_out_loss", "held-out loss", role("P")),
            ),
        ),
        Panel(
            title="",
            log=True,
            ends=(1.0, float(max(num_codes, 2))),
            curves=_there(
                recorded(run, "in_use", "in use", role("Q"), codebook),
                recorded(run, "perplexity", "perplexity", role("C"), codebook),
            ),
        ),
    ]


def compared_figure(runs: Sequence[News], names: Sequence[str], codebook: int) -> dict[str, Any]:
    """Loss, share of codes in use and relative error of several runs, each in its colour."""
    made: list[Panel] = []
    for title, key, log in (
        ("loss", "loss", True),
        ("share in use", "in_use", False),
        ("relative error", "relative_error", True),
    ):
        lines = []
        for place, (news, name) in enumerate(zip(runs, names, strict=True)):
            if news.run is None or not news.run.codebooks:
                continue
            book = book_at(news.run, codebook)
            of = None if key == "loss" else str(book["name"])
            curve = recorded(news.run, key, in_a_chart(name), variant_colour(place), of, dash=DASHES[place])
            if curve is not None:
                lines.append(_share_of(curve, int(book["num_codes"])) if key == "in_use" else curve)
        made.append(Panel(title=title, log=log, curves=lines, ends=(0.0, 1.0) if key == "in_use" else None))
    made = [panel for panel in made if panel.curves]
    if not made:
        return NOTHING
    last = max(news.run.lines[-1]["step"] for news in runs if news.run is not None and news.run.lines)
    return curves(made, [], smoothing=SMOOTHING, last_step=last, height=COMPARED_HEIGHT)


def in_a_chart(text: object) -> str:
    """A name from a file as a chart's label, of which Plotly would understand some HTML.

    >>> in_a_chart("<b>x</b>")
    '&lt;b&gt;x&lt;/b&gt;'
    """
    return str(escape(shown(text)))


def book_at(run: Run, codebook: int) -> dict[str, Any]:
    """What `run.json` says of a codebook, counted from 1; of the last where there are fewer."""
    books: list[dict[str, Any]] = run.about["codebooks"]
    return books[min(max(1, codebook), len(books)) - 1]


def recorded(
    run: Run, key: str, label: str, colour: str, codebook: str | None = None, *, dash: str = "solid"
) -> Curve | None:
    """The line of a recorded number; None if it never was."""
    try:
        steps, values = run.curve(key, codebook)
    except KeyError:
        return None
    ones, drawn = np.ones_like(steps), values.astype(np.float32)
    return Curve(
        label=label,
        colour=colour,
        dash=dash,
        steps=steps,
        rows=ones,
        finite=np.isfinite(drawn).astype(np.int64),
        low=drawn,
        values=drawn,
        high=drawn,
    )


def _share_of(curve: Curve, num_codes: int) -> Curve:
    shares = (curve.values / num_codes).astype(np.float32)
    return Curve(
        label=curve.label,
        colour=curve.colour,
        dash=curve.dash,
        steps=curve.steps,
        rows=curve.rows,
        finite=curve.finite,
        low=shares,
        values=shares,
        high=shares,
    )


def _there(*found: Curve | None) -> list[Curve]:
    return [curve for curve in found if curve is not None]
