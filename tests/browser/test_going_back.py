"""Going back in time in a real browser: the slider, playing, and back to live while training goes on."""

import re
from collections.abc import Callable

import pytest
from live_page import (
    BARS,
    CURVES,
    MAP,
    pause,
    seen,
    step_of,
    traces,
    wait_for_charts,
    wait_for_step,
    wait_until,
    watch_removals,
)
from playwright.sync_api import Page, expect
from real_app import Server, Tab

SHOWING = (
    "Number(/Showing step ([\\d,]+)/.exec(document.querySelector('.vq-story').innerText)?.[1].replaceAll(',', ''))"
)
CURSOR = f"{seen(CURVES)}.layout.shapes.at(-1)?.x0"


@pytest.fixture(scope="module")
def seen_for_a_while() -> list[str]:
    """The link to a session that was watched for 500 steps, once a test has made it."""
    return []


@pytest.fixture
def page(open_tab: Callable[..., Tab], server: Server, seen_for_a_while: list[str]) -> Page:
    page = open_tab(server, *(seen_for_a_while or ["?problem=plane&bars=usage"])).page
    wait_for_charts(page)
    wait_for_step(page, 520)
    if page.locator(".vq-status").get_attribute("data-state") == "running":
        seen_for_a_while[:] = [page.url.removeprefix(server.url + "/")]
    return page


def moments(page: Page) -> list[int]:
    """The steps kept, read off the ticks under the slider."""
    slider = page.locator(".vq-time input")
    first, newest = int(slider.get_attribute("min")), int(slider.get_attribute("max"))
    path = page.locator(".vq-time path").first.get_attribute("d")
    return [round(first + float(x) * (newest - first) / 1000) for x in re.findall(r"M([\d.]+)", path)]


def slide(page: Page, share: float) -> None:
    box = page.locator(".vq-time input").bounding_box()
    page.mouse.click(box["x"] + 8 + share * (box["width"] - 16), box["y"] + box["height"] / 2)


def test_every_view_goes_back_while_training_goes_on_and_live_returns(page: Page) -> None:
    embeddings = f"{traces(MAP)}.find((trace) => trace.name === 'P').x"  # dead codes rest
    drawn = f"JSON.stringify([...{embeddings}.slice(0, 5)])"
    watch_removals(page)
    now = page.evaluate(drawn)
    slide(page, 0.02)
    wait_until(page, f"{SHOWING} >= 0")
    shown = page.evaluate(SHOWING)
    newest = step_of(page)
    assert shown < newest - 400
    wait_until(page, f"{CURSOR} === {shown}")
    wait_until(page, f"{drawn} !== {now!r}")
    then = page.evaluate(drawn)
    wait_until(page, f"location.search.includes('at={shown}')")
    wait_for_step(page, newest + 30)
    assert page.evaluate(SHOWING) == shown
    assert page.evaluate(drawn) == then
    page.reload()
    wait_for_charts(page)
    wait_until(page, f"{SHOWING} === {shown}")
    wait_until(page, f"{drawn} === {then!r}")
    page.get_by_role("button", name="live", exact=True).click()
    wait_until(page, f"Number.isNaN({SHOWING})")
    wait_until(page, "!location.search.includes('at=')")
    wait_until(page, f"{drawn} !== {then!r}")


def test_arrows_go_from_moment_to_moment(page: Page) -> None:
    pause(page)
    page.locator(".vq-time input").focus()
    for back in (1, 2, 3):
        page.keyboard.press("ArrowLeft")
        wait_until(page, f"{SHOWING} === {moments(page)[-back]}")
    page.keyboard.press("ArrowRight")
    wait_until(page, f"{SHOWING} === {moments(page)[-2]}")


def test_playing_passes_through_the_past_and_ends_live(page: Page) -> None:
    page.evaluate(
        """() => {
            [window.seen, window.apart] = [[], []];
            const look = () => {
                const shown = /Showing step ([\\d,]*\\d)/.exec(document.querySelector('.vq-story').innerText)?.[1];
                if (shown && window.seen.at(-1) !== shown) window.seen.push(shown);
                const [button, says] = ['play', 'says'].map((name) => document.querySelector(`.vq-time-${name}`));
                const [does, told] = [button.getAttribute('aria-label'), says.innerText];
                if (shown && does === 'Stop playing' && told !== `step ${shown}`) window.apart.push([shown, told]);
                requestAnimationFrame(look);
            };
            look();
        }"""
    )
    watch_removals(page)
    page.get_by_label("speed", exact=True).select_option("4")  # 60 would be over before a second moment is drawn
    page.get_by_role("button", name="Play the moments kept so far").click()
    wait_until(page, "window.seen.length >= 2")
    expect(page.get_by_role("button", name="Stop playing")).to_be_visible()
    wait_until(page, f"Number.isNaN({SHOWING}) && document.querySelector('.vq-time').dataset.live === 'true'")
    seen = [int(step.replace(",", "")) for step in page.evaluate("window.seen")]
    print(f"\nplayed {seen}")
    assert seen == sorted(seen)
    assert page.evaluate("window.apart") == []
    assert page.evaluate("window.removals") == 0


def test_usage_through_time_is_drawn_with_its_cursor(page: Page) -> None:
    page.locator(".st-key-view-bars").get_by_text("time", exact=True).click()
    wait_until(page, f"{traces(BARS)}[0]?.type === 'heatmap'")
    cells = page.evaluate(f"{traces(BARS)}[0].z.length")
    assert cells == 32
    slide(page, 0.3)
    wait_until(page, f"{seen(BARS)}.layout.shapes.at(-1)?.x0 === {SHOWING}")
    page.get_by_text("by usage now", exact=True).click()
    wait_until(page, "location.search.includes('rows=by+usage+now')")
