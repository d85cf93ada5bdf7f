"""The axes of a chart of clouds: what they hold, when they move, and when they do not."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page

from app.live_plot.browser_code import as_it_stands

CODE = as_it_stands("numbers.js") + as_it_stands("steady_axes.js")
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
