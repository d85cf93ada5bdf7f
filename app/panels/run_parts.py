"""The parts of the Runs page, by the key of the element that shows each."""

from collections.abc import Callable, Collection
from dataclasses import asdict
from typing import Any

import numpy as np

from app.links.runs import RunView
from app.links.selection import CODE_ROLES
from app.live_plot.code_card import card_data
from app.live_plot.component import plot_part
from app.live_plot.tiles import tile_data
from app.live_plot.time_bar import bar_data
from app.panels.markup import markup
from app.panels.part import Part, html_part, said_part, small_part
from app.panels.run_card import run_card
from app.panels.run_charts import (
    NOTHING,
    bars_figure,
    book_at,
    compared_figure,
    curves_figure,
    finite,
    map_figure,
    usage_figure,
)
from app.panels.run_scene import RunScene, run_scene
from app.panels.run_words import findings_html, headline, status_of_run, story
from app.sessions.recorded_run import News, OpenedRuns
from app.wording import number
from vqcore.diagnostics.usage import enough_to_judge
from vqcore.files.errors import shown
from vqcore.runs.course import worst
from vqcore.runs.reading import as_number

NEVER_TOLD = "–"


def run_parts(opened: OpenedRuns, view: RunView, wanted: Collection[str]) -> dict[str, Part]:
    """Those parts that are `wanted`, of one run or of several beside each other."""
    made = _compared(opened, view) if len(opened.runs) > 1 else _single(opened, view)
    return {key: part for key, part in made.items() if key in wanted}


def _single(opened: OpenedRuns, view: RunView) -> dict[str, Part]:
    (run,) = opened.runs
    made = {"status": small_part(asdict(status_of_run(run.news)))}
    scene = run_scene(run, view)
    if scene is None:
        return made
    return made | {
        "run-story": html_part(story(scene)),
        "run-tiles": small_part(tile_data(headline(scene))),
        "run-time": _time_bar(scene),
        "run-findings": html_part(findings_html(scene)),
        **_card(scene),
        **_map(scene),
        **_bars(scene),
        **_curves(scene),
    }


def _card(scene: RunScene) -> dict[str, Part]:
    """Of the chosen code."""
    made = None if scene.view.code is None else run_card(scene, scene.view.code)
    return {} if made is None else {"run-card": small_part(card_data(made))}


def _time_bar(scene: RunScene) -> Part:
    """Playing follows the clock of the training."""
    told = {line["step"]: as_number(line.get("time")) or 0.0 for line in scene.run.lines}
    start, seconds = told[scene.steps[0]], 0.0
    moments = []
    for step in scene.steps:
        seconds = max(seconds, told[step] - start)  # a clock that jumps back stands still
        moments.append((step, seconds))
    marks = [event["step"] for event in scene.run.events]
    return small_part(bar_data(moments, newest=scene.steps[-1], shown=scene.cursor, marks=marks))


def _map(scene: RunScene) -> dict[str, Part]:
    sampled = "the step's first batch" if not scene.is_ours else "held-out inputs"

    def draw() -> dict[str, Any]:
        book = scene.codebook()
        return NOTHING if book is None else map_figure(scene, book)

    window = "in the last training batches" if scene.is_ours else "in this step"
    said = [f"P: z_e sampled from {sampled}", "plane: PCA", f"dead: not chosen {window}"]
    return _chart("run-map", scene, draw, said, is_clickable=True)


def _bars(scene: RunScene) -> dict[str, Part]:
    controls = scene.view.controls
    few = "" if enough_to_judge(int(scene.numbers.get("vectors") or 0), scene.num_codes) else ", too few to judge"

    def draw() -> dict[str, Any]:
        if controls["bars"] == "time":
            return usage_figure(scene, controls["rows"])
        book = scene.codebook()
        return NOTHING if book is None else bars_figure(book)

    if controls["bars"] == "time":
        said = f"each column from one kept step to the next, {len(scene.news.usage):,} of them"
        key = f"{controls['rows']} {len(scene.news.usage)} {scene.run.lines[-1]['step']}"
    else:
        said, key = f"chosen at step {scene.step:,}; {scene.vectors}{few}", ""
    return _chart(
        "run-bars", scene, draw, [said], f"{controls['bars']} {key}", is_clickable=controls["bars"] == "usage"
    )


