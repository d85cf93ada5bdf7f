"""The picture as one HTML file that plays anywhere: from disk, with no server and no network."""

import html
import json
from collections.abc import Sequence

from app.trajectory_plot.browser_code import javascript, stylesheet
from app.trajectory_plot.picture import picture
from vqcore.trajectories.path import Path
from vqcore.trajectories.setting import Setting

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; background: light-dark(#FFFFFF, #10141B); }}
body {{ margin: 1rem auto; padding: 0 1rem; max-width: 1180px; font-family: system-ui, sans-serif; }}
h1 {{ font-size: 1.1rem; color: light-dark(#1A1F29, #E8ECF1); }}
{style}
</style>
<h1>{title}</h1>
<main id="picture"></main>
<script type="application/json" id="data">{data}</script>
<script type="module">
{script}
mount(document.getElementById("picture"), JSON.parse(document.getElementById("data").textContent));
</script>
</html>
"""


def standalone_html(setting: Setting, paths: Sequence[Path]) -> str:
    """A complete page with the paths, playable as on the dashboard; starts and codes cannot be dragged."""
    title = f"Paths over {setting.surface.title}, seed {setting.seed}"
    data = json.dumps(picture(setting, paths), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return PAGE.format(
        title=html.escape(title), style=stylesheet(), data=data.replace("</", "<\\/"), script=javascript()
    )
