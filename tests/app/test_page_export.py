import base64
import html
import json
import re
from datetime import datetime

import numpy as np
import pytest

from app.figures.code_bars import usage_bars
from app.live_plot.tiles import Status, Tile
from app.panels.page_export import SeenPage, SeenPanel, page_html
from app.panels.still_picture import Still
from vqcore.snapshot import Event
from vqcore.training.recipe import default_recipe

HOSTILE = "</script><img src=x onerror=alert(1)>&\"'"
COUNTS = np.array([5, 0, 300, 7, 0, 1, 2, 9, 40, 11])


def page(**changes) -> str:
    seen = {
        "recipe": default_recipe("plane", seed=7, num_codes=10, sync=0.5),
        "step": 1284,
        "status": Status(state="paused", facts=("step 1,284", "cpu")),
        "story": "Step 1,284 · in use 3 → 9 of 512 · <recovering>",
        "tiles": [Tile(label="perplexity", value="2.31", meaning="of usage")],
        "panels": {
            "bars": SeenPanel(
                title="Code usage",
                caption="last 50 batches",
                figure=usage_bars(COUNTS, order="by code", log=False),
                height=300,
                file_name="plane-usage-step-1284",
            ),
            "examples": SeenPanel(title="Inputs", caption="", rows=[{"input": "(0.1, 0.2)", "code": 3}]),
        },
        "events": [Event(200, "main", "affine running", (("affine", "running"),))],
    }
    return page_html(SeenPage(**{**seen, **changes}), datetime(2026, 11, 22, 19, 5))


def carried(text: str) -> dict:
    (found,) = re.findall(r'<script type="application/json" id="seen">(.*?)</script>', text, re.DOTALL)
    return json.loads(found)


def test_the_file_carries_the_numbers_that_were_seen():
    text = page()
    plot = carried(text)["plots"]["plot-bars"]
    (trace,) = plot["figure"]["data"]
    drawn = np.frombuffer(base64.b64decode(trace["y"]["bdata"]), dtype=np.dtype(trace["y"]["dtype"]))
    assert drawn.tolist() == COUNTS.tolist()
    assert plot["fileName"] == "plane-usage-step-1284"
    assert carried(text)["tiles"]["tiles"]["tiles"][0]["value"] == "2.31"
    assert "<td>(0.1, 0.2)</td><td>3</td>" in text
    assert "last 50 batches" in text
    assert "in use 3 → 9 of 512 · &lt;recovering&gt;" in text
    assert "<td>201</td><td>affine running</td>" in text
    assert "<dt>sync</dt><dd>0.5</dd>" in text
    command = "python -m vqcore train plane --steps 1284 --seed 7 --set num_codes=10 sync=0.5 --at 200 affine=running"
    assert command in html.unescape(text)


def test_every_place_for_a_plot_has_its_plot_and_the_other_way_round():
    text = page()
    assert re.findall(r'<div id="(plot-\w+)">', text) == list(carried(text)["plots"])
    for place in ("tiles", "status"):
        assert text.count(f'<div id="{place}">') == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"message": HOSTILE},
        {"events": [Event(1, "main", HOSTILE, (("sync", HOSTILE),))]},
        {"tiles": [Tile(label=HOSTILE, value=HOSTILE, meaning=HOSTILE)]},
        {"status": Status(state="paused", facts=(HOSTILE,))},
        {"panels": {"a": SeenPanel(title="", caption="", stills=(Still(HOSTILE, "data:,"),), credit=HOSTILE)}},
        {"panels": {"a": SeenPanel(title=HOSTILE, caption=HOSTILE, rows=[{HOSTILE: HOSTILE}])}},
        {"panels": {"a": SeenPanel(title="", caption="", figure={"data": [{"name": HOSTILE}], "alt": HOSTILE})}},
    ],
)
def test_what_came_from_elsewhere_stays_text(changes):
    text = page(**changes)
    assert "<img src=x" not in text
    assert text.count("<script") == page().count("<script") == text.count("</script>")


def test_nothing_in_the_file_is_fetched():
    text = page()
    assert "default-src 'none'" in text
    assert not re.search(r"<(script|img|iframe|link)\b[^>]*\b(src|href)=[\"'](?!data:)", text)
