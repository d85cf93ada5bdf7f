"""The browser's side of the picture, put together from the files beside this one."""

from pathlib import Path

from app.theme import DARK, LIGHT

HERE = Path(__file__).parent
MODULES = (
    "geometry.js",
    "path_data.js",
    "svg.js",
    "wording.js",
    "plane.js",
    "strips.js",
    "legend.js",
    "player.js",
    "timeline.js",
    "trajectory_plot.js",
)


def javascript(*more: str) -> str:
    """One script that defines `mount(node, data, callbacks)`, followed by the files in `more`."""
    return "\n".join((HERE / name).read_text(encoding="utf-8") for name in (*MODULES, *more))


def stylesheet() -> str:
    """The style sheet, with every colour role as a variable that follows the page's colour scheme."""
    colours = "".join(f"--vq-{name}: light-dark({LIGHT[name]}, {DARK[name]});" for name in LIGHT)
    return f".vq-traj {{{colours}}}\n" + (HERE / "trajectory_plot.css").read_text(encoding="utf-8")
