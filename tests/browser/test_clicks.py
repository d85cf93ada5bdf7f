"""Clicks on the transport in a real browser, while the page is refreshed: each is obeyed once, and in order."""

import re
import time
from collections.abc import Callable, Iterator

import pytest
from live_page import wait_for_state, wait_until
from playwright.sync_api import Page
from real_app import Server, Tab, app_server

PATTERN = ("play", "play", "play", "step", "step", "play")
CLICKS = [PATTERN[number % len(PATTERN)] for number in range(60)]
GAPS = [(0, 10, 20, 35, 60, 100, 170, 250)[number % 8] for number in range(60)]
"""Milliseconds after each click: at all distances from the ends and starts of the script's runs."""

SECONDS = 60


@pytest.fixture(scope="module")
def noting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with app_server(tmp_path_factory.mktemp("app") / "log.txt", module="tests.browser.noting_server") as running:
        yield running


def meant(clicks: list[str], *, running: bool) -> list[str]:
    """What clicks on a training mean that runs or not."""
    commands = []
    for name in clicks:
        running = name == "play" and not running
        commands.append("StepCommand" if name == "step" else "ResumeCommand" if running else "PauseCommand")
    return commands


def taken_up(server: Server, many: int) -> list[str]:
    """The commands that the session took up, as soon as there are `many`, or after a time all the same."""
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        found = re.findall(r"^took up (\w+)$", server.log.read_text(), re.MULTILINE)
        if len(found) >= many:
            return found
        time.sleep(0.05)
    return found


def click(page: Page, names: list[str], gaps: list[int]) -> None:
    """Click in the page itself, each `gaps` milliseconds after the one before."""
    page.evaluate(
        """async ([names, gaps]) => {
            for (const [place, name] of names.entries()) {
                document.querySelector(`.vq-transport .vq-${name}`).click();
                await new Promise((done) => setTimeout(done, gaps[place]));
            }
        }""",
        [names, gaps],
    )


@pytest.mark.parametrize("path", ["", "compare"])
def test_each_click_is_obeyed_once_and_in_order(open_tab: Callable[..., Tab], noting: Server, path: str) -> None:
    variants = "&v1=one&v2=two;sync=0.5" if path else ""
    page = open_tab(noting, f"{path}?problem=plane&rate=8{variants}").page
    wait_for_state(page, "running")
    wait_until(page, "document.querySelector('.vq-play')?.dataset.meaning === 'pause'")
    before = len(taken_up(noting, 0))
    click(page, CLICKS, GAPS)
    expected = meant(CLICKS, running=True)
    assert taken_up(noting, before + len(expected))[before:] == expected
    wait_for_state(page, "running" if expected[-1] == "ResumeCommand" else "paused")
    label = page.locator(".vq-play").get_attribute("aria-label")
    assert label is not None
    assert label.startswith("Pause" if expected[-1] == "ResumeCommand" else "Train on")
    assert len(taken_up(noting, 0)) == before + len(expected)


def test_play_follows_a_training_that_pauses_by_itself_in_the_moment_that_says_so(
    open_tab: Callable[..., Tab], server: Server
) -> None:
    page = open_tab(server, "?start=ranked-remedies&rate=8").page
    wait_for_state(page, "running")
    page.evaluate(
        """() => {
            const state = document.querySelector(".vq-status-state");
            const play = document.querySelector(".vq-play");
            const note = () => { if (state.textContent === "paused") window.atThePause ??= play.dataset.meaning; };
            new MutationObserver(note).observe(state, { childList: true, characterData: true, subtree: true });
        }"""
    )
    wait_until(page, "window.atThePause !== undefined")
    assert page.evaluate("window.atThePause") == "resume"
