"""The Live page on the real server in a real browser: training that is watched, switched, left and found again."""

import re
import time
from collections.abc import Callable, Iterator

import pytest
from live_page import (
    BARS,
    CURVES,
    MAP,
    axis_title,
    choose,
    control,
    drag,
    pause,
    pick,
    press,
    seen,
    session_of,
    step_of,
    traces,
    umap_workers,
    wait_for_charts,
    wait_for_movement,
    wait_for_state,
    wait_for_step,
    wait_until,
    watch_removals,
)
from playwright.sync_api import BrowserContext, Page, TimeoutError, expect
from real_app import Server, Tab

from vqcore.starts.catalogue import find_start


@pytest.fixture
def plane(open_tab: Callable[..., Tab], server: Server) -> Iterator[Page]:
    """A page on a light session, which is paused afterwards to leave the cores to the next test."""
    page = open_tab(server, "?problem=plane").page
    wait_for_movement(page)
    yield page
    if page.locator(".vq-status").get_attribute("data-state") == "running":
        pause(page)


def test_from_the_empty_state_one_click_makes_charts_that_move(open_tab: Callable[..., Tab], server: Server) -> None:
    page = open_tab(server).page
    starts = page.locator("[class*='st-key-start-'] button:visible")
    expect(starts).to_have_count(6)  # and one for your images
    assert page.locator(".js-plotly-plot").count() == 0
    page.get_by_role("button", name="A healthy codebook").click()
    wait_for_charts(page)
    wait_for_step(page, find_start("healthy-codebook").pause_at)  # where it pauses itself
    expect(page.locator(".st-key-picture .vq-picture-canvas").first).to_be_visible()


def test_a_switch_is_in_force_at_once_and_marked_on_the_curves(plane: Page) -> None:
    before, thrown_at = step_of(plane), time.monotonic()
    choose(plane, "affine", "running")
    labels = f"{seen(CURVES)}.layout.annotations.map((label) => label.text)"
    wait_until(plane, f"{labels}.includes('affine running')")
    print(f"\nswitch on the curves after {time.monotonic() - thrown_at:.2f} s")
    marked = plane.evaluate(f"{seen(CURVES)}.layout.shapes[0].x0")
    wait_until(plane, "location.search.includes('affine=running')")
    assert before <= marked <= step_of(plane)
    wait_for_step(plane, marked + 1)


def test_a_reload_finds_the_same_session_further_on(plane: Page) -> None:
    session, before = session_of(plane), step_of(plane)
    plane.reload()
    wait_for_movement(plane)
    assert session_of(plane) == session
    assert step_of(plane) >= before


def test_another_browser_has_a_session_of_its_own(
    plane: Page, browser: BrowserContext, open_tab: Callable[..., Tab], server: Server
) -> None:
    context = browser.browser.new_context(viewport={"width": 1440, "height": 900})
    other = open_tab(server, "?problem=plane", context).page
    wait_for_movement(other)
    assert session_of(other) != session_of(plane)
    pause(other)
    wait_for_step(plane, step_of(plane) + 1)
    expect(plane.locator(".vq-status")).to_have_attribute("data-state", "running")


def test_the_link_keeps_a_switch_and_begins_another_session_with_it(
    plane: Page, open_tab: Callable[..., Tab], server: Server
) -> None:
    plane.locator(f"{control('beta')} input").press("ArrowLeft")
    wait_until(plane, "location.search.includes('beta=0.89')")
    plane.reload()
    wait_for_movement(plane)
    expect(plane.locator(f"{control('beta')} input")).to_have_value("0.89")
    shared = open_tab(server, "?problem=plane&beta=0.89&paused=1").page
    wait_for_charts(shared)
    expect(shared.locator(f"{control('beta')} input")).to_have_value("0.89")
    expect(shared.locator(".vq-status")).to_have_attribute("data-state", "paused")
    assert session_of(shared) != session_of(plane)


def test_nothing_is_wider_than_the_page(plane: Page) -> None:
    for width, height in ((1440, 900), (1024, 768)):
        for scheme in ("light", "dark"):
            plane.set_viewport_size({"width": width, "height": height})
            plane.emulate_media(color_scheme=scheme)
            wait_until(
                plane,
                """[...document.querySelectorAll('.js-plotly-plot')].every((plot) =>
                    plot._fullLayout.width === plot.clientWidth)""",
            )
            wider = """[document.documentElement, ...document.querySelectorAll(
                    '[data-testid=stMain], [data-testid=stSidebarContent], [class*=st-key-panel-]'
                )].filter((part) => part.scrollWidth > part.clientWidth)
                .map((part) => `${part.className} ${part.scrollWidth} > ${part.clientWidth}`)"""
            try:
                wait_until(plane, f"{wider}.length === 0", timeout=20_000)  # the page is laid out in several steps
            except TimeoutError:
                pytest.fail(f"{width} × {height}, {scheme}: {plane.evaluate(wider)}")


