"""What a person takes home from the Live page: charts as files, and the page, which needs no network."""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from live_page import BARS, CURVES, MAP, pause, traces, wait_for_movement
from playwright.sync_api import BrowserContext, Page, expect
from real_app import Server, Tab


@pytest.fixture
def paused(open_tab: Callable[..., Tab], server: Server) -> Page:
    page = open_tab(server, "?problem=digits&num_codes=48&bars=usage").page
    wait_for_movement(page)
    pause(page)
    return page


def drawn(page: Page, plot: str, name: str, axis: str) -> list[float]:
    """The numbers that Plotly has drawn for one trace."""
    return page.evaluate(f"([name, axis]) => [...{traces(plot)}.find((t) => t.name === name)[axis]]", [name, axis])


def save(page: Page, plot: str, form: str, folder: Path) -> Path:
    page.locator(plot).hover()
    with page.expect_download() as started:
        page.locator(f'{plot} .modebar-btn[data-title="Save as {form}"]').click()
    target = folder / started.value.suggested_filename
    started.value.save_as(target)
    return target


def test_a_chart_is_saved_as_csv_svg_and_png_with_the_numbers_drawn(paused: Page, tmp_path: Path) -> None:
    step = paused.evaluate("/step ([\\d,]+)/i.exec(document.querySelector('.vq-story').innerText)[1]").replace(
        ",", ""
    )
    table = save(paused, MAP, "CSV", tmp_path)
    assert table.name == f"digits-map-step-{step}.csv"
    rows = [row for row in csv.DictReader(io.StringIO(table.read_text())) if row["trace"] == "P"]
    x_title, y_title = (
        paused.evaluate(f"document.querySelector('{MAP}').layout.{axis}axis.title.text") for axis in "xy"
    )
    assert [float(row[x_title]) for row in rows] == pytest.approx(drawn(paused, MAP, "P", "x"), rel=1e-6)
    assert [float(row[y_title]) for row in rows] == pytest.approx(drawn(paused, MAP, "P", "y"), rel=1e-6)
    assert [int(row["code"]) for row in rows] == drawn(paused, MAP, "P", "text")
    curves = list(csv.DictReader(io.StringIO(save(paused, CURVES, "CSV", tmp_path).read_text())))
    loss = [float(row["value"]) for row in curves if row["trace"] == "task loss"]
    assert loss == pytest.approx(drawn(paused, CURVES, "task loss", "y"), rel=1e-6)
    picture = save(paused, MAP, "SVG", tmp_path)
    shapes = ElementTree.parse(picture).getroot()
    points = [
        shape
        for shape in shapes.iter("{http://www.w3.org/2000/svg}path")
        if "point" in shape.get("class", "").split()
    ]
    assert len(points) >= len(rows)  # drawn by WebGL, saved as shapes
    assert save(paused, BARS, "PNG", tmp_path).read_bytes().startswith(b"\x89PNG")


def wait_in_file(page: Page, condition: str) -> None:
    """As `wait_until`, which asks from within the page: a saved one allows no script to be made of a text."""
    for _ in range(600):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"It did not become true that {condition}.")


def test_the_saved_page_opens_from_disk_without_a_network_and_shows_the_same(
    paused: Page, browser: BrowserContext, tmp_path: Path
) -> None:
    tiles = paused.locator(".vq-tiles").inner_text()
    before = {plot: drawn(paused, plot, name, "y") for plot, name in ((MAP, "P"), (BARS, "assignments"))}
    with paused.expect_download() as started:
        paused.locator(".st-key-save-html button:visible").click()
    assert started.value.suggested_filename == "vq-scope-digits-seed-0.html"
    started.value.save_as(tmp_path / "page.html")
    context = browser.browser.new_context(viewport={"width": 1440, "height": 900}, offline=True)
    tab = Tab(context.new_page())
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    address = (tmp_path / "page.html").as_uri()
    tab.page.goto(address)
    wait_in_file(
        tab.page, "[...document.querySelectorAll('.js-plotly-plot')].filter((p) => p._fullLayout).length === 3"
    )
    expect(tab.page.locator(".stills figcaption")).to_have_text(["original", "reconstruction", "codes"])
    assert tab.page.evaluate(
        "[...document.querySelectorAll('.stills img')].every((image) => image.naturalWidth > 100)"
    )
    assert tab.page.locator(".vq-tiles").inner_text() == tiles
    assert drawn(tab.page, "#plot-map .js-plotly-plot", "P", "y") == before[MAP]
    assert drawn(tab.page, "#plot-bars .js-plotly-plot", "assignments", "y") == before[BARS]
    expect(tab.page.locator("pre")).to_have_text(re.compile(r"python -m vqcore train digits --steps \d+ --seed 0 "))
    painting = tab.page.evaluate("document.querySelector('#plot-map .vq-painting').toDataURL().length")
    assert painting > 10_000  # letters of a picture; of an empty one some 3,000
    light = tab.page.evaluate("document.querySelector('#plot-map .js-plotly-plot')._fullLayout.paper_bgcolor")
    tab.page.emulate_media(color_scheme="dark")
    wait_in_file(
        tab.page, f"document.querySelector('#plot-map .js-plotly-plot')._fullLayout.paper_bgcolor !== '{light}'"
    )
    assert asked == [address]
    assert tab.problems == []
    context.close()