def _curves(scene: RunScene) -> dict[str, Part]:
    group, newest = scene.view.controls["curves"], scene.run.lines[-1]["step"]
    said = [f"{len(scene.run.lines):,} recorded steps", scene.vectors]
    return _chart("run-curves", scene, lambda: curves_figure(scene, group), said, f"{group} {newest}")


def _chart(
    name: str,
    scene: RunScene,
    draw: Callable[[], dict[str, Any]],
    said: list[str],
    beside: str = "",
    *,
    is_clickable: bool = False,
) -> dict[str, Part]:
    code = scene.view.code if is_clickable else None
    revision = f"{scene.step} {scene.view.codebook} {scene.cursor} {code} {beside}"

    def make() -> dict[str, Any]:
        return plot_part(
            draw(),
            revision=revision,
            file_name=f"{name}-step-{scene.step}",
            selectable="click" if is_clickable else False,
            selected=_selected(scene, code) if is_clickable else None,
        )

    return {f"{name}-plot": Part(revision, make, is_shared=True), f"{name}-said": said_part(said)}


def _selected(scene: RunScene, code: int | None) -> dict[str, list[int]]:
    """Ids by role of what belongs to the code whose card is open."""
    book = scene.codebook()
    if code is None or book is None:
        return {}
    return {"P": np.flatnonzero(finite(book)[2] == code).tolist(), **{role: [code] for role in CODE_ROLES}}


def _compared(opened: OpenedRuns, view: RunView) -> dict[str, Part]:
    news, names = [run.news for run in opened.runs], [run.name for run in opened.runs]
    newest = [one.run.lines[-1]["step"] if one.run is not None and one.run.lines else None for one in news]
    revision = f"{newest} {view.codebook}"

    def make() -> dict[str, Any]:
        figure = compared_figure(news, names, view.codebook)
        return plot_part(figure, revision=revision, file_name="runs-compared")

    return {
        "runs-plot": Part(revision, make),
        "runs-table": html_part(
            markup(
                "runs_compared",
                rows=[
                    _row(place, name, one, view) for place, (name, one) in enumerate(zip(names, news, strict=True))
                ],
            )
        ),
    }


def _row(place: int, name: str, news: News, view: RunView) -> dict[str, Any]:
    told: dict[str, Any] = {
        "place": place,
        "name": shown(name),
        "state": NEVER_TOLD,
        "verdict": news.problem or "reading …",
    }
    run = news.run
    if run is None or not run.lines or not run.codebooks:
        return told | {"cells": [NEVER_TOLD] * 5, "severity": "unknown"}
    book, line = book_at(run, view.codebook), run.lines[-1]
    numbers = line["codebooks"].get(str(book["name"]), {})
    found = next((one.found for one in reversed(news.course) if one.found), None)
    severity, title = ("unknown", "not judged yet") if found is None else _verdict(found)
    values = [line.get("loss"), numbers.get("perplexity"), numbers.get("relative_error")]
    in_use = numbers.get("in_use", NEVER_TOLD)
    return told | {
        "state": run.state,
        "cells": [f"{line['step']:,}", f"{in_use} of {book['num_codes']:,}", *(_number(one) for one in values)],
        "severity": severity,
        "verdict": title,
    }


def _verdict(found: Any) -> tuple[str, str]:
    _, finding = worst(found)
    return finding.severity, finding.title


def _number(value: Any) -> str:
    known = as_number(value)
    return NEVER_TOLD if known is None else number(known)
