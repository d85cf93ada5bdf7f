"""One lesson on one seed as an HTML file that opens anywhere: from disk, without server or network."""

import html
import json
from pathlib import Path as File
from typing import Any
from urllib.parse import urlencode

import plotly

from app.live_plot.browser_code import javascript
from app.live_plot.encoding import encode
from app.trajectory_plot.browser_code import javascript as paths_javascript
from app.trajectory_plot.browser_code import stylesheet as paths_stylesheet
from app.trajectory_plot.picture import picture
from demos.figures import step_figures
from demos.lesson import Lesson, Note, Step
from demos.record import Record
from demos.running import Examined, answer

HERE = File(__file__).parent
SERVER = "http://localhost:8501"
"""Where `python -m app` serves by default."""


def lesson_html(lesson: Lesson, found: Record, examined: list[Examined]) -> str:
    """The whole page: every step with its figures, its question and what its claims found."""
    figures: list[dict[str, Any]] = []
    paths: list[dict[str, Any]] = []
    parts = []
    for number, step in enumerate(lesson.steps, start=1):
        mine = [each for each in examined if each.number == number]
        parts.append(_step(number, step, found, mine, _figures(step, found, figures, paths)))
    script = javascript("palette.js", str(HERE / "page.js"))
    return (
        (HERE / "page.html")
        .read_text(encoding="utf-8")
        .format(
            title=html.escape(lesson.title),
            about=html.escape(lesson.about),
            seed=found.seed,
            style=(HERE / "page.css").read_text(encoding="utf-8") + (paths_stylesheet() if paths else ""),
            steps="\n".join(parts),
            ending=_ending(lesson, found.seed),
            figures=_json(figures),
            plotly=_plotly() if figures else "",
            script=script,
            paths=_json(paths),
            paths_script=paths_javascript(str(HERE / "page_paths.js")) if paths else "",
        )
    )


def _figures(step: Step, found: Record, figures: list[dict[str, Any]], paths: list[dict[str, Any]]) -> str:
    """Places for the step's figures, whose contents are added to `figures` and `paths`."""
    places = []
    for figure in step_figures(step, found):
        places.append(
            f'<figure><div class="plot" style="height:{figure.height}px" role="img" '
            f'aria-label="{html.escape(figure.plot.get("alt", ""))}"></div>'
            f"<figcaption>{html.escape(figure.caption)}</figcaption></figure>"
        )
        figures.append({"data": figure.plot["data"], "layout": figure.plot["layout"]})
    if "paths" in step.panels and found.setting is not None:
        places.append('<div class="paths"></div>')
        paths.append(picture(found.setting, [found.paths[name] for name in step.shows]))
    return "".join(places)


def _step(number: int, step: Step, found: Record, examined: list[Examined], figures: str) -> str:
    findings = "".join(
        f'<p class="{"held" if each.finding and each.finding.held else "not"}">'
        f"{html.escape(each.finding.sentence() if each.finding else each.error)}</p>"
        for each in examined
    )
    body = f"{figures}{findings}"
    if step.question is not None:
        choices = "".join(f"<li>{html.escape(choice)}</li>" for choice in step.question.choices)
        right = html.escape(answer(number, step, step.question, found))
        body = (
            f"<p><b>{html.escape(step.question.asks)}</b></p><ul>{choices}</ul>"
            f"<details><summary>Reveal</summary><p>Here: <b>{right}</b></p>{body}</details>"
        )
    return f"<section><h2>{number} · {html.escape(step.title)}</h2><p>{html.escape(step.text)}</p>{body}</section>"


def _ending(lesson: Lesson, seed: int) -> str:
    path, query = lesson.try_it.link(seed)
    link = f"{SERVER}/{path}?{urlencode(query)}"
    return (
        f"<section><h2>Try it yourself</h2><p>{html.escape(lesson.try_it.text)}</p>"
        f'<p><a href="{html.escape(link)}">{html.escape(link)}</a> while <code>python -m app</code> runs.</p>'
        f"</section><section><h2>Known</h2>{_notes(lesson.known)}<h2>Contested</h2>{_notes(lesson.contested)}</section>"
    )


def _notes(notes: tuple[Note, ...]) -> str:
    return "".join(
        f'<p>{html.escape(note.text)} <a href="{html.escape(note.url)}">{html.escape(note.source)}</a></p>'
        for note in notes
    )


def _json(value: Any) -> str:
    """JSON for a script element, which a `</` inside would end."""
    return json.dumps(encode(value), separators=(",", ":"), ensure_ascii=False, allow_nan=False).replace("</", "<\\/")


def _plotly() -> str:
    return (File(plotly.__file__).parent / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
