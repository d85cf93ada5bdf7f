"""The parts of the Live page, by the key of the element that shows each."""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
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
from app.panels.examples_chart import examples_chart, plane_rows, plane_said
from app.panels.experiments_reading import strip_of
from app.panels.markup import markup
from app.panels.readings import headline, status_line_of
from app.panels.scene import Scene
from app.panels.story_reading import account_of, story_html
from app.panels.verdict_words import recipe_then, verdict_of, why
from vqcore.diagnostics.code_facts import code_facts
from vqcore.projection.service import ProjectionService
from vqcore.training.commands import ExamineCommand
from vqcore.training.status import State, Status

NO_VERDICT = "<p>This moment has not been judged yet.</p>"


@dataclass(frozen=True, slots=True)
class Part:
    """What one element shows."""

    revision: str
    """Equal if the element has nothing new to show."""

    make: Callable[[], Any]
    """What the browser is sent for it."""

    is_shared: bool = False
    """Whether a revision is the same for all who watch the session, and worth keeping."""


def small_part(value: Any) -> Part:
    """A part whose content is its own revision, since it is cheap to make."""
    text = json.dumps(value, separators=(",", ":"), default=str)
    return Part(hashlib.blake2b(text.encode(), digest_size=9).hexdigest(), lambda: value)


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
        if f"{name}-plot" in wanted and (chart := make_chart()) is not None:
            made[f"{name}-plot"] = _plot(chart)
            made[f"{name}-said"] = said_part(chart.said, chart.warning)
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


def said_part(said: Sequence[str], warning: str = "") -> Part:
    """The line below a chart; a warning stands out at its end."""
    return html_part(markup("said", sentences=said, warning=warning))


def html_part(html: str) -> Part:
    """Words with markup made by this server."""
    return small_part({"html": html})


def status_part(line: StatusLine) -> Part:
    """The status in one line."""
    return small_part(asdict(line))


def status_of(status: Status, *, is_followed: bool) -> StatusLine:
    """The line in the head of the page; which step is shown, the story says."""
    facts = ["following a session"] if is_followed else []
    if status.state is State.RUNNING:
        facts.append(f"{status.steps_per_second:.0f} steps/s")
    return status_line_of(status, facts)


def _status(scene: Scene, _: ProjectionService) -> Part:
    return status_part(status_of(scene.status, is_followed=scene.entry.is_followed))


def _tiles(scene: Scene, _: ProjectionService) -> Part:
    return small_part(tile_data(headline(scene.snapshot, scene.problem, scene.words)))


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


def _table(scene: Scene, _: ProjectionService) -> Part | None:
    if scene.problem.task != "plane":
        return None
    return html_part(markup("rows_table", rows=plane_rows(scene), said=plane_said(scene)))


def _card(scene: Scene, _: ProjectionService) -> Part | None:
    code = scene.focus.choice.code
    if code is None:
        return None
    examination = scene.entry.one.examination(ExamineCommand(code, scene.snapshot.level))
    facts = code_facts(scene.snapshot, code)
    return small_part(card_data(card(facts, examination, scene.snapshot, scene.problem)))


def _card_said(_scene: Scene, _: ProjectionService) -> Part:
    return said_part(["Click a nearest code to open its card."])


GROUPS: Mapping[str, Callable[[Scene, ProjectionService], Part | None]] = {
    "status": _status,
    "tiles": _tiles,
    "time-bar": _time_bar,
    "story": _story,
    "experiments": _experiments,
    "verdict-cause": _why,
    "map-progress": _progress,
    "examples-table": _table,
    "code-card": _card,
    "card-said": _card_said,
}
"""Panels without a caption; the charts come with theirs."""
