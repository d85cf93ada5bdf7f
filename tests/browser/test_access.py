"""Every page can be used by keyboard, ear and phone: axe finds nothing, in either theme."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from live_page import press, wait_for_charts, wait_for_state, wait_until
from playwright.sync_api import Page, expect
from real_app import Server, Tab

LIVE = "?problem=digits&num_codes=32&paused=1"
PAGES = {
    "start": ("", ".vq-hero"),
    "live": (LIVE, ".vq-tile"),
    "compare": ("compare", ".vq-hero"),
    "trajectories": ("trajectories", ".vq-traj-bar"),
    "lessons": ("lessons", "[class*=st-key-lesson-card-]"),
    "doctor": ("doctor", "[class*=st-key-doctor-example-]"),
}
"""The address of each page, and what is there once it is drawn."""

DARK = "getComputedStyle(document.querySelector('.stApp')).backgroundColor === 'rgb(16, 20, 27)'"

COLOURS_ALONE = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
"""The rule whose answer depends on the theme."""

UNNAMED = """(buttons) => buttons
    .filter((button) => button.checkVisibility() && !button.ariaLabel && /^(\\w+ icon)?$/.test(button.textContent
        .replace(/(\\w+) icon\\1/, '$1 icon').trim()))
    .map((button) => button.outerHTML)"""
"""Buttons named by their icon alone, as axe does not mind."""


OF_STREAMLIT = {
    "exclude": ["#stFloatingOverlayPortal"],  # where it draws tooltips and open lists: outside every landmark
}
"""Parts of Streamlit's own that no public setting reaches."""


def violations(page: Page, within: str = "", **options: object) -> list[str]:
    """What axe finds on the page or within an element of it, one line for each element."""
    context = {**OF_STREAMLIT, "include": [[within]]} if within else OF_STREAMLIT
    found = Axe().run(page, context=context, options=options).response["violations"]
    return [f"{each['id']}: {node['html'][:300]}" for each in found for node in each["nodes"]]


def open_page(open_tab: Callable[..., Tab], server: Server, name: str) -> Page:
    address, drawn = PAGES[name]
    page = open_tab(server, address).page
    page.wait_for_selector(drawn)
    if name == "live":
        wait_for_charts(page)
    wait_until(page, "!document.querySelector('[data-testid=stSkeleton]')")
    return page


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_and_a_phone_shows_all(name: str, open_tab: Callable[..., Tab], server: Server) -> None:
    page = open_page(open_tab, server, name)
    assert violations(page) == []
    assert page.locator("h1").count() == 1
    assert page.locator("button").evaluate_all(UNNAMED) == []
    page.emulate_media(color_scheme="dark")
    wait_until(page, DARK)
    assert violations(page, **COLOURS_ALONE) == []
    page.set_viewport_size({"width": 390, "height": 844})
    wait_until(page, "document.querySelector('main').clientWidth === 390")
    wait_until(page, "document.querySelector('main').scrollWidth === 390")
    if name in ("live", "trajectories"):
        box = page.get_by_role("button", name="Expand sidebar").bounding_box()
        assert box is not None
        assert min(box["x"], box["y"]) >= 0
    if name == "live":
        wait_until(page, f"({ORDER})().join() === 'examples,map,bars,curves'")  # the picture stands before the charts
        wait_until(page, f"(({LEGEND_AND_TOOLS})()[0].right <= 390)")
        legend, tools = page.evaluate(LEGEND_AND_TOOLS)
        assert legend["bottom"] < tools["top"]  # which a hand on the map brings up


ORDER = """() => {
    const top = (name) => document.querySelector(`.st-key-panel-${name}`).getBoundingClientRect().top;
    return ['map', 'bars', 'curves', 'examples'].sort((one, other) => top(one) - top(other));
}"""
LEGEND_AND_TOOLS = """() => {
    const plot = document.querySelector('.st-key-map-plot .js-plotly-plot');
    return ['.annotation-text', '.modebar'].map((part) => {
        const { right, bottom, top } = plot.querySelector(part).getBoundingClientRect();
        return { right, bottom, top };
    });
}"""


