"""What stands on the page in a real browser is of one moment: how many codes are in use, in every part."""

from collections.abc import Callable

from live_page import wait_for_charts
from playwright.sync_api import Page
from real_app import Server, Tab

FRAMES = 20
READ = """(last) => {
    const of = (selector) => document.querySelector(selector)?.innerText ?? '';
    const whole = (text) => Number(text?.replaceAll(',', ''));
    const story = of('.vq-story');
    const step = whole(/Step ([\\d,]+)/.exec(story)?.[1]);
    if (!(step > last)) return null;
    return {
        step,
        story: whole(/in use (?:[\\d,]+ → )?([\\d,]+) of/.exec(story)?.[1]),
        tile: whole(of('.vq-tile-value')),
        caption: whole(/([\\d,]+) of [\\d,]+ in use/.exec(of('.st-key-bars-said'))?.[1]),
    };
}"""


def seen_after(page: Page, step: int) -> dict[str, int]:
    """The page once it shows a later step and nothing is left to be drawn."""
    return page.wait_for_function(READ, arg=step, timeout=60_000).json_value()


def test_twenty_frames_of_a_running_page_each_tell_of_one_moment(
    open_tab: Callable[..., Tab], server: Server
) -> None:
    page = open_tab(server, "?problem=digits&rate=8").page
    wait_for_charts(page)
    step = -1
    for _ in range(FRAMES):
        seen = seen_after(page, step)
        step = seen.pop("step")
        assert len(set(seen.values())) == 1, (step, seen)
