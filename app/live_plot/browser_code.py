"""The browser's side of the elements, read once from the files beside this one."""

import json
from pathlib import Path

from app.theme import PALETTES

HERE = Path(__file__).parent

LIVE_PLOT = (
    "palette.js",
    "app_root.js",
    "plotly_loader.js",
    "numbers.js",
    "selection.js",
    "steady_axes.js",
    "log_ticks.js",
    "painting.js",
    "unseen.js",
    "chart_files.js",
    "log_cells.js",
    "legend_lines.js",
    "hover_input.js",
    "escape.js",
    "space.js",
    "skip_link.js",
    "scheme.js",
    "live_plot.js",
)
TILES = ("palette.js", "spark.js", "tiles.js")
STATUS = ("palette.js", "status.js")
"""The files of each element; each defines `mount({ data, parentElement, setStateValue })`."""

PLACED = ("stage.js", "placed.js")
"""What makes a component of an element: its data come with the script or by the live WebSocket."""


def javascript(*names: str) -> str:
    """One module made of the named files in order, with the palettes as its first line."""
    palettes = f"const PALETTES = {json.dumps(PALETTES)};"
    return "\n".join([palettes, *((HERE / name).read_text(encoding="utf-8") for name in names)])


def as_it_stands(name: str) -> str:
    """The text of one file: a style sheet, or a script that needs no palette."""
    return (HERE / name).read_text(encoding="utf-8")
