"""The Live page as one HTML file that works from disk, without server or network.

The page's own panels provide what they drew, so that the file shows the same and nothing is
computed twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from app.links.command_line import command
from app.live_plot.browser_code import LIVE_PLOT, STATUS, TILES, as_it_stands, javascript
from app.live_plot.encoding import plot_data
from app.live_plot.plotly_script import script_text
from app.live_plot.tiles import Status, Tile, tile_data
from app.panels.still_picture import Still
from vqcore.markup import template
from vqcore.snapshot import Event
from vqcore.training.recipe import Recipe, settings_of, written

HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenPanel:
    """One panel as it was drawn: a figure, or else images or a table."""

    title: str
    caption: str
    figure: Mapping[str, Any] | None = None
    height: int = 0
    """Height of the figure in pixels."""

    file_name: str = ""
    stills: Sequence[Still] = ()
    credit: str = ""
    """Whose images they are."""

    rows: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenPage:
    """The whole page at one moment."""

    recipe: Recipe
    """Settings that the session began with; switches thrown since are among the events."""

    step: int
    status: Status
    story: str
    """What happened, in one sentence."""

    tiles: Sequence[Tile]
    panels: Mapping[str, SeenPanel]
    events: Sequence[Event]
    message: str = ""


def page_html(seen: SeenPage, saved: datetime) -> str:
    """The page in one file, as text of some 5 MB, nearly all of it Plotly's script."""
    elements = {"tiles": TILES, "status": STATUS, "plots": LIVE_PLOT}
    return template(HERE / "page_export.html.j2").render(
        title=f"VQ Scope · {seen.recipe.problem}, step {seen.step:,}",
        style="\n".join([_style(), *map(as_it_stands, ("live_plot.css", "tiles.css", "status.css"))]),
        saved=f"{saved:%Y-%m-%d %H:%M}",
        page=seen,
        command=command(seen.recipe, seen.events, seen.step),
        settings=_settings(seen.recipe),
        seen=_elements(seen),
        plotly=script_text(),
        elements={kind: javascript(*files) for kind, files in elements.items()},
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


def _settings(recipe: Recipe) -> dict[str, str]:
    values = {
        name: getattr(recipe, name) for name in ("problem", "seed", "device", *settings_of(recipe.problem))
    } | asdict(recipe.options)
    return {name: written(value) for name, value in values.items()}


def _style() -> str:
    return (HERE / "page_export.css").read_text(encoding="utf-8")
