"""The Lessons page in a real browser: one lesson from start to end by keyboard alone."""

from collections.abc import Callable
from urllib.parse import urlencode

from live_page import wait_until
from playwright.sync_api import expect
from real_app import Server, Tab

from app.lessons.links import try_it_link
from demos.lesson_1_quantizer import LESSON

MAP = ".st-key-lesson-map-0 .js-plotly-plot"


def at_step(number: int) -> str:
    return f"document.querySelector('.vq-way')?.innerText.includes('step {number} of 6')"


def test_a_lesson_is_walked_by_keyboard_on_a_projector(
    server: Server, open_tab: Callable[[Server, str], Tab]
) -> None:
    tab = open_tab(server, "lessons?lesson=quantizer")
    page = tab.page
    page.set_viewport_size({"width": 1024, "height": 768})
    wait_until(page, f"{at_step(1)} && document.querySelector('{MAP}')?._fullLayout")
    for number in (2, 3):
        page.keyboard.press("ArrowRight")
        wait_until(page, at_step(number))
    moving = f"document.querySelector('{MAP}')?.closest('.st-key-lesson-charts').innerText"
    wait_until(page, f"/, step [1-9]/.test({moving})")
    runs = tab.sent_to_script
    expect(page.get_by_text("Here: the task loss went from")).to_be_visible(timeout=60_000)
    assert tab.sent_to_script - runs <= 2  # once the moment is there; again where a busy server was slow to answer
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("The charts come after your guess.")).to_be_visible()
    assert page.locator(".st-key-lesson-charts .js-plotly-plot").count() == 0
    page.keyboard.press("ArrowLeft")
    wait_until(page, at_step(3))
    page.keyboard.press("ArrowRight")
    first = page.get_by_role("button", name="4 codes", exact=True)
    first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(first).to_have_count(0)
    expect(page.locator(".st-key-lesson-compare-0 .js-plotly-plot")).to_be_visible()
    here = page.url.removeprefix(f"{server.url}/")
    page.close()  # in the middle: another tab at the same address finds it all as it was
    page = open_tab(server, here).page
    page.set_viewport_size({"width": 1024, "height": 768})
    wait_until(page, at_step(4))
    expect(page.get_by_text("You guessed")).to_be_visible(timeout=60_000)
    scrolled = "(() => { const m = document.querySelector('.stMain'); return m.scrollHeight - m.clientHeight; })()"
    assert page.evaluate(scrolled) <= 0
    sizes = "[...document.querySelectorAll('.vq-lesson p')].map(p => parseFloat(getComputedStyle(p).fontSize))"
    assert min(page.evaluate(sizes)) >= 18
    for number in (5, 6):
        page.keyboard.press("ArrowRight")
        wait_until(page, at_step(number))
    _, query = try_it_link(LESSON.try_it, 0)
    link = page.get_by_role("link", name="Open the Live page")
    expect(link).to_have_attribute("href", f"./?{urlencode(query)}")
