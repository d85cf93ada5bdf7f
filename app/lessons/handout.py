"""One lesson on one seed as an HTML file that opens anywhere: from disk, with no server and no network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from app.glossary import Piece, pieces
from app.lessons.links import try_it_link
from app.live_plot.browser_code import javascript
from app.live_plot.encoding import encode
from app.live_plot.plotly_script import script_text
from app.panels.lesson_figures import IN_A_PLANE, Figure, step_figures
from app.sessions.lesson_plane import planes_walked
from app.trajectory_plot.browser_code import javascript as paths_javascript
from app.trajectory_plot.browser_code import stylesheet as paths_stylesheet
from app.trajectory_plot.picture import picture
from demos.lesson import Lesson, Step
from demos.mathml import mathml
from demos.record import Record
from demos.running import Examined, answer, numbers_here, table_of
from vqcore.markup import template
from vqcore.projection.pca import FrozenBasis

HERE = Path(__file__).parent
SERVER = "http://localhost:8501"
"""Where `vqscope` serves by default."""


Planes = Mapping[str, Mapping[int, FrozenBasis]]
"""By training and moment."""


class _Part(NamedTuple):
    """One step, as the page tells it."""

    step: Step
    figures: list[Figure]
    has_paths: bool
    answer: str
    """To its question; empty without one."""

    examined: list[Examined]
    words: list[Piece]
    """Of the text, with the glossary's terms."""

    mathml: str
    """The formula, which browsers render by themselves; empty where there is none, or none made of it yet."""

    numbers: list[str]
    """Of the formula, in this run."""

    table: list[tuple[str, ...]]
    """Of the trainings shown; empty without one."""


def lesson_html(lesson: Lesson, found: Record, examined: Sequence[Examined]) -> str:
    """The whole page: every step with its figures, its question and what its claims found."""
    shown = {name for step in lesson.steps if set(IN_A_PLANE) & set(step.panels) for name in step.shows}
    planes = {name: planes_walked(name, lesson.trainings[name], found) for name in shown if lesson.trainings}
    parts = [_part(number, step, found, examined, planes) for number, step in enumerate(lesson.steps, start=1)]
    figures = [_drawn(figure) for part in parts for figure in part.figures]
    paths = [encode(_picture(part.step, found)) for part in parts if part.has_paths]
    path, query = try_it_link(lesson.try_it, found.seed)
    return template(HERE / "handout.html.j2").render(
        lesson=lesson,
        seed=found.seed,
        parts=parts,
        link=f"{SERVER}/{path}?{urlencode(query)}",
        style="".join((HERE / name).read_text(encoding="utf-8") for name in ("handout.css", "words.css"))
        + (paths_stylesheet() if paths else ""),
        figures=figures,
        paths=paths,
        plotly=script_text() if figures else "",
        script=javascript("palette.js", str(HERE / "handout.js")),
        paths_script=paths_javascript(str(HERE / "handout_paths.js")),
    )


def _part(number: int, step: Step, found: Record, examined: Sequence[Examined], planes: Planes) -> _Part:
    bases = {name: planes[name][step.at] for name in step.shows if step.at in planes.get(name, {})}
    return _Part(
        step,
        step_figures(step, found, bases=bases),
        "paths" in step.panels and found.setting is not None,
        "" if step.question is None else answer(number, step, step.question, found),
        [each for each in examined if each.number == number],
        [*pieces(step.text)],
        "" if step.formula is None else mathml(step.formula.latex),
        numbers_here(step, found),
        table_of(step, found),
    )


def _drawn(figure: Figure) -> dict[str, Any]:
    drawn: dict[str, Any] = encode({"data": figure.plot["data"], "layout": figure.plot["layout"]})
    return drawn


def _picture(step: Step, found: Record) -> dict[str, Any]:
    assert found.setting is not None
    return picture(found.setting, [found.paths[name] for name in step.shows], focus=step.shows[0])
