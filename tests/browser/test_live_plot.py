"""The live plot in a real browser: what an update may never take away from the reader."""

import re
from collections.abc import Callable, Iterator

import pytest
from live_page import traces, watch_removals
from playwright.sync_api import expect
from plot_hands import (
    DEAD,
    LASSO,
    MAP,
    PLOTS,
    chosen_ids,
    drag,
    lasso,
    on_map,
    picked,
    place_of,
    press,
    ranges,
    tick,
    wait_draws,
    wait_for_charts,
    wait_ticks,
)
from real_app import Server, Tab, streamlit_server


def test_a_hundred_updates_remove_no_chart_and_no_tile(open_tab: Callable[..., Tab], plot_server: Server) -> None:
    page = open_tab(plot_server, "?every=0.15").page
    wait_for_charts(page)
    watch_removals(page, ".js-plotly-plot, .vq-tile, .vq-status, .main-svg")
    wait_draws(page, 100)
    assert page.evaluate("window.removals") == 0
    assert page.evaluate("window.originals.every((node) => node.isConnected)")


def test_zoom_outlives_updates(plots: Tab) -> None:
    page = plots.page
    before = ranges(page)
    drag(page, [(0.3, 0.3), (0.7, 0.7)])
    page.wait_for_function(f"(x) => document.querySelector('{MAP}')._fullLayout.xaxis.range[0] > x", arg=before[0])
    zoomed = ranges(page)
    wait_draws(page, 5)
    assert ranges(page) == zoomed
    page.mouse.dblclick(*on_map(page, 0.1, 0.1))
    page.wait_for_function(f"(x) => document.querySelector('{MAP}')._fullLayout.xaxis.range[0] === x", arg=before[0])


def test_zoom_outlives_axes_that_move(open_tab: Callable[..., Tab], plot_server: Server) -> None:
    page = open_tab(plot_server, "?every=0.4&drift=0.1").page
    wait_for_charts(page)
    before = ranges(page)
    drag(page, [(0.3, 0.3), (0.7, 0.7)])
    page.wait_for_function(
        f"(x) => document.querySelector('{MAP}')._fullLayout.xaxis.range[0] > x", arg=before[0] + 1
    )
    zoomed = ranges(page)
    wait_draws(page, 5)
    assert ranges(page) == zoomed
    page.mouse.dblclick(*on_map(page, 0.1, 0.1))
    page.wait_for_function(f"(x) => document.querySelector('{MAP}')._fullLayout.xaxis.range[0] < x", arg=before[0])


def test_a_lasso_quicker_than_plotly_reports_is_kept(plots: Tab) -> None:
    """Plotly gathers the points at most every 100 ms, so the last of them come after the hand has let go."""
    page = plots.page
    press(page, "Lasso Select")
    page.evaluate(
        """(path) => {
            const send = (kind, [x, y], buttons) => {
                const target = kind.endsWith('down') ? document.elementFromPoint(x, y) : document;
                const place = { clientX: x, clientY: y, buttons, bubbles: true, view: window };
                if (kind !== 'mousemove') {
                    const same = kind.replace('mouse', 'pointer');
                    target.dispatchEvent(new PointerEvent(same, { ...place, isPrimary: true }));
                }
                (document.querySelector('.dragcover') ?? target).dispatchEvent(new MouseEvent(kind, place));
            };
            send('mousedown', path[0], 1);
            for (const place of path.slice(1)) send('mousemove', place, 1);
            send('mouseup', path.at(-1), 0);
        }""",
        [on_map(page, *place) for place in LASSO],
    )
    expect(picked(page)).not_to_have_text("selected nothing")
    assert len(chosen_ids(page)[0]) > 50


def test_a_lasso_outlives_updates_and_reaches_python(plots: Tab) -> None:
    page = plots.page
    chosen = lasso(page)
    assert sum(map(len, filter(None, chosen))) > 50
    expect(picked(page)).to_contain_text(f"P {len(chosen[0])}: ({chosen[0][0]}, {chosen[0][1]}")
    expect(picked(page)).to_contain_text(f"Q {len(chosen[1])}: ({chosen[1][0]}, ")
    wait_draws(page, 5)
    assert chosen_ids(page) == chosen  # rows are shuffled at every tick: these are the same points
    grey = f"{traces(MAP)}.slice(0, 3).map((trace) => trace.unselected.marker.color)"
    assert page.evaluate(grey) == ["#B9C0C9"] * 3  # the others are grey, not gone
    assert page.evaluate(f"{traces(MAP)}[0].x.length") == 2_000


def test_a_double_click_clears_the_selection(plots: Tab) -> None:
    page = plots.page
    lasso(page)
    page.mouse.dblclick(*on_map(page, 0.1, 0.1))
    expect(picked(page)).to_have_text("selected nothing")
    wait_draws(page, 2)
    assert chosen_ids(page) == [None] * 5


def test_a_double_click_on_a_point_chooses_nothing(open_tab: Callable[..., Tab], plot_server: Server) -> None:
    page = open_tab(plot_server, "?every=30").page  # at rest: the map turns
    wait_for_charts(page)
    place = place_of(page, DEAD, 3)
    page.mouse.click(*on_map(page, *place))
    expect(picked(page)).to_contain_text("selected dead 1")
    page.wait_for_timeout(500)  # or it would be three clicks
    page.mouse.dblclick(*on_map(page, *place))
    expect(picked(page)).to_have_text("selected nothing")
    page.wait_for_timeout(500)
    expect(picked(page)).to_have_text("selected nothing")


