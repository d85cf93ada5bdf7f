"""The first path, a lecture link and a follow link, on the real server in a real browser."""

import re
import time
from collections.abc import Callable

import pytest
from live_page import control, pause, press, session_of, step_of, wait_for_charts, wait_for_step, wait_until
from playwright.sync_api import BrowserContext, Page, expect
from real_app import Server, Tab

MOST_CLICKS = 3
LINE = ".vq-story"
STRIP = ".vq-experiments"
RECOVERIES = {
    "A photograph loses its colours": ("Affine", "in use"),
    "A classifier goes blind": ("Alternating + sync", "right"),
    "The remedies, ranked": ("Both", "in use"),
    "Codes that lag behind": ("Sync", "in use"),
}
"""By start: the experiment that is pressed, and the row of the table in which it beats doing nothing."""

PICTURES_OF_OTHER_RUNS = """() => {
    const [root, line] = ['.vq-picture-root', '.vq-story'].map((name) => document.querySelector(name));
    const after = root.vqPicture.data.step;
    window.apart = [];
    const look = () => {
        window.told = Number(/Step ([\\d,]*\\d)/.exec(line.innerText)[1].replaceAll(',', ''));
        const { step } = root.vqPicture.data;
        if (step !== after) window.pictured = step;
        const isShown = !root.classList.contains('vq-late') || root.querySelector('.vq-picture-info').innerText;
        if (step > window.told && isShown) window.apart.push([step, window.told]);
        requestAnimationFrame(look);
    };
    look();
}"""


def cell(page: Page, experiment: str, row: str) -> float:
    """The number below an experiment in the row that begins so."""
    names = page.locator(f"{STRIP} thead button").all_inner_texts()
    line = page.locator(f"{STRIP} tbody tr").filter(has=page.locator("th", has_text=row)).locator("td")
    return float(re.sub("[★,% s]", "", line.nth(names.index(experiment)).inner_text()))


def is_done(page: Page, experiment: str) -> None:
    done = page.locator(f"{STRIP} th button.done", has_text=experiment).first
    expect(done).to_be_visible(timeout=240_000)


@pytest.mark.parametrize("title", RECOVERIES)
def test_from_the_opened_page_to_a_collapse_and_a_recovery_by_one_experiment(
    title: str, open_tab: Callable[..., Tab], server: Server
) -> None:
    experiment, row = RECOVERIES[title]
    page = open_tab(server).page
    page.evaluate("window.clicks = 0; addEventListener('click', () => window.clicks++, true)")
    opened = time.monotonic()
    page.get_by_role("button", name=title).click()
    expect(page.locator(f"{STRIP} p")).to_contain_text("Which switch would you throw?", timeout=240_000)
    paused = time.monotonic() - opened
    panels = "[...document.querySelectorAll('[class*=st-key-panel-]')]"
    for width, height in ((1024, 768), (1440, 900)):
        page.set_viewport_size({"width": width, "height": height})
        wait_until(page, f"Math.max(...{panels}.map((panel) => panel.getBoundingClientRect().bottom)) <= {height}")
    page.locator(f"{STRIP} th button", has_text=experiment).first.click()
    is_done(page, experiment)
    seconds, clicks = time.monotonic() - opened, page.evaluate("window.clicks")
    print(f"\n{title}: paused after {paused:.1f} s, {experiment} done after {seconds:.1f} s and {clicks} clicks")
    assert clicks <= MOST_CLICKS
    is_done(page, "Do nothing")
    assert cell(page, experiment, row) > 1.5 * cell(page, "Do nothing", row)
    expect(page.locator(LINE)).to_contain_text("twin without it")

    # Another run's picture takes a while to decode: until then the one before it is dimmed, and says no number.
    page.evaluate(PICTURES_OF_OTHER_RUNS)
    page.get_by_role("button", name="Back to the pause").click()
    wait_until(page, "window.pictured !== undefined && window.pictured === window.told")
    assert page.evaluate("window.apart") == []


def test_a_lecture_link_shows_what_it_leaves_and_without_a_sidebar_the_charts_have_its_room(
    open_tab: Callable[..., Tab], server: Server
) -> None:
    page = open_tab(server, "?problem=plane&only=affine,view&lock=view").page
    wait_for_charts(page)
    labels = page.locator("[data-testid=stSidebar] [data-testid=stWidgetLabel]:visible")
    expect(labels).to_have_text(["Affine map of codes", "Affine groups", "Affine rate ×"])
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