def test_paused_every_view_still_answers_and_the_link_keeps_it(open_tab: Callable[..., Tab], server: Server) -> None:
    page = open_tab(server, "?problem=digits&bars=usage").page
    wait_for_movement(page)
    pause(page)
    stood = step_of(page)
    choose(page, "order", "by code")
    wait_until(page, f"{axis_title(BARS)} === 'code'")
    choose(page, "scale", "linear")
    wait_until(page, f"document.querySelector('{BARS}').layout.yaxis.type === 'linear'")
    choose(page, "bars", "gradient")
    expect(page.get_by_text("Code gradients")).to_be_visible()
    for group, curve in {"P and C": "spread of P", "gradients": "reached"}.items():
        choose(page, "curves", group)
        wait_until(page, f"{traces(CURVES)}.some(({{name}}) => name === '{curve}')")
    choose(page, "map", "UMAP")
    wait_until(page, f"{axis_title()} === 'UMAP 1'")
    choose(page, "map", "PCA")
    wait_until(page, f"{axis_title()}.startsWith('PC 1')")
    assert step_of(page) == stood
    page.reload()
    wait_for_charts(page)
    wait_for_state(page, "paused")
    expect(page.get_by_text("Code gradients")).to_be_visible()
    assert page.evaluate(f"document.querySelector('{BARS}').layout.yaxis.type") == "linear"
    assert step_of(page) == stood


def selected_of(name: str) -> str:
    """How many points of one role are selected on the map."""
    return f"{traces(MAP)}.find((t) => t.meta?.role === '{name}').selectedpoints?.length"


def described(plot: str) -> str:
    return f"document.querySelector('{plot}')?.getAttribute('aria-label')"


def test_each_level_is_shown_in_the_same_charts_and_the_link_keeps_it(
    open_tab: Callable[..., Tab], server: Server
) -> None:
    page = open_tab(server, "?problem=digits&structure=residual&levels=3").page
    wait_for_movement(page)
    pause(page)
    watch_removals(page)
    choose(page, "bars", "levels")
    wait_until(page, f"{described(BARS)}?.startsWith('level 1:')")
    wait_until(page, f"document.querySelector('{BARS}').layout.uirevision === 'levels'")
    active = [int(count) for count in re.findall(r"level \d: (\d+) of 128", page.evaluate(described(BARS)))]
    assert len(active) == 3
    choose(page, "bars", "usage")
    page.locator(MAP).hover()
    page.locator(f'{MAP} .modebar-btn[data-title="Lasso Select"]').click()
    drag(page, MAP, [(0.3, 0.05), (0.7, 0.05), (0.7, 0.95), (0.3, 0.95), (0.3, 0.07)])
    wait_until(page, f"{selected_of('P')} > 10")
    selected = page.evaluate(selected_of("P"))
    for level in (2, 3, 1, 3):
        choose(page, "level", str(level))
        used = active[level - 1]
        wait_until(page, f"{described(BARS)} === 'Use of 128 codes; {128 - used} are not in use.'")
        wait_until(page, f"{traces(MAP)}.find((t) => t.name === 'Q').x.length === {used}")
        wait_until(page, f"document.querySelector('.vq-tiles').innerText.includes('in use · level {level}')")
        vectors = "z_e" if level == 1 else f"residuals before level {level}"
        expect(page.get_by_text(re.compile(f"held-out {vectors} "))).to_be_visible()
        wait_until(page, f"{selected_of('P')} === {selected} && {selected_of('Q')} > 0")  # the codes they have there
        expect(page.get_by_text(f"selected {selected:,} vectors")).to_be_visible()
    assert page.evaluate("window.removals") == 0
    assert page.evaluate("window.originals.every((node) => node.isConnected)")
    wait_until(page, "location.search.includes('level=3')")
    page.reload()
    wait_for_charts(page)
    wait_until(page, "document.querySelector('.vq-tiles')?.innerText.includes('in use · level 3')")
    wait_until(page, f"{described(BARS)} === 'Use of 128 codes; {128 - active[2]} are not in use.'")


