"""The Live page as one HTML file that works from disk, without server or network.

The page's own panels provide what they drew, so that the file shows the same and nothing is
computed twice.
"""

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from app.links.command_line import command
from app.live_plot.browser_code import LIVE_PLOT, STATUS, TILES, as_it_stands, javascript
from app.live_plot.encoding import plot_data
from app.live_plot.plotly_script import script_text
from app.live_plot.tiles import Status, Tile, tile_data
from vqcore.snapshot import Event
from vqcore.training.recipe import SETTINGS, Recipe, written

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline';
  style-src 'unsafe-inline'; img-src data: blob:">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
{style}
</style>
<header><h1>{title}</h1><span class="muted">saved {saved}</span><div id="status"></div></header>
{message}
<div id="tiles"></div>
<main id="panels">
{panels}
</main>
<h2>Repeat it</h2>
<pre>{command}</pre>
<h2>Switches thrown</h2>
{events}
<h2>Settings it began with</h2>
<dl id="settings">{settings}</dl>
<script type="application/json" id="seen">{seen}</script>
<script>{plotly}</script>
<script>
const SEEN = JSON.parse(document.getElementById("seen").textContent);
window.vqScopePlotly = Promise.resolve(window.Plotly);
function whenSeen(show) {{
  show();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
}}
</script>
{elements}
</html>
"""

ELEMENT = """<script type="module">
{script}
whenSeen(() => {{
  for (const [id, data] of Object.entries(SEEN.{kind})) {{
    mount({{ data, parentElement: document.getElementById(id), setStateValue() {{}} }});
  }}
}});
</script>"""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenPanel:
    """One panel as it was drawn: a figure, or else a table."""

    title: str
    caption: str
    figure: Mapping[str, Any] | None = None
    height: int = 0
    """Height of the figure in pixels."""

    file_name: str = ""
    rows: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenPage:
    """The whole page at one moment."""

    recipe: Recipe
    """Settings that the session began with; switches thrown since are among the events."""

    step: int
    status: Status
    tiles: Sequence[Tile]
    panels: Mapping[str, SeenPanel]
    events: Sequence[Event]
    message: str = ""


def page_html(seen: SeenPage, saved: datetime) -> str:
    """The page in one file, as text of some 5 MB, nearly all of it Plotly's script."""
    return PAGE.format(
        title=html.escape(f"VQ Scope · {seen.recipe.problem}, step {seen.step:,}"),
        style="\n".join([_here("page_export.css"), *map(as_it_stands, ("live_plot.css", "tiles.css", "status.css"))]),
        saved=html.escape(f"{saved:%Y-%m-%d %H:%M}"),
        message=f'<p class="message">{html.escape(seen.message)}</p>' if seen.message else "",
        panels="\n".join(_panel(name, panel) for name, panel in seen.panels.items()),
        command=html.escape(command(seen.recipe, seen.events, seen.step)),
        events=_table([{"before step": event.step + 1, "what": event.label} for event in seen.events]),
        settings=_settings(seen.recipe),
        seen=_json(_elements(seen)),
        plotly=_script(script_text()),
        elements="\n".join(
            ELEMENT.format(script=_script(javascript(*files)), kind=kind)
            for kind, files in {"tiles": TILES, "status": STATUS, "plots": LIVE_PLOT}.items()
        ),
    )


def _elements(seen: SeenPage) -> dict[str, Any]:
    """What each element is mounted with, by the id of its place."""
    return {
        "tiles": {"tiles": tile_data(seen.tiles)},
        "status": {"status": asdict(replace(seen.status, remark="when saved"))},
        "plots": {
            f"plot-{name}": {
                **plot_data(panel.figure),
                "fileName": panel.file_name or name,
                "height": panel.height,
                "revision": None,
            }
            for name, panel in seen.panels.items()
            if panel.figure is not None
        },
    }


def _panel(name: str, panel: SeenPanel) -> str:
    body = _table(panel.rows) if panel.figure is None else f'<div id="plot-{html.escape(name)}"></div>'
    return (
        f'<section><b>{html.escape(panel.title)}</b><div class="scroll">{body}</div>'
        f"<p>{html.escape(panel.caption)}</p></section>"
    )


def _settings(recipe: Recipe) -> str:
    values = {name: getattr(recipe, name) for name in ("problem", "seed", "device", *SETTINGS)} | asdict(
        recipe.options
    )
    return "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(written(value))}</dd></div>"
        for name, value in values.items()
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return '<p class="muted">None.</p>'
    lines = [_line(rows[0], "th"), *(_line(row.values(), "td") for row in rows)]
    return f"<table>{''.join(lines)}</table>"


def _line(cells: Iterable[Any], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{html.escape(str(cell))}</{tag}>' for cell in cells)}</tr>"


def _json(value: Any) -> str:
    """JSON in which no tag can begin."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def _script(text: str) -> str:
    """JavaScript in which the browser finds no closing script tag; within its strings, a slash may be escaped."""
    return text.replace("</script", "<\\/script")


def _here(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
