"""The picture as one HTML file that plays anywhere: from disk, with no server and no network."""

from collections.abc import Sequence
from pathlib import Path as File

from app.trajectory_plot.browser_code import javascript, stylesheet
from app.trajectory_plot.picture import picture
from vqcore.markup import template
from vqcore.trajectories.path import Path
from vqcore.trajectories.setting import Setting


def standalone_html(setting: Setting, paths: Sequence[Path]) -> str:
    """A whole page with the paths, playable as on the dashboard; starts and codes cannot be dragged."""
    return template(File(__file__).with_name("standalone.html.j2")).render(
        title=f"Paths over {setting.surface.title}, seed {setting.seed}",
        style=stylesheet(),
        data=picture(setting, paths),
        script=javascript(),
    )
