"""What the browser tests do to the charts of pages/plot_page.py, and read off them."""

import re

from live_page import traces
from playwright.sync_api import Locator, Page, expect

MAP = ".st-key-map .js-plotly-plot"
PLOTS = ".js-plotly-plot"

P, Q, DEAD = range(3)
"""The clouds of the map."""


def wait_for_charts(page: Page) -> None:
    page.wait_for_function(
        f"[...document.querySelectorAll('{PLOTS}')].filter((plot) => plot._fullLayout).length === 3"
    )


def tick(page: Page) -> int:
    return int(re.search(r"\d+", page.get_by_text(re.compile(r"^tick \d+$")).inner_text())[0])


def wait_ticks(page: Page, count: int, timeout: float = 120_000) -> None:
    goal = tick(page) + count
    page.wait_for_function(
        """(goal) => [...document.querySelectorAll('[data-testid=stText]')]
            .some((text) => Number(/^tick (\\d+)$/.exec(text.innerText.trim())?.[1]) >= goal)""",
        arg=goal,
        timeout=timeout,
    )


def wait_draws(page: Page, count: int, selector: str = MAP, timeout: float = 120_000) -> None:
    page.evaluate(
        """(selector) => {
            const plot = document.querySelector(selector);
            window.draws = 0;
            plot.addEventListener('drawn', () => window.draws++);
        }""",
        selector,
    )
    page.wait_for_function("(count) => window.draws >= count", arg=count, timeout=timeout)


def ranges(page: Page) -> list[float]:
    return page.evaluate(
        f"(() => {{ const {{xaxis, yaxis}} = document.querySelector('{MAP}')._fullLayout;"
        "return [...xaxis.range, ...yaxis.range]; })()"
    )


def on_map(page: Page, x: float, y: float) -> tuple[float, float]:
    """Page coordinates of a place on the map, given as shares of its width and height."""
    box = page.locator(f"{MAP} .nsewdrag").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def place_of(page: Page, trace: int, row: int) -> tuple[float, float]:
    """Where on the map a point is, as shares of its width and height."""
    return page.evaluate(
        f"""(() => {{
            const {{ x, y }} = {traces(MAP)}[{trace}];
            const {{ xaxis, yaxis }} = document.querySelector('{MAP}')._fullLayout;
            return [xaxis.l2p(x[{row}]) / xaxis._length, yaxis.l2p(y[{row}]) / yaxis._length];
        }})()"""
    )


def drag(page: Page, path: list[tuple[float, float]], *, drop: bool = True) -> None:
    page.mouse.move(*on_map(page, *path[0]))
    page.mouse.down()
    for place in path[1:]:
        page.mouse.move(*on_map(page, *place), steps=4)
    if drop:
        page.mouse.up()


def press(page: Page, title: str) -> None:
    page.locator(MAP).hover()
    page.locator(f'{MAP} .modebar-btn[data-title="{title}"]').click()


def picked(page: Page) -> Locator:
    return page.get_by_text(re.compile(r"^selected "))


def chosen_ids(page: Page) -> list[list[int]]:
    """Per trace, the ids that the map shows as selected; null where nothing is selected or dimmed."""
    return page.evaluate(
        f"""{traces(MAP)}.map((trace) => trace.selectedpoints
            ? [...trace.selectedpoints].map((row) => trace.customdata[row]).sort((a, b) => a - b) : null)"""
    )


LASSO = [(0.4, 0.2), (0.65, 0.2), (0.65, 0.6), (0.4, 0.6), (0.4, 0.22)]


def lasso(page: Page) -> list[list[int]]:
    press(page, "Lasso Select")
    drag(page, LASSO)
    expect(picked(page)).not_to_have_text("selected nothing")
    return chosen_ids(page)