def test_shift_adds_to_the_selection(plots: Tab) -> None:
    page = plots.page
    first = lasso(page)
    page.keyboard.down("Shift")
    drag(page, [(x, y + 0.2) for x, y in LASSO])
    page.keyboard.up("Shift")
    page.wait_for_function(
        f"(before) => {traces(MAP)}[0].selectedpoints.length > before",
        arg=len(first[0]),
    )
    wait_draws(page, 2)
    assert set(first[0]) < set(chosen_ids(page)[0])


def test_a_click_selects_one_point(plots: Tab) -> None:
    page = plots.page
    place = place_of(page, DEAD, 0)
    page.mouse.click(*on_map(page, *place))
    expect(picked(page)).to_have_text(re.compile(r"selected dead 1: \(\d+,\)"))


@pytest.mark.parametrize(("button", "drawn"), [("Zoom", ".zoombox"), ("Lasso Select", ".select-outline")])
def test_a_drag_in_progress_is_not_interrupted(plots: Tab, button: str, drawn: str) -> None:
    page = plots.page
    press(page, button)
    drag(page, [(0.3, 0.3), (0.6, 0.4), (0.7, 0.7)], drop=False)
    outline = page.locator(f"{MAP} {drawn}").first.element_handle()
    shape = outline.get_attribute("d")
    first_place = f"document.querySelector('{MAP}')._fullData[0].x[0]"
    drawn_before = page.evaluate(first_place)
    wait_ticks(page, 4)
    assert outline.evaluate("(node) => node.isConnected")
    assert outline.get_attribute("d") == shape
    assert page.evaluate(first_place) == drawn_before
    page.mouse.up()
    page.wait_for_function(f"(x) => {traces(MAP)}[0].x[0] !== x", arg=drawn_before)


def test_hover_labels_stay_through_updates(plots: Tab) -> None:
    page = plots.page
    page.evaluate(
        """() => {
            window.flickers = 0;
            window.seen = 0;
            const look = () => {
                const shown = document.querySelector('.st-key-usage .hovertext') !== null;
                if (window.seen && !shown) window.flickers++;
                window.seen += shown;
                requestAnimationFrame(look);
            };
            requestAnimationFrame(look);
        }"""
    )
    box = page.locator(".st-key-usage .nsewdrag").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.9, steps=3)
    page.wait_for_function("window.seen > 0")
    wait_draws(page, 8, ".st-key-usage .js-plotly-plot")
    assert page.evaluate("window.flickers") == 0


def test_a_theme_switch_recolours_in_place(plots: Tab) -> None:
    page = plots.page
    colour = f"{traces(MAP)}[0].marker.color"
    assert page.evaluate(colour) == "#0072B2"
    node = page.locator(MAP).element_handle()
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{colour} === '#56B4E9'")
    assert page.evaluate(f"document.querySelector('{MAP}')._fullLayout.paper_bgcolor") == "#10141B"
    assert node.evaluate("(node) => node.isConnected")
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"{colour} === '#0072B2'")


def test_a_chart_follows_the_width_of_its_container(plots: Tab) -> None:
    page = plots.page
    page.set_viewport_size({"width": 1024, "height": 768})
    page.wait_for_function(
        f"""[...document.querySelectorAll('{PLOTS}')].every((plot) =>
            plot._fullLayout.width === plot.clientWidth && plot.clientWidth < 700)"""
    )
    assert page.evaluate("document.documentElement.scrollWidth <= 1024")


def test_an_update_of_the_whole_page_stays_below_250_kb(plots: Tab) -> None:
    page = plots.page
    wait_ticks(page, 1)
    before, start = tick(page), plots.received
    wait_ticks(page, 10)
    per_update = (plots.received - start) / (tick(page) - before)
    assert per_update <= 250_000


def test_leaving_frees_the_charts_and_coming_back_draws_them_again(plots: Tab) -> None:
    page = plots.page
    page.evaluate(
        f"""() => {{
            window.globals = Object.keys(window);
            window.left = [...document.querySelectorAll('{PLOTS}')].map((node) => new WeakRef(node));
        }}"""
    )
    page.get_by_text("charts").click()
    expect(page.locator(PLOTS)).to_have_count(0)
    page.wait_for_function("window.left.every((ref) => { const node = ref.deref(); return !node?._fullLayout; })")
    page.wait_for_function("gc(), window.left.every((ref) => ref.deref() === undefined)")
    assert page.evaluate("Object.keys(window).filter((name) => !window.globals.includes(name))") == [
        "globals",
        "left",
    ]
    page.get_by_text("charts").click()
    wait_for_charts(page)
    wait_draws(page, 2)


@pytest.fixture(scope="module")
def nested_server(tmp_path_factory: pytest.TempPathFactory, plot_server: Server) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("nested") / "log.txt"
    with streamlit_server(plot_server.script, log, base_path="lab/scope") as server:
        yield server


def test_the_script_is_found_below_a_base_path(open_tab: Callable[..., Tab], nested_server: Server) -> None:
    page = open_tab(nested_server).page
    wait_for_charts(page)
    sources = page.evaluate("[...document.scripts].map((script) => script.src)")
    assert sum("/lab/scope/vq/plotly-" in source for source in sources) == 1
