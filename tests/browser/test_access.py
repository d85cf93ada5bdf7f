"""Every page can be used by keyboard, ear and phone: axe finds nothing, in either theme."""

from collections.abc import Callable

import pytest
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


def violations(page: Page, **options: object) -> list[str]:
    """What axe finds, one line for each element."""
    found = Axe().run(page, context=OF_STREAMLIT, options=options).response["violations"]
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
    wait_until(page, "getComputedStyle(document.querySelector('.stApp')).backgroundColor === 'rgb(16, 20, 27)'")
    assert violations(page, **COLOURS_ALONE) == []
    page.set_viewport_size({"width": 390, "height": 844})
    wait_until(page, "document.querySelector('main').clientWidth === 390")
    wait_until(page, "document.querySelector('main').scrollWidth === 390")
    if name in ("live", "trajectories"):
        box = page.get_by_role("button", name="Expand sidebar").bounding_box()
        assert box is not None
        assert min(box["x"], box["y"]) >= 0


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
