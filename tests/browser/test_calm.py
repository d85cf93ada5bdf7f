"""The Live page stays where it is, and fills the window."""

from collections.abc import Callable

from live_page import press, wait_for_charts, wait_until
from playwright.sync_api import Page, expect
from real_app import Server, Tab

MAIN = "document.querySelector('main')"
BOXES = """Object.fromEntries([...document.querySelectorAll('[class*="st-key-panel-"], .vq-tiles')].map((panel) => {
    const { x, y, width, height } = panel.getBoundingClientRect();
    return [panel.className.match(/st-key-[\\w-]+|vq-tiles/)[0], [x, y, width, height].map(Math.round)];
}))"""


def boxes(page: Page) -> dict[str, list[int]]:
    """Where each panel lies."""
    found: dict[str, list[int]] = page.evaluate(BOXES)
    return found


def boxes_at_rest(page: Page) -> dict[str, list[int]]:
    """The same once half a second has changed none of them: a page that opens still finds its sizes."""
    wait_until(
        page,
        f"""(() => {{
            const now = JSON.stringify({BOXES});
            if (now !== window.lay) Object.assign(window, {{ lay: now, laidAt: performance.now() }});
            return performance.now() - window.laidAt > 500;
        }})()""",
    )
    return boxes(page)


def test_no_panel_moves_when_something_is_refused_chosen_or_forked(
    open_tab: Callable[..., Tab], server: Server
) -> None:
    page = open_tab(server, "?problem=digits&num_codes=32&paused=1").page
    wait_for_charts(page)
    wait_until(page, "document.querySelectorAll('.st-key-picture canvas').length === 3")
    wait_until(page, f"{MAIN}.scrollHeight <= 900")
    before = boxes_at_rest(page)
    assert len(before) == 5

    press(page, "replace_now")
    expect(page.locator(".vq-story-state")).to_contain_text("no step has been trained")
    assert boxes(page) == before

    page.locator(".st-key-picture canvas").last.click(position={"x": 4, "y": 4})  # a place of the code map
    expect(page.locator(".st-key-clear button:visible")).to_be_enabled()
    assert boxes(page) == before

    press(page, "fork-0")
    page.get_by_role("button", name="Fork", exact=True).click()
    expect(page.locator(".st-key-bar-variants")).to_be_visible()
    expect(page.locator("[data-testid=stPopoverBody]")).to_have_count(0)
    assert boxes(page) == before
    page.get_by_role("link", name="See side by side").click()  # by one click: nothing is open that would take it
    page.wait_for_url("**/compare*")


def test_a_high_window_is_filled_and_in_a_low_one_nothing_scrolls(
    open_tab: Callable[..., Tab], server: Server
) -> None:
    page = open_tab(server, "?problem=digits&num_codes=32&paused=1").page
    wait_for_charts(page)
    boxes_at_rest(page)
    assert page.evaluate("document.querySelector('[data-testid=stSidebarContent]').scrollHeight") <= 900
    page.set_viewport_size({"width": 1024, "height": 768})
    wait_until(page, f"{MAIN}.scrollHeight <= 768")
    page.set_viewport_size({"width": 1920, "height": 1080})
    wait_until(page, f"{BOXES}['st-key-panel-curves'][3] + {BOXES}['st-key-panel-curves'][1] > 1040")
    assert page.evaluate(f"{MAIN}.scrollHeight") <= 1080