def opened_on_live(page: Page) -> list[str]:
    """Where axe looks, once the page has been opened there."""
    page.locator(".st-key-glossary button").first.click()
    page.get_by_text("Formulas").click()
    page.wait_for_selector(".katex")
    return ["[data-testid=stPopoverBody]", ".st-key-glossary", ".st-key-panel-examples"]


def opened_lecture(page: Page) -> list[str]:
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stPopoverBody")).to_have_count(0)
    expect(page.get_by_test_id("stTooltipContent").filter(visible=True)).to_have_count(0)
    page.get_by_role("spinbutton", name="Seed").fill("4")
    page.get_by_role("button", name="Link", exact=True).click()
    page.get_by_role("button", name="Lecture link").click()
    page.wait_for_selector("[role=dialog]")
    wait_until(page, "!document.querySelector('[data-stale=true]')")  # dimmed while the script runs
    wait_until(page, "!document.getAnimations().some((one) => one instanceof CSSTransition)")
    return ["[role=dialog]", "[data-testid=stSidebar]"]


def check(page: Page, places: list[str]) -> None:
    """That axe finds nothing there, in the theme of the page and in the other."""
    for place in places:
        assert violations(page, place) == []
    page.emulate_media(color_scheme="dark")
    wait_until(page, DARK)
    wait_until(page, "!document.getAnimations().some((one) => one instanceof CSSTransition)")
    for place in places:
        assert violations(page, place, **COLOURS_ALONE) == []
    page.emulate_media(color_scheme="light")
    wait_until(page, f"!({DARK})")


def test_axe_finds_nothing_in_what_a_reader_opens(open_tab: Callable[..., Tab], server: Server) -> None:
    page = open_tab(server, f"{LIVE}&select=c5").page
    page.wait_for_selector(".vq-card")
    check(page, opened_on_live(page))
    check(page, opened_lecture(page))


OPENED = {
    "compare": ("compare?problem=plane&v1=baseline&v2=pulled%3A+sync%3D0.5", ".vq-compared tbody", ".stMain"),
    "lessons": ("lessons?lesson=quantizer", ".st-key-lesson-charts .js-plotly-plot", ".st-key-lesson-text"),
}
"""Pages with something on them: the address, what is there once they are drawn, and where axe looks."""


@pytest.mark.parametrize("name", OPENED)
def test_axe_finds_nothing_on_a_page_at_work(name: str, open_tab: Callable[..., Tab], server: Server) -> None:
    address, drawn, place = OPENED[name]
    page = open_tab(server, address).page
    page.wait_for_selector(drawn)
    check(page, [place])


def test_axe_finds_nothing_in_what_the_doctor_says(
    open_tab: Callable[..., Tab], server: Server, tmp_path: Path
) -> None:
    checkpoint, latents = tmp_path / "model.pt", tmp_path / "z_e.npy"
    codebook = np.random.default_rng(0).standard_normal((64, 8)).astype(np.float32)
    torch.save({"quantize.embedding.weight": torch.from_numpy(codebook)}, checkpoint)
    np.save(latents, codebook[np.arange(2_000) % 4])  # four codes of 64
    page = open_tab(server, f"doctor?{urlencode({'path': checkpoint, 'latents': latents})}").page
    page.wait_for_selector("[class*=st-key-doctor-finding-]")
    check(page, [".st-key-panel-doctor-findings"])


def test_a_keyboard_skips_the_controls_and_plays(open_tab: Callable[..., Tab], server: Server) -> None:
    page = open_page(open_tab, server, "live")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to content")
    page.keyboard.press("Enter")
    expect(page.locator("h1:focus")).to_be_visible()
    assert "#" not in page.url
    page.keyboard.press("Space")
    wait_for_state(page, "running")
    press(page, "play")  # has the focus now, and is pressed once, not twice
    wait_for_state(page, "paused")
    page.keyboard.press("Space")
    wait_for_state(page, "running")
    page.keyboard.press("Space")
    wait_for_state(page, "paused")
    page.get_by_role("spinbutton", name="Seed").press("Space")  # a field to write in
    usage = page.get_by_role("radio", name="usage", exact=True)
    usage.press("Space")  # pressed by the space bar itself
    expect(usage).to_be_checked()
    wait_for_state(page, "paused")
