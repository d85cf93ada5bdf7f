"""The first path, a lecture link and a follow link, on the real server in a real browser."""

import re
import time
from collections.abc import Callable, Iterator

import pytest
from live_page import control, pause, press, session_of, step_of, wait_for_charts, wait_for_step, wait_until
from playwright.sync_api import BrowserContext, Page, expect
from real_app import Server, Tab, app_server

MOST_CLICKS = 3
LINE = ".vq-story"
RECOVERED = (
    "Number(/→ ([\\d,]+) of/.exec(document.querySelector('.vq-story').innerText)?.[1].replace(',', '')) >= 170"
)
"""As many codes in use as are half of those before training."""


@pytest.fixture(scope="module")
def started() -> float:
    """When the start command was given, by the clock."""
    return time.monotonic()


@pytest.fixture(scope="module")
def server(started: float, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with app_server(tmp_path_factory.mktemp("app") / "log.txt") as running:
        yield running


def codes_in_use(page: Page) -> list[int]:
    """The numbers in the story: before and now."""
    said = re.search(r"in use ([\d,]+) → ([\d,]+) of", page.locator(LINE).inner_text())
    assert said
    return [int(number.replace(",", "")) for number in said.groups()]


def test_from_the_start_command_to_a_collapse_and_a_recovery(
    open_tab: Callable[..., Tab], server: Server, started: float
) -> None:
    page = open_tab(server).page
    page.evaluate("window.clicks = 0; addEventListener('click', () => window.clicks++, true)")
    page.get_by_role("button", name="Collapse, live").click()
    expect(page.locator(LINE)).to_contain_text("collapsed", timeout=120_000)
    expect(page.get_by_role("button", name="Affine running")).to_be_visible()
    before, collapsed = codes_in_use(page)
    assert collapsed < before / 4
    seconds = time.monotonic() - started
    page.get_by_role("button", name="Replace every 10").click()
    expect(page.locator(LINE)).to_contain_text(
        re.compile("recovering|recovered|more codes at a higher loss"), timeout=120_000
    )
    expect(page.locator(LINE)).to_contain_text("twin without it: in use ")
    wait_until(page, RECOVERED)
    then, recovered = codes_in_use(page)
    assert then == collapsed
    assert recovered >= before / 2
    clicks = page.evaluate("window.clicks")
    print(f"\n{before} → {collapsed} codes after {seconds:.0f} s, {recovered} after ", end="")
    print(f"{time.monotonic() - started:.0f} s, in {clicks} clicks since the start command")
    assert 2 <= clicks <= MOST_CLICKS
    assert page.locator(".st-key-story-band").bounding_box()["height"] <= 48
    panels = "[...document.querySelectorAll('[class*=st-key-panel-]')]"
    assert page.evaluate(f"Math.max(...{panels}.map((panel) => panel.getBoundingClientRect().bottom))") <= 900


def test_a_lecture_link_shows_what_it_leaves_and_without_a_sidebar_the_charts_have_its_room(
    open_tab: Callable[..., Tab], server: Server
) -> None:
    page = open_tab(server, "?problem=plane&only=affine,view&lock=view").page
    wait_for_charts(page)
    labels = page.locator("[data-testid=stSidebar] [data-testid=stWidgetLabel]:visible")
    expect(labels).to_have_text(["Affine map of codes", "Affine groups"])
    expect(page.get_by_role("radio", name="gradient", exact=True)).to_be_disabled()
    page.locator(control("affine")).get_by_text("running", exact=True).click()
    wait_until(page, "location.search.includes('affine=running') && location.search.includes('only=affine')")
    page.reload()
    wait_for_charts(page)
    expect(page.locator(control("beta"))).to_have_count(0)
    expect(page.locator(".st-key-navigation")).to_have_count(0)
    bare = open_tab(server, f"?session={session_of(page)}&only=time").page
    wait_for_charts(bare)
    expect(bare.locator("[data-testid=stSidebar]")).not_to_be_visible()
    wait_until(bare, "document.querySelector('[data-testid=stMainBlockContainer]').clientWidth > 1400")


def test_a_follower_sees_the_session_move_with_a_view_of_his_own(
    browser: BrowserContext, open_tab: Callable[..., Tab], server: Server
) -> None:
    teacher = open_tab(server, "?problem=plane").page
    wait_for_charts(teacher)
    press(teacher, "link")
    shown = teacher.get_by_text(re.compile(r"\?watch=\S+")).first.inner_text()
    teacher.keyboard.press("Escape")
    context = browser.browser.new_context(viewport={"width": 1440, "height": 900})
    follower = open_tab(server, f"{shown[shown.index('?') :].strip()}&bars=usage", context).page
    wait_for_charts(follower)
    expect(follower.locator(".vq-status")).to_contain_text("following a session")
    wait_for_step(follower, step_of(teacher) + 1)
    follower.locator(".st-key-view-order").get_by_text("by code", exact=True).click()
    wait_until(follower, "location.search.includes('order=by')")
    teacher.locator(control("affine")).get_by_text("running", exact=True).click()
    expect(follower.locator("tr.changed", has_text="affine")).to_contain_text("running")
    assert "order=" not in teacher.url
    assert session_of(teacher) not in follower.content() + follower.url
    pause(teacher)
    expect(follower.locator(".vq-status")).to_have_attribute("data-state", "paused")
