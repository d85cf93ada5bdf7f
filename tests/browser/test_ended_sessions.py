"""A session that ends, or says something, while pages only refresh by time."""

from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest
from live_page import press, session_of, wait_for_movement, wait_for_state
from playwright.sync_api import Page, expect
from real_app import Server, Tab, app_server

ENDED = ".st-key-gone [data-testid=stAlert]"
FAILED = "[data-testid=stException]"
PAUSED = "?problem=plane&paused=1"
TWO = urlencode({"problem": "plane", "paused": "1", "v1": "baseline", "v2": "sync;sync=0.5"})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with app_server(tmp_path_factory.mktemp("app") / "log.txt", module="tests.browser.one_session_server") as running:
        yield running


def expect_ended(page: Page) -> None:
    """One sentence, a way on, and no traceback."""
    expect(page.locator(ENDED)).to_contain_text("has ended")
    expect(page.locator(ENDED)).to_have_count(1)
    expect(page.locator(FAILED)).to_have_count(0)
    expect(page.locator(".st-key-begin-again button")).to_be_visible()


def test_a_watched_session_that_another_ends_is_said_and_can_be_begun_again(
    open_tab: Callable[..., Tab], server: Server
) -> None:
    first = open_tab(server, "?problem=plane").page
    wait_for_movement(first)
    before = session_of(first)
    second = open_tab(server, f"compare?{TWO}").page
    expect_ended(first)
    wait_for_state(second, "paused")
    press(first, "begin-again")
    wait_for_movement(first)
    expect(first.locator(ENDED)).to_have_count(0)
    assert session_of(first) != before
    expect_ended(second)


def test_a_follower_sees_what_its_owner_is_told(open_tab: Callable[..., Tab], server: Server) -> None:
    owner = open_tab(server, PAUSED).page
    wait_for_state(owner, "paused")
    press(owner, "link")
    watch = owner.locator("[data-testid=stCode]", has_text="watch=").inner_text().partition("?")[2].strip()
    owner.keyboard.press("Escape")
    follower = open_tab(server, f"?{watch}").page
    wait_for_state(follower, "paused")
    press(owner, "fork-0")
    owner.locator("[class*='st-key-fork-name'] input").fill("main")
    owner.locator("[class*='st-key-fork-name'] input").press("Enter")
    press(owner, "fork-go")
    for page in (owner, follower):
        expect(page.locator(".vq-story-state")).to_contain_text("name of a fork must be a new one")
        expect(page.locator(FAILED)).to_have_count(0)
