"""What stands on the page in a real browser is of one moment: how many codes are in use, in every part.

`VQ_MOMENTS=300 pytest tests/browser/test_one_moment_in_browser.py` reads that many of every problem and every start.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest
from live_page import MAP, control, pause, press, traces, wait_for_charts, wait_for_state, wait_until
from playwright.sync_api import Page
from real_app import Server, Tab

from vqcore.problems.catalogue import PROBLEMS
from vqcore.starts.catalogue import STARTS

FRAMES = int(os.environ.get("VQ_MOMENTS", "20"))
IS_LONG = "VQ_MOMENTS" in os.environ
SLOW = {"vqvae", "alexnet", "resnet18", "vit"}
"""Less than a moment a second on two cores: a tenth of the frames."""

READ = """(last) => {
    const of = (selector) => document.querySelector(selector)?.innerText ?? '';
    const whole = (text) => Number(text?.replaceAll(',', ''));
    const story = of('.vq-story');
    const step = whole(/Step ([\\d,]+)/i.exec(story)?.[1]);
    if (!(step > last)) return null;
    return {
        step,
        story: whole(/in use (?:[\\d,]+ → )?([\\d,]+) of/.exec(story)?.[1]),
        tile: whole(of('.vq-tile-value')),
        caption: whole(/([\\d,]+) of [\\d,]+ in use/.exec(of('.st-key-bars-said'))?.[1]),
    };
}"""
CROSSES = f"{traces(MAP)}.find((trace) => trace.name === 'dead')?.x.length ?? 0"
CODES = "Number(/of ([\\d,]+)/.exec(document.querySelector('.vq-tile-of').innerText)[1].replaceAll(',', ''))"
HAS_PAUSED = "(document.querySelector('.vq-status').dataset.state === 'paused' && 'paused')"
AT_REST = f"""() => {{
    const dead = {CROSSES}, in_use = Number(document.querySelector('.vq-tile-value').innerText.replaceAll(',', ''));
    return {{ map: {CODES} - dead, tile: in_use }};
}}"""


def agreed(seen: dict[str, Any]) -> int:
    """The step of what was seen, once all parts say one count."""
    step = seen.pop("step", None)
    assert len(set(seen.values())) == 1, (step, seen)
    return -1 if step is None else int(step)


def seen_after(page: Page, step: int) -> dict[str, Any]:
    """The page once it shows a later step and nothing is left to be drawn."""
    return page.wait_for_function(READ, arg=step, timeout=60_000).json_value()


def agree_at_rest(page: Page) -> None:
    """Every part says one count, and the map has as many crosses as codes are missing from it."""
    agreed(seen_after(page, -1))
    wait_until(page, f"(({AT_REST})().map === ({AT_REST})().tile)", timeout=10_000)


def frames_of(page: Page, count: int) -> None:
    """Read that many moments of a page, and play on where a start has paused itself."""
    step = -1
    while count:
        seen = page.wait_for_function(
            f"(last) => ({READ})(last) ?? {HAS_PAUSED}", arg=step, timeout=60_000
        ).json_value()
        if seen == "paused":
            agree_at_rest(page)
            page.locator("button.vq-play[data-meaning=resume]").click()  # once the page's script has drawn it so
            wait_for_state(page, "running")
        else:
            step, count = agreed(seen), count - 1


@pytest.mark.parametrize("problem", PROBLEMS if IS_LONG else ["digits"])
def test_frames_and_moments_looked_back_at_each_tell_of_one_moment(
    problem: str, open_tab: Callable[..., Tab], server: Server
) -> None:
    page = open_tab(server, f"?problem={problem}&rate=8").page
    wait_for_charts(page)
    frames_of(page, FRAMES // 10 if problem in SLOW else FRAMES)
    pause(page)
    agree_at_rest(page)
    page.locator(".vq-time input").focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
        wait_until(page, "/showing step/i.test(document.querySelector('.vq-story').innerText)")
        agree_at_rest(page)


if IS_LONG:  # no test is skipped where it is not

    @pytest.mark.parametrize("start", [start.title for start in STARTS])
    def test_a_start_and_its_fork_tell_of_one_moment(
        start: str, open_tab: Callable[..., Tab], server: Server
    ) -> None:
        page = open_tab(server).page
        page.get_by_role("button", name=start).click()
        wait_for_charts(page)
        frames_of(page, FRAMES)
        press(page, "fork-0")
        page.get_by_role("button", name="Fork", exact=True).click()
        page.locator(".st-key-bar-variants").wait_for()
        frames_of(page, 10)

    def test_a_failed_run_tells_of_its_last_moment(open_tab: Callable[..., Tab], server: Server) -> None:
        page = open_tab(server, "?problem=digits&rate=8").page
        wait_for_charts(page)
        rate = page.locator(f"{control('learning_rate')} input")
        rate.fill("1000000")
        rate.press("Enter")
        wait_for_state(page, "failed")
        agree_at_rest(page)
