"""The page that a view shows, gathered for saving as a file."""

from dataclasses import replace

from app.links.live_view import View
from app.panels.bars_chart import bars_chart
from app.panels.chart import Chart
from app.panels.charts import curves_chart, map_chart
from app.panels.earlier_runs import earlier_run, earlier_traces, unquantized_loss
from app.panels.examples_chart import examples_chart, examples_title, plane_rows, plane_said
from app.panels.live_parts import status_of
from app.panels.page_export import SeenPage, SeenPanel
from app.panels.picture import Pictured, pictured
from app.panels.picture_parts import said_of, used_of
from app.panels.readings import headline
from app.panels.scene import Scene, scene_of
from app.panels.still_picture import stills
from app.panels.story_reading import account_of, story_text
from app.panels.verdict_words import read_verdict
from app.sessions.entry import Entry
from app.sessions.registry import registry


def seen_page(entry: Entry, view: View) -> SeenPage:
    """All of the page as it is now.

    Raises:
        ValueError: before the first moment of the session.
    """
    with entry.maps.drawing:
        scene = scene_of(entry, view)
        if scene is None:
            raise ValueError("There is nothing to save before the first moment of the session. Try again.")
        read_verdict(scene)
        panels = {
            "map": _panel(map_chart(scene, registry().projection)),
            "bars": _panel(bars_chart(scene)),
            "curves": _curves(scene),
        }
        if not scene.shows_card:
            panels["examples"] = _examples(scene)
    return SeenPage(
        recipe=scene.entry.one.recipe,
        step=scene.snapshot.step,
        status=status_of(scene.status, is_followed=scene.entry.is_followed),
        story=story_text(account_of(scene)),
        tiles=headline(scene.snapshot, scene.problem, scene.words, unquantized_loss(scene)),
        panels=panels,
        events=scene.snapshot.events,
        message=scene.status.message,
    )


def _curves(scene: Scene) -> SeenPanel:
    """With those of an earlier run, which on the page come by themselves."""
    panel, behind = _panel(curves_chart(scene)), earlier_traces(scene, earlier_run(scene))
    assert panel.figure is not None
    return replace(panel, figure={**panel.figure, "data": [*behind, *panel.figure["data"]]})


def _panel(chart: Chart) -> SeenPanel:
    return SeenPanel(
        title=chart.title,
        caption=chart.caption,
        figure=chart.drawing(),
        height=chart.height,
        file_name=chart.file_name,
    )


def _examples(scene: Scene) -> SeenPanel:
    if scene.problem.task == "plane":
        return SeenPanel(title=examples_title(scene), caption=plane_said(scene), rows=plane_rows(scene))
    if scene.shows_picture and (shown := pictured(scene, scene.snapshot, beside=False)) is not None:
        return _picture(scene, shown)
    return _panel(examples_chart(scene))


def _picture(scene: Scene, shown: Pictured) -> SeenPanel:
    """What the picture shows of this run, as images."""
    subject, snapshot, problem = shown.subject, shown.snapshot, scene.problem
    of = snapshot.monitor_of // snapshot.vectors_per_input
    said = [f"step {subject.step:,}", *used_of(subject, snapshot.num_codes), "".join(said_of(subject, of))]
    credit = " ".join(filter(None, (problem.credit, problem.sources))) if subject.is_whole else ""
    return SeenPanel(
        title="Picture", caption=" · ".join(said), stills=stills(subject, snapshot.num_codes), credit=credit
    )
