"""The axes of a chart: what those of clouds hold, when they move, when they do not, and where a log one has ticks."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page

from app.live_plot.browser_code import as_it_stands

CODE = "".join(map(as_it_stands, ("numbers.js", "steady_axes.js", "log_ticks.js")))
GAP = None


@pytest.fixture
def page(browser: BrowserContext) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def settled(page: Page, *updates: list[dict], layout: dict | None = None) -> list[dict]:
    """The layout of one chart after each of some updates of its traces."""
    layout = layout or {"xaxis": {}, "yaxis": {}}
    return page.evaluate(
        f"""() => {{
            {CODE}
            const axes = new SteadyAxes();
            return {json.dumps(updates)}.map((traces) => {{
                const layout = {json.dumps(layout)};
                axes.settle(traces, layout);
                return layout;
            }});
        }}"""
    )


def cloud(x: list, y: list | None = None, **axes: object) -> dict:
    return {"x": x, "y": y or [0, 1], **axes}


def ranges(layouts: list[dict], name: str = "xaxis") -> list[list[float]]:
    return [layout[name]["range"] for layout in layouts]


def test_every_cloud_lies_within_with_room_around_it(page: Page) -> None:
    (layout,) = settled(page, [cloud([2, GAP, 4]), cloud([-6, 3], [10, 30])])
    for name, low, high in (("xaxis", -6, 4), ("yaxis", 0, 30)):
        (first, last), width = layout[name]["range"], high - low
        assert low - width / 10 < first < low < high < last < high + width / 10
        assert layout[name]["autorange"] is False


def test_what_does_not_count_for_the_scale_moves_no_axis(page: Page) -> None:
    path = cloud([-500, 500], [-90, 90], meta={"marks": ["paths"], "scales": False})
    with_path, without, alone = settled(page, [cloud([0, 10]), path], [cloud([0, 10])], [path])
    assert with_path == without
    assert alone["xaxis"] == {}  # a path alone leaves the axis to Plotly


def test_a_range_stands_still_while_it_serves(page: Page) -> None:
    first, inside, part = ranges(settled(page, [cloud([0, 10])], [cloud([1, 9])], [cloud([3, 9.9])]))
    assert first == inside == part


def test_a_range_widens_at_once_and_only_where_it_must(page: Page) -> None:
    before, after = ranges(settled(page, [cloud([0, 10])], [cloud([0, 12])]))
    assert after[0] == before[0]
    assert 12 < after[1] < 14


def test_a_range_that_is_mostly_empty_is_found_anew(page: Page) -> None:
    alone, _, anew = ranges(settled(page, [cloud([0, 1])], [cloud([0, 10])], [cloud([0, 1])]))
    assert anew == alone
    moved = ranges(settled(page, [cloud([0, 1])], [cloud([100, 101])]))[1]
    assert 99 < moved[0] < 100 < 101 < moved[1] < 102


def test_one_point_has_room_and_none_leaves_the_axis_to_plotly(page: Page) -> None:
    one, none = settled(page, [cloud([3, 3])], [cloud([GAP])], layout={"xaxis": {}})
    assert one["xaxis"]["range"][0] < 3 < one["xaxis"]["range"][1]
    assert none == {"xaxis": {}}


def test_a_range_of_the_figure_is_kept(page: Page) -> None:
    (layout,) = settled(page, [cloud([0, 10])], layout={"xaxis": {"range": [-1, 1]}, "yaxis": {}})
    assert layout["xaxis"] == {"range": [-1, 1]}


def test_axes_that_match_share_one_range_and_others_have_their_own(page: Page) -> None:
    names = ("xaxis", "xaxis2", "xaxis3")
    layout = {name: {} for name in names} | {"xaxis2": {"matches": "x"}}
    traces = [cloud([0, 10]), cloud([5, 30], xaxis="x2"), cloud([7, 8], xaxis="x3")]
    (after,) = settled(page, traces, layout=layout)
    first, second, third = (after[name]["range"] for name in names)
    assert first == second
    assert first[0] < 0 < 30 < first[1]
    assert 6 < third[0] < 7 < 8 < third[1] < 9


def test_labels_of_a_log_axis_stand_clear_of_one_another_and_leave_out_no_more_than_they_must(page: Page) -> None:
    domains = ([0, 0.45], [0.55, 1])
    cases = [(decades, height) for decades in (2, 5, 11, 40) for height in (130, 165, 213, 700)]
    layouts = [
        {
            "margin": {"t": 8, "b": 36},
            "xaxis": {"type": "log", "range": [0, 40], "dtick": 1},
            **{
                f"yaxis{order or ''}": {"type": "log", "range": [-3, decades - 3], "dtick": 1, "domain": domain}
                for order, domain in enumerate(domains)
            },
        }
        for decades, _ in cases
    ]
    heights = [height for _, height in cases]
    ticking = f"{CODE} layouts.forEach((one, at) => clearTicks(one, heights[at])); return layouts;"
    told = page.evaluate(f"([layouts, heights]) => {{ {ticking} }}", [layouts, heights])
    for (decades, height), layout in zip(cases, told, strict=True):
        assert layout["xaxis"]["dtick"] == 1  # labels beside one another: Plotly's own matter
        for name in ("yaxis", "yaxis1"):
            pixels_per_decade = 0.45 * (height - 44) / decades
            dtick = layout[name]["dtick"]
            assert dtick * pixels_per_decade >= 14  # of letters 11 high
            assert dtick == 1 or (dtick - 1) * pixels_per_decade < 18
