"""What is chosen in one chart is chosen in all, stays through refreshes and reloads, and is in the URL."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from live_page import (
    BARS,
    CURVES,
    MAP,
    choose,
    control,
    count_draws,
    drag,
    pause,
    press,
    seen,
    step_of,
    traces,
    wait_for_charts,
    wait_for_movement,
    wait_until,
    watch_removals,
)
from playwright.sync_api import Page, expect
from real_app import Server, Tab

from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer

REFRESHES = 100
EXAMPLES = ".st-key-examples-plot .js-plotly-plot"
CARD = ".st-key-code-card .vq-card"
LASSO = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.04)]
ALL = [(0.1, 0.5), (0.9, 0.5)]
LATE_INPUTS = """
    window.vqScopeStage = { places: new Map(), parts: new Map(), extra: new Set() };
    vqScopeStage.extra.add = () => {};
"""
"""What a hand on the map asks for is not asked for."""


@pytest.fixture
def opened(open_tab: Callable[..., Tab], server: Server) -> Iterator[Callable[[str], Page]]:
    """Opens pages whose sessions are paused afterwards, to leave the cores to the next test."""
    pages: list[Page] = []

    def open_(query: str) -> Page:
        page = open_tab(server, f"{query}&bars=usage&examples=inputs").page
        pages.append(page)
        wait_for_charts(page)
        return page

    yield open_
    for page in pages:
        if page.locator(".vq-status").get_attribute("data-state") == "running":
            pause(page)


def chosen(role: str, plot: str = MAP) -> str:
    """The ids of one role that a chart shows as chosen, ascending; null where nothing is."""
    return f"""(() => {{
        const trace = {traces(plot)}?.find((t) => t.meta?.role === '{role}');
        return trace?.selectedpoints ? [...trace.selectedpoints].map((row) => trace.customdata[row])
            .sort((a, b) => a - b) : null;
    }})()"""


def bright_bars(page: Page) -> list[int]:
    """The codes whose bars stand out from the grey ones."""
    return page.evaluate(
        f"""(() => {{
            const [all, kept] = document.querySelector('{BARS}')._fullData;
            if (kept?.name !== 'chosen') return [];
            const low = Math.min(...kept.y);
            return [...all.customdata].filter((_, row) => kept.y[row] > low).sort((a, b) => a - b);
        }})()"""
    )


def click_bar(page: Page, place: int, shift: bool = False) -> int:
    """Click on the bar at this place from the left, once there are bars; returns its code."""
    wait_until(page, f"document.querySelector('{BARS}')?._fullLayout")
    at = page.evaluate(
        f"""(() => {{
            const plot = document.querySelector('{BARS}');
            const {{ xaxis, yaxis }} = plot._fullLayout;
            const box = plot.querySelector('.nsewdrag').getBoundingClientRect();
            return [box.x + xaxis.l2p({place}), box.bottom - 12];
        }})()"""
    )
    page.locator(BARS).scroll_into_view_if_needed()
    code = page.evaluate(f"document.querySelector('{BARS}')._fullData[0].customdata[{place}]")
    page.mouse.move(*at, steps=3)
    page.mouse.click(*at)
    return code


def test_a_thousand_chosen_points_and_a_zoom_outlive_a_hundred_refreshes_that_remove_no_chart(
    opened: Callable[[str], Page],
) -> None:
    page = opened("?problem=digits&rate=8")  # a hundred at two a second would take 50 s
    wait_for_movement(page)
    zoom = f"[...document.querySelector('{CURVES}')._fullLayout.xaxis.range]"
    watch_removals(page)
    page.locator(MAP).hover()
    page.locator(f'{MAP} .modebar-btn[data-title="Lasso Select"]').click()
    before = step_of(page)
    drag(page, MAP, LASSO)
    wait_until(page, f"{chosen('P')}?.length >= 1000")
    expect(page.get_by_text(re.compile(r"selected [\d,]+ vectors"))).to_be_visible()
    vectors = page.evaluate(chosen("P"))
    drag(page, CURVES, [(0.3, 0.2), (0.7, 0.2)])
    wait_until(page, f"({zoom})[0] > 0")
    zoomed = page.evaluate(zoom)
    count_draws(page, MAP)  # the one that every refresh draws
    wait_until(page, f"window.draws >= {REFRESHES}", timeout=300_000)
    assert page.evaluate(chosen("P")) == vectors
    assert page.evaluate(zoom) == zoomed
    assert page.evaluate("window.removals") == 0
    assert page.evaluate("window.originals.every((node) => node.isConnected)")
    assert step_of(page) > before
    wait_until(page, "location.search.includes('select=')")
    assert len(parse_qs(urlsplit(page.url).query)["select"][0]) <= 1500
    page.reload()
    wait_for_movement(page)
    wait_until(page, f"{chosen('P')} !== null")
    assert page.evaluate(chosen("P")) == vectors
    print(f"\n{len(vectors)} vectors chosen; the URL has {len(page.url)} characters")
    page.locator(MAP).hover()
    page.keyboard.press("Escape")
    wait_until(page, f"{chosen('P')} === null")


def test_a_click_on_a_bar_chooses_its_code_and_vectors_everywhere_and_a_double_click_lets_go(
    opened: Callable[[str], Page],
) -> None:
    page = opened("?problem=digits&code_init=kmeans&replace_every=20")
    wait_for_movement(page)
    pause(page)
    code = click_bar(page, 5)
    wait_until(page, f"JSON.stringify({chosen('Q')}) === '[{code}]'")
    members = page.evaluate(
        f"""(() => {{
            const p = {traces(MAP)}.find((t) => t.meta?.role === 'P');
            return [...p.customdata].filter((_, row) => p.text[row] === {code});
        }})()"""
    )
    assert page.evaluate(chosen("P")) == members
    assert len(members) > 0
    wait_until(page, f"document.querySelector('{BARS}')._fullData[1]?.name === 'chosen'")
    assert bright_bars(page) == [code]
    expect(page.locator(CARD)).to_be_visible()
    expect(page.get_by_text(f"Code {code}", exact=True)).to_be_visible()
    wait_until(page, f"location.search.includes('select=c{code}')")
    page.get_by_text("inputs", exact=True).click()
    wait_until(page, f"document.querySelector('{EXAMPLES}')?._fullLayout")
    box = page.locator(f"{MAP} .nsewdrag").first.bounding_box()
    page.mouse.dblclick(box["x"] + 5, box["y"] + 5)
    wait_until(page, "!location.search.includes('select=')")
    wait_until(page, f"{chosen('P')} === null")
    wait_until(page, f"document.querySelector('{BARS}')._fullData[1]?.name !== 'chosen'")  # drawn after the map
    assert bright_bars(page) == []


def test_a_click_on_a_cell_of_a_code_map_chooses_its_code_and_the_button_lets_go(
    opened: Callable[[str], Page],
) -> None:
    page = opened("?problem=digits&code_init=kmeans&replace_every=20")
    wait_for_movement(page)
    pause(page)
    wait_until(page, f"document.querySelector('{EXAMPLES}')?._fullLayout")
    page.locator(EXAMPLES).scroll_into_view_if_needed()
    x, y, code = page.evaluate(
        f"""(() => {{
            const plot = {seen(EXAMPLES)};
            const cells = plot._fullData.find((t) => t.meta?.role === 'Q');
            const {{ xaxis, yaxis }} = plot._fullLayout;
            const box = plot.querySelector('.nsewdrag').getBoundingClientRect();
            return [box.x + xaxis.l2p(cells.x[5]), box.y + yaxis.l2p(cells.y[5]), cells.customdata[5]];
        }})()"""
    )
    page.mouse.move(x, y, steps=3)
    page.mouse.click(x, y)
    wait_until(page, f"JSON.stringify({chosen('Q')}) === '[{code}]'")
    expect(page.locator(CARD)).to_be_visible()
    page.locator(".st-key-clear button:visible").click()
    wait_until(page, f"{chosen('Q')} === null")
    wait_until(page, f"document.querySelector('{EXAMPLES}')?._fullLayout")


def test_a_vector_under_the_pointer_says_its_place_and_a_click_shows_its_input_beside_its_legend(
    opened: Callable[[str], Page],
) -> None:
    page = opened("?problem=digits&paused=1&code_init=kmeans")
    page.add_init_script(LATE_INPUTS)
    page.reload()
    wait_for_charts(page)
    # The one that lies furthest from the middle has no other point near it.
    vector, code, x, y = page.evaluate(
        f"""(() => {{
            const p = {traces(MAP)}.find((t) => t.meta?.role === 'P');
            const plot = document.querySelector('{MAP}');
            const {{ xaxis, yaxis }} = plot._fullLayout;
            const box = plot.querySelector('.nsewdrag').getBoundingClientRect();
            const row = [...p.x.keys()].reduce((far, at) => (Math.abs(p.x[at]) > Math.abs(p.x[far]) ? at : far), 0);
            return [p.customdata[row], p.text[row], box.x + xaxis.l2p(p.x[row]), box.y + yaxis.l2p(p.y[row])];
        }})()"""
    )
    given, place = divmod(vector, 16)
    page.mouse.move(x, y)
    told = page.locator(f"{MAP} .hovertext").first
    expect(told).to_contain_text(f"input {given}, row {place // 4}, column {place % 4}")
    expect(told).to_contain_text(f"code {code}")
    picture = page.locator(f"{MAP} .vq-hover-input")
    expect(picture).to_be_hidden()
    page.evaluate("() => { const s = vqScopeStage; delete s.extra.add; s.extra.add('map-inputs'); s.ask(true); }")
    expect(picture).to_be_visible()
    assert picture.get_attribute("data-input") == str(given)
    page.mouse.click(x, y)
    wait_until(page, f"JSON.stringify({chosen('P')}) === '[{vector}]'")
    shown = page.locator(EXAMPLES)
    where = rf"z_e {vector:,}: row {place // 4}, column {place % 4}"
    expect(shown).to_have_attribute("aria-label", re.compile(rf"^input {given}, .*{where}.*code {code} at"))
    legend = page.locator(f"{MAP} .annotation-text", has_text="area = use")
    colours = legend.locator("tspan[style*=fill]").evaluate_all("(signs) => signs.map((sign) => sign.style.fill)")
    assert colours[:3] == ["rgb(0, 114, 178)", "rgb(230, 159, 0)", "rgb(213, 94, 0)"]  # P, C, Q on a light page


def test_a_box_over_the_bars_chooses_their_codes(opened: Callable[[str], Page]) -> None:
    page = opened("?problem=plane&paused=1&code_init=kmeans&order=by+code")
    page.locator(BARS).hover()
    page.locator(f'{BARS} .modebar-btn[data-title="Box Select"]').click()
    drag(page, BARS, [(0.26, 0.3), (0.74, 0.9)])
    wait_until(page, f"{chosen('Q')}?.length > 4 || {chosen('C')}?.length > 4")
    codes = page.evaluate(chosen("C"))
    assert codes == list(range(codes[0], codes[-1] + 1))
    assert 32 * 0.26 - 1.5 <= codes[0] <= codes[-1] <= 32 * 0.74 + 0.5
    wait_until(page, f"location.search.includes('select=c{codes[0]}-{codes[-1]}')")
    page.locator(control("replace_every")).locator("input").press("Escape")  # the field's, and then the popover's
    page.locator(".st-key-find button:visible").click()
    expect(page.get_by_test_id("stPopoverBody")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stPopoverBody")).not_to_be_visible()
    page.wait_for_timeout(1500)  # long enough for the server to have let go
    assert page.evaluate(chosen("C")) == codes
    page.keyboard.press("Escape")
    wait_until(page, f"{chosen('C')} === null")


def fact_of(label: str) -> str:
    return f"""[...document.querySelectorAll('{CARD} .vq-card-fact')]
        .find((fact) => fact.querySelector('.vq-card-label').textContent === '{label}')
        .querySelector('.vq-card-value').textContent"""


def fact(page: Page, label: str) -> str:
    return page.evaluate(fact_of(label))


def test_the_cards_numbers_are_those_of_the_snapshot(opened: Callable[[str], Page]) -> None:
    """The run is repeated here from its seed, and its numbers are computed with numpy alone."""
    page = opened("?problem=digits&seed=3&paused=1&select=c9&code_init=kmeans")
    for step in range(1, 4):
        press(page, "step")
        wait_until(page, f"document.querySelector('.vq-story').innerText.includes('Step {step}')")
    trainer = Trainer(default_recipe("digits", seed=3, code_init="kmeans"))
    for _ in range(3):
        trainer.step()
    snapshot = trainer.snapshot()
    code = int(np.argsort(-np.bincount(snapshot.codes, minlength=snapshot.num_codes), kind="stable")[1])
    wait_until(page, f"document.querySelector('{BARS}')._fullData[0].customdata[1] === {code}")
    assert click_bar(page, 1) == code
    expect(page.get_by_text(f"Code {code}", exact=True)).to_be_visible()
    wait_until(page, f"document.querySelectorAll('{CARD} img:not([hidden])').length >= 11")
    vector = snapshot.codebook[code].astype(float)
    wait_until(
        page, f"{fact_of('used by')} === '{np.count_nonzero(snapshot.codes == code):,}'"
    )  # the card before goes
    assert fact(page, "touched in training") == f"{snapshot.counts[code]:,}"
    assert fact(page, "rank in training") == f"{1 + (snapshot.counts > snapshot.counts[code]).sum():,}"
    assert float(fact(page, "‖c‖")) == pytest.approx(np.sqrt((vector**2).sum()), rel=6e-3)
    assert float(fact(page, "gradient norm")) == pytest.approx(snapshot.gradient_norm[code], rel=6e-3)
    members = snapshot.z_e[snapshot.codes == code]
    errors = ((members - vector) ** 2).sum(1)
    assert float(fact(page, "their ‖z_e − c‖²")) == pytest.approx(errors.mean(), rel=6e-3)
    distances = np.sqrt(((snapshot.codebook - vector) ** 2).sum(1))
    nearest = np.argsort(distances, kind="stable")[1:7]
    chips = page.locator(f"{CARD} .vq-card-chip").all_inner_texts()
    assert [int(chip.split(" · ")[0]) for chip in chips] == nearest.tolist()
    shown = [float(chip.split(" · ")[1]) for chip in chips]
    np.testing.assert_allclose(shown, distances[nearest], rtol=6e-3)
    page.locator(f"{CARD} .vq-card-chip").first.click()
    expect(page.get_by_text(f"Code {nearest[0]}", exact=True)).to_be_visible()
    wait_until(page, f"location.search.includes('select=c{nearest[0]}')")


def test_a_link_with_colour_layers_pins_and_choice_opens_as_it_was(opened: Callable[[str], Page]) -> None:
    page = opened("?problem=digits&paused=1&code_init=kmeans&select=c3,8&pins=8&colour=class&layers=P,C,links")
    pins = f"document.querySelector('{BARS}')._fullData.find((t) => t.name === 'pins')"
    wait_until(page, f"{pins}?.text?.[0] === '8'")
    shows = f"document.querySelector('{MAP} .vq-painting').dataset.shows.split(' ')"
    names = page.evaluate(shows)
    assert {"P", "C", "links"} <= set(names)
    assert "Q" not in names
    assert "dead" not in names
    assert page.evaluate(chosen("C")) == [3, 8]
    assert "pins=8" in page.url
    assert "colour=class" in page.url
    page.locator(".st-key-look button:visible").first.click()
    choose(page, "colour", "usage")
    wait_until(page, "location.search.includes('colour=usage')")
    title = f"{traces(MAP)}.find((t) => t.name === 'P').marker.colorbar.title.text"
    wait_until(page, f"{title} === 'held-out vectors of the code'")


def test_what_cannot_be_chosen_is_said_in_place_with_the_way_back(opened: Callable[[str], Page]) -> None:
    page = opened("?problem=plane&paused=1&select=c4,900&pins=x![](//evil)")
    expect(page.get_by_text("There is no code 900: codes run from 0 to 31.")).to_be_visible()
    expect(page.get_by_text(re.compile("`?pins`? in the link must read like"))).to_be_visible()
    expect(page.locator(CARD)).to_be_visible()  # of code 4, which there is
    page.locator(".st-key-clear button:visible").click()
    expect(page.get_by_text("There is no code 900: codes run from 0 to 31.")).to_have_count(0)
    page.locator(".st-key-find button:visible").first.click()
    number = page.locator(".st-key-find-number input")
    number.fill("77")
    number.press("Enter")
    expect(page.get_by_text("There is no code 77: codes run from 0 to 31.").first).to_be_visible()
    number.fill("5")
    number.press("Enter")
    wait_until(page, "location.search.includes('select=c5')")
    expect(page.get_by_text("There is no code 77")).to_have_count(0)
