"""Charts that nobody points at, painted without Plotly: each value where its axes say, in the colour of its scale."""

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page

from app.live_plot.browser_code import as_it_stands, javascript

CODE = javascript("palette.js") + "".join(
    as_it_stands(name) for name in ("numbers.js", "steady_axes.js", "painting.js", "unseen.js")
)
LEFT, TOP, WIDTH, HEIGHT = 40, 10, 200, 100
X = {"_id": "x", "_offset": LEFT, "_length": WIDTH, "range": [0, 10]}
Y = {"_id": "y", "_offset": TOP, "_length": HEIGHT, "range": [0, 4]}
SIZE = {"l": LEFT, "t": TOP, "w": WIDTH, "h": HEIGHT, "r": 20, "b": 20}


@pytest.fixture(scope="module")
def page(browser: BrowserContext) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def painted(page: Page, traces: list[dict[str, Any]], *, lines: list[dict] | None = None, **axes: Any) -> np.ndarray:
    """Red, green, blue and opacity of every pixel, (height, width, 4)."""
    layout = {
        "width": LEFT + WIDTH + 20,
        "height": TOP + HEIGHT + 20,
        "_size": SIZE,
        "font": {"size": 12, "family": "sans-serif", "color": "#000"},
        "xaxis": X,
        "yaxis": Y,
        **axes,
    }
    pixels = page.evaluate(
        f"""async () => {{
            {CODE}
            const plot = {{ _fullLayout: {json.dumps(layout)}, querySelector: () => document.body }};
            const painting = new Painting(plot);
            const traces = {json.dumps(traces)};
            for (const trace of traces) if (trace.z) trace.z.bdata = Uint8Array.from(trace.z.bdata).buffer;
            await painting.loading(traces);
            painting.take(traces, {{ lines: {json.dumps(lines or [])} }});
            painting.paint();
            const {{ width, height }} = painting.canvas;
            const pixels = [...painting.brush.getImageData(0, 0, width, height).data];
            painting.canvas.remove();
            return pixels;
        }}"""
    )
    return np.array(pixels).reshape(TOP + HEIGHT + 20, LEFT + WIDTH + 20, 4)


def curve(x: list, y: list, **settings: Any) -> dict[str, Any]:
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": {"width": 2, "color": "#ff0000"}, **settings}


def test_a_line_is_where_its_values_are_and_has_gaps(page: Page) -> None:
    shown = painted(page, [curve([0, 4, 6, 10], [1, 3, None, 2])])
    middle = TOP + HEIGHT * (1 - 2 / 4)  # halfway from 1 to 3, at x = 2
    assert shown[round(middle), LEFT + WIDTH * 2 // 10][0] == 255
    assert shown[round(middle), LEFT + WIDTH * 2 // 10][3] > 128
    assert shown[: TOP + 20, LEFT + 40, 3].max() == 0
    assert shown[:, LEFT + WIDTH * 5 // 10 :, 3].max() == 0  # a value alone has no line to it


def test_a_line_on_a_logarithmic_axis_is_straight_where_values_grow_by_the_same_factor(page: Page) -> None:
    shown = painted(page, [curve([0, 10], [1, 10_000])], yaxis={**Y, "type": "log"})
    for x in (2, 5, 8):
        rows = np.flatnonzero(shown[:, LEFT + WIDTH * x // 10, 3] > 128)
        assert rows.mean() == pytest.approx(TOP + HEIGHT * (1 - math.log10(10_000 ** (x / 10)) / 4), abs=1)


def test_an_area_is_filled_between_its_edges_alone(page: Page) -> None:
    line = {"width": 0, "color": "#00ff00"}
    band = curve([2, 8, 8, 2], [1, 1, 3, 3], fill="toself", fillcolor="#00ff00", opacity=0.5, line=line)
    shown = painted(page, [band])
    inside = shown[TOP + 30 : TOP + 70, LEFT + 45 : LEFT + 155]
    assert set(inside[..., 1].ravel()) == {255}
    assert set(inside[..., 3].ravel()) <= {127, 128}
    assert shown[: TOP + 24, :, 3].max() == shown[:, : LEFT + 39, 3].max() == 0


def test_each_cell_of_a_heat_map_has_the_colour_of_its_byte(page: Page) -> None:
    cells = np.arange(12).reshape(3, 4) * 20
    scale = [[0, "#000000"], [0.5, "rgba(200, 0, 0, 0.5)"], [1, "#0000ff"]]
    z = {"dtype": "u1", "shape": "3, 4", "bdata": cells.ravel().tolist()}
    heat = {"type": "heatmap", "z": z, "x": [0, 3, 6, 9, 10], "zmin": -20, "zmax": 240, "colorscale": scale}
    shown = painted(page, [heat])
    stops = [np.array(stop, float) for stop in ([0, 0, 0, 255], [200, 0, 0, 127.5], [0, 0, 255, 255])]
    for row in range(3):
        for column, x in enumerate((1.5, 4.5, 7.5, 9.5)):
            share = 2 * (cells[row, column] + 20) / 260
            before, after = stops[int(share)], stops[min(int(share) + 1, 2)]
            expected = before + (share - int(share)) * (after - before)
            pixel = shown[TOP + HEIGHT * (2 * row + 1) // 6, round(LEFT + WIDTH * x / 10)]
            assert pixel == pytest.approx(expected, abs=2)


def test_a_line_from_edge_to_edge_marks_its_step(page: Page) -> None:
    def marked(step: int) -> np.ndarray:
        mark = {"type": "line", "yref": "paper", "x0": step, "y0": 0, "y1": 1, "line": {"color": "#000", "width": 2}}
        return painted(page, [curve([], [])], lines=[mark])

    assert marked(99)[..., 3].max() == 0
    assert marked(5)[TOP + 1 : TOP + HEIGHT - 1, LEFT + WIDTH // 2, 3].min() == 255


@pytest.mark.parametrize(
    ("trace", "layout"),
    [
        ({"type": "bar"}, {}),
        ({"type": "scatter", "mode": "lines", "line": {"shape": "hvh"}}, {}),
        ({"type": "scatter", "mode": "lines+markers", "line": {}}, {}),
        ({"type": "scatter", "mode": "markers", "marker": {"symbol": "star"}}, {}),
        ({"type": "scattergl"}, {"shapes": [{"type": "rect"}]}),
    ],
)
def test_what_the_painting_cannot_show_is_left_to_plotly(page: Page, trace: dict, layout: dict) -> None:
    assert page.evaluate(f"() => {{ {CODE} return unseen([{json.dumps(trace)}], {json.dumps(layout)}); }}") is None
    assert page.evaluate(f"() => {{ {CODE} return unseen([{{ type: 'scattergl' }}], {{}}); }}") is not None


@pytest.mark.parametrize(("axis", "is_same"), [({}, False), ({"range": [0, 10]}, True)])
def test_plotly_is_told_where_points_reach_unless_the_axis_has_its_range(
    page: Page, axis: dict[str, Any], is_same: bool
) -> None:
    layout = {"xaxis": axis, "yaxis": {"range": [0, 4]}}
    near, far = (curve([0, reach], [1, 2]) for reach in (5, 50))
    told = f"""() => {{ {CODE}
        return [{json.dumps(near)}, {json.dumps(far)}].map((trace) => framing([trace], {json.dumps(layout)})); }}"""
    before, after = page.evaluate(told)
    assert (before == after) is is_same
