"""A server that others reach, in a browser: in by a link with a token, which is in no address afterwards."""

import re
from collections.abc import Callable, Iterator

import pytest
from live_page import wait_for_movement
from playwright.sync_api import Browser, BrowserContext, Page, expect
from real_app import Server, Tab, app_server

TOKEN = "a-token-of-a-test"
CHECKPOINT = "Checkpoint on this machine"
LINK = re.compile(r"\?\S*token=\S+")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """As behind a proxy: it listens on this machine alone, and takes visitors for others."""
    log = tmp_path_factory.mktemp("shared") / "log.txt"
    with app_server(log, "--host", "vq.example.org", "--token", TOKEN) as server:
        yield server


@pytest.fixture
def new_browser(browser: BrowserContext) -> Iterator[Callable[[], BrowserContext]]:
    """Makes browsers that have been nowhere."""
    made: list[BrowserContext] = []

    def make() -> BrowserContext:
        assert isinstance(browser.browser, Browser)
        made.append(browser.browser.new_context(viewport={"width": 1440, "height": 900}))
        made[-1].set_default_timeout(60_000)
        return made[-1]

    yield make
    for context in made:
        context.close()


def links_of(page: Page) -> list[str]:
    page.locator(".st-key-link button").click()
    expect(page.get_by_text(LINK).first).to_be_visible()
    return [one.strip() for one in page.get_by_text(LINK).all_inner_texts()]


def test_a_token_in_a_link_opens_moving_charts_and_a_class_link_all_but_the_doctor(
    open_tab: Callable[..., Tab], new_browser: Callable[[], BrowserContext], shared: Server
) -> None:
    page = open_tab(shared, f"?token={TOKEN}&problem=plane", new_browser()).page
    wait_for_movement(page)
    assert "problem=plane" in page.url
    assert "token" not in page.url
    expect(page.locator(".vq-reach")).to_have_text("open to other machines, by link")
    links = links_of(page)
    assert not any(TOKEN in link for link in links)
    (follow,) = [link for link in links if "watch=" in link]

    student = open_tab(shared, follow[follow.index("?") :], new_browser()).page
    wait_for_movement(student)
    assert "token" not in student.url
    trying = student.context.new_page()  # not one that must not complain: Streamlit says that there is no such page
    trying.goto(f"{shared.url}/doctor?path=/etc/passwd")
    expect(trying.get_by_role("link", name="Lessons")).to_be_visible()
    expect(trying.get_by_role("link", name="Doctor")).to_have_count(0)
    expect(trying.get_by_role("textbox", name=CHECKPOINT)).to_have_count(0)

    page.goto(f"{shared.url}/doctor")
    expect(page.get_by_role("textbox", name=CHECKPOINT)).to_be_visible()


def test_without_a_token_a_browser_is_told_how_to_come_in(
    new_browser: Callable[[], BrowserContext], shared: Server
) -> None:
    page = new_browser().new_page()
    answer = page.goto(shared.url)
    assert answer is not None
    assert answer.status == 403
    expect(page.get_by_text("Open the link that it printed")).to_be_visible()