def test_what_practitioners_use_instead_is_thrown_from_its_folded_group(plane: Page) -> None:
    expect(plane.locator(control("bypass"))).not_to_be_visible()
    plane.get_by_text("What practitioners use instead").click()
    choose(plane, "codebook_update", "ema")
    decay = plane.locator(f"{control('ema_decay')} input")
    expect(decay).to_be_visible()
    decay.fill("0.9")
    decay.press("Enter")
    wait_until(plane, "location.search.includes('ema_decay=0.9')")
    choose(plane, "estimator", "rotation")
    wait_until(plane, "location.search.includes('estimator=rotation')")
    for name, choice in {"input_norm": "unit", "codebook_norm": "capped", "replace_onto": "far"}.items():
        pick(plane, name, choice)
        wait_until(plane, f"location.search.includes('{name}={choice}')")
    plane.locator(f"{control('bypass')} label").click()
    wait_until(plane, "location.search.includes('bypass=true')")
    labels = f"JSON.stringify({seen(CURVES)}.layout.annotations)"  # crowded ones list theirs on hover
    for label in (
        "codes moved by ema",
        "EMA decay 0.9",
        "estimator rotation",
        "replacement onto far z_e",
        "bypass on",
    ):
        wait_until(plane, f"{labels}.includes('{label}')")
    expect(plane.locator(f"{control('sync')} input")).to_be_disabled()
    plane.locator(f"{control('bypass')} label").click()
    wait_until(plane, "!location.search.includes('bypass')")
    expect(plane.locator(f"{control('sync')} input")).to_be_enabled()
    expect(plane.locator(control("bypass"))).to_be_visible()  # the group has stayed open


def test_killing_umap_shows_pca_until_it_is_back_and_training_goes_on(
    open_tab: Callable[..., Tab], server: Server
) -> None:
    page = open_tab(server, "?problem=digits").page
    wait_for_movement(page)
    choose(page, "map", "UMAP")
    wait_until(page, f"{axis_title()} === 'UMAP 1'")
    (worker,) = umap_workers(server.process.pid)
    before = step_of(page)
    worker.kill()
    wait_until(page, f"{axis_title()}.startsWith('PC 1')")
    expect(page.get_by_text(re.compile("PCA for now: The UMAP process ended"))).to_be_visible()
    during = step_of(page)
    wait_until(page, f"{axis_title()} === 'UMAP 1'")
    assert [found.pid for found in umap_workers(server.process.pid)] != [worker.pid]
    assert before <= during < step_of(page)
    press(page, "play")
    wait_for_state(page, "paused")


def test_a_run_that_breaks_says_so_keeps_its_controls_and_can_begin_again(
    open_tab: Callable[..., Tab], server: Server
) -> None:
    page = open_tab(server, "?problem=digits&learning_rate=1e6&num_codes=40").page
    wait_for_state(page, "failed")
    expect(page.locator(".vq-story-state")).to_contain_text(
        re.compile(r"failed · .* became NaN or infinite at step \d+")
    )
    rate = page.locator(f"{control('learning_rate')} input")
    expect(rate).to_have_value("1000000")
    expect(page.locator(f"{control('num_codes')} input")).to_have_value("40")
    expect(page.locator(f"{control('beta')} input")).to_have_value("0.9")
    rate.fill("0.001")
    rate.press("Enter")
    wait_until(page, "!location.search.includes('learning_rate')")
    press(page, "restart")
    wait_until(page, "!document.body.innerText.includes('became NaN')")
    wait_for_state(page, "running")
    wait_for_movement(page)
    pause(page)


def test_a_collapse_is_named_and_a_remedy_thrown_from_the_verdict_is_marked_and_begins_nothing_anew(
    open_tab: Callable[..., Tab], server: Server
) -> None:
    page = open_tab(server, "?problem=digits").page
    wait_for_movement(page)
    named = re.compile(r"severe · index collapse over the last \d+ batches")
    expect(page.locator(".vq-story")).to_contain_text(named, timeout=60_000)
    page.locator(".st-key-verdict-why button:visible").click()
    remedy = page.locator("[class*='st-key-remedy-index-collapse-'] button:visible").filter(
        has_text="replace_every=20"
    )
    remedy.wait_for()
    assert page.evaluate("document.querySelector('.st-key-story-band').getBoundingClientRect().height") <= 48
    before = step_of(page)
    remedy.click()
    marks = f"{seen(CURVES)}.layout.shapes.map((shape) => shape.x0)"
    labels = f"{seen(CURVES)}.layout.annotations.map((label) => label.text)"
    wait_until(page, f"{labels}.includes('replacement every 20')")
    values = f'[...document.querySelectorAll("{control("replace_every")} input")].map((input) => input.value)'
    wait_until(page, f"`${{{values}}}` === '20'")  # once the control that it takes the place of has gone
    wait_for_step(page, step_of(page) + 2)  # recreated controls must not throw or restart anything themselves
    assert step_of(page) > before
    assert min(page.evaluate(marks)) >= before
    pause(page)
