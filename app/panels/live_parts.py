"""The parts of the Live page, by the key of the element that shows each."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from typing import Any

from app.live_plot.code_card import card_data
from app.live_plot.component import plot_part
from app.live_plot.experiments import strip_data
from app.live_plot.tiles import Status as StatusLine
from app.live_plot.tiles import tile_data
from app.live_plot.time_bar import bar_data
from app.panels.bars_chart import bars_chart
from app.panels.card_reading import card
from app.panels.chart import Chart
from app.panels.charts import curves_chart, map_chart
from app.panels.earlier_runs import earlier_key, earlier_run, earlier_traces, unquantized_loss
from app.panels.examples_chart import examples_chart, plane_rows, plane_said
from app.panels.experiments_reading import strip_of
from app.panels.map_inputs import inputs_part
from app.panels.markup import markup
from app.panels.part import Part, html_part, said_part, small_part
from app.panels.picture import picture_parts
from app.panels.readings import headline, status_line_of
from app.panels.scene import Scene
from app.panels.story_reading import account_of, story_html
from app.panels.transport_part import transport_part
from app.panels.verdict_words import recipe_then, verdict_of, why
from app.sessions.films import films
from vqcore.diagnostics.code_facts import code_facts
from vqcore.projection.service import ProjectionService
from vqcore.training.commands import ExamineCommand
from vqcore.training.status import State, Status

NO_VERDICT = "<p>This moment has not been judged yet.</p>"


def parts_of(scene: Scene, wanted: Collection[str], projection: ProjectionService) -> dict[str, Part]:
    """Those parts that are `wanted` and that the scene has."""
    made = {key: part for key, make in GROUPS.items() if key in wanted for part in (make(scene, projection),) if part}
    charts: Mapping[str, Callable[[], Chart | None]] = {
        "map": lambda: map_chart(scene, projection, judges=False),
        "bars": lambda: bars_chart(scene),
        "curves": lambda: curves_chart(scene),
        "examples": lambda: None if scene.problem.task == "plane" else examples_chart(scene),
    }
    for name, make_chart in charts.items():
        plot, said = f"{name}-plot", f"{name}-said"
        if not {plot, said}.isdisjoint(wanted) and (chart := make_chart()) is not None:
            if plot in wanted:
                made[plot] = _plot(chart)
            made[said] = said_part(chart.said, chart.warning)
    if "picture" in wanted:
        made |= picture_parts(scene, projection, with_places="picture-places" in wanted)
    return made


def _plot(chart: Chart) -> Part:
    def make() -> dict[str, Any]:
        return plot_part(
            chart.drawing(),
            revision=chart.revision,
            file_name=chart.file_name,
            selectable=chart.selectable,
            selected=chart.selected,
            is_late=chart.is_late,
        )

    return Part(chart.revision, make, is_shared=True)


def status_part(line: StatusLine) -> Part:
    """The status in one line."""
    return small_part(asdict(line))


def status_of(status: Status, *, is_followed: bool) -> StatusLine:
    """The line in the head of the page; which step is shown, the story says."""
    facts = ["following a session"] if is_followed else []
    if status.state is State.RUNNING:
        limit = "" if status.speed_limit is None else f", at most {status.speed_limit:g}"
        facts.append(f"{status.steps_per_second:.0f} steps/s{limit}")
    return status_line_of(status, facts)


def _status(scene: Scene, _: ProjectionService) -> Part:
    return status_part(status_of(scene.status, is_followed=scene.entry.is_followed))


def _tiles(scene: Scene, _: ProjectionService) -> Part:
    return small_part(tile_data(headline(scene.snapshot, scene.problem, scene.words, unquantized_loss(scene))))


def _time_bar(scene: Scene, _: ProjectionService) -> Part:
    newest = scene.newest
    return small_part(
        bar_data(
            [(moment.step, moment.seconds) for moment in scene.entry.one.moments()],
            newest=newest.step,
            shown=scene.cursor,
            marks=[event.step for event in newest.events],
        )
    )


def _story(scene: Scene, _: ProjectionService) -> Part:
    return html_part(story_html(account_of(scene)))


def _experiments(scene: Scene, _: ProjectionService) -> Part:
    return small_part(strip_data(strip_of(scene)))


def _why(scene: Scene, _: ProjectionService) -> Part:
    verdict = verdict_of(scene)
    return html_part(NO_VERDICT if verdict is None else why(verdict, recipe_then(scene), scene.snapshot))


def _progress(scene: Scene, projection: ProjectionService) -> Part:
    stream = scene.entry.stream(scene.snapshot.level, is_past=scene.cursor is not None)
    return progress_part(projection, stream, is_shown=scene.view.controls["map"] == "UMAP")


def progress_part(projection: ProjectionService, stream: str, *, is_shown: bool) -> Part:
    """How far the layout of `stream` is; empty while none is made, or where the map does not show UMAP."""
    if is_shown and projection.has_stopped:
        return small_part({"id": "stopped", "share": None, "said": "UMAP has stopped."})
    progress = projection.progress(stream) if is_shown else None
    if progress is None:
        return small_part({"id": None})
    said = f"UMAP, epoch {progress.done} of {progress.total}" if progress.done else "UMAP, finding neighbours"
    return small_part({"id": progress.id, "share": progress.done / progress.total, "said": said})


def _film(scene: Scene, _: ProjectionService) -> Part | None:
    job = films().of(scene.entry.id)
    return None if job is None else html_part(markup("progress", said=job.stage.doing, share=job.stage.share))


def _table(scene: Scene, _: ProjectionService) -> Part | None:
    if scene.problem.task != "plane":
        return None
    return html_part(markup("rows_table", rows=plane_rows(scene), said=plane_said(scene)))


def _behind(scene: Scene, _: ProjectionService) -> Part:
    """An earlier run's curves: a part of their own, which is sent once."""
    earlier = earlier_run(scene)
    revision = f"{scene.entry.watch_id} {earlier_key(scene, earlier)}"
    return Part(
        revision,
        lambda: {"traces": earlier_traces(scene, earlier), "revision": revision},
        is_shared=earlier is not None,
    )


def _card(scene: Scene, _: ProjectionService) -> Part | None:
    code = scene.focus.choice.code
    if code is None:
        return None
    query = ExamineCommand(code, scene.snapshot.level)
    examination = scene.entry.one.examination(
        query, until=scene.newest.step
    )  # the training is ahead of what is shown
    facts = code_facts(scene.snapshot, code)
    return small_part(card_data(card(facts, examination, scene.snapshot, scene.problem)))


def _card_said(_scene: Scene, _: ProjectionService) -> Part:
    return said_part(["Click a nearest code to open its card."])


GROUPS: Mapping[str, Callable[[Scene, ProjectionService], Part | None]] = {
    "status": _status,
    "transport": lambda scene, _: transport_part(scene.entry.session, scene.status),
    "tiles": _tiles,
    "time-bar": _time_bar,
    "story": _story,
    "experiments": _experiments,
    "verdict-cause": _why,
    "map-progress": _progress,
    "curves-behind": _behind,
    "map-inputs": lambda scene, _: inputs_part(scene),
    "examples-table": _table,
    "film-said": _film,
    "code-card": _card,
    "card-said": _card_said,
}
"""Panels without a caption; the charts come with theirs."""
