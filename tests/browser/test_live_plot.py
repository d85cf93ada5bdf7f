"""The live plot in a real browser: what an update may never take away from the reader."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect
from real_app import Server, Tab, streamlit_server

MAP = ".st-key-map .js-plotly-plot"
PLOTS = ".js-plotly-plot"


@pytest.fixture
def tab(open_tab: Callable[..., Tab], plot_server: Server) -> Tab:
    tab = open_tab(plot_server, "?every=0.4")
    wait_for_charts(tab.page)
    return tab


def wait_for_charts(page: Page) -> None:
    page.wait_for_function(
        f"[...document.querySelectorAll('{PLOTS}')].filter((plot) => plot._fullLayout).length === 3"
    )


def tick(page: Page) -> int:
    return int(re.search(r"\d+", page.get_by_text(re.compile(r"^tick \d+$")).inner_text())[0])


def wait_ticks(page: Page, count: int, timeout: float = 120_000) -> None:
    goal = tick(page) + count
    page.wait_for_function(
        """(goal) => [...document.querySelectorAll('[data-testid=stText]')]
            .some((text) => Number(/^tick (\\d+)$/.exec(text.innerText.trim())?.[1]) >= goal)""",
        arg=goal,
        timeout=timeout,
    )


def wait_draws(page: Page, count: int, selector: str = MAP, timeout: float = 120_000) -> None:
    page.evaluate(
        """(selector) => {
            const plot = document.querySelector(selector);
            window.draws = 0;
            plot.on('plotly_afterplot', () => window.draws++);
        }""",
        selector,
    )
    page.wait_for_function("(count) => window.draws >= count", arg=count, timeout=timeout)


def ranges(page: Page) -> list[float]:
    return page.evaluate(
        f"(() => {{ const {{xaxis, yaxis}} = document.querySelector('{MAP}')._fullLayout;"
        "return [...xaxis.range, ...yaxis.range]; })()"
    )


def on_map(page: Page, x: float, y: float) -> tuple[float, float]:
    """Page coordinates of a place on the map, given as shares of its width and height."""
    box = page.locator(f"{MAP} .nsewdrag").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def drag(page: Page, path: list[tuple[float, float]], *, drop: bool = True) -> None:
    page.mouse.move(*on_map(page, *path[0]))
    page.mouse.down()
    for place in path[1:]:
        page.mouse.move(*on_map(page, *place), steps=4)
    if drop:
        page.mouse.up()


def press(page: Page, title: str) -> None:
    page.locator(MAP).hover()
    page.locator(f'{MAP} .modebar-btn[data-title="{title}"]').click()


def picked(page: Page) -> Locator:
    return page.get_by_text(re.compile(r"^selected "))


def chosen_ids(page: Page) -> list[list[int]]:
    """Per trace, the ids that the map shows as selected; null where nothing is selected or dimmed."""
    return page.evaluate(
        f"""document.querySelector('{MAP}')._fullData.map((trace) => trace.selectedpoints
            ? [...trace.selectedpoints].map((row) => trace.customdata[row]).sort((a, b) => a - b) : null)"""
    )


LASSO = [(0.4, 0.2), (0.65, 0.2), (0.65, 0.6), (0.4, 0.6), (0.4, 0.22)]


def lasso(page: Page) -> list[list[int]]:
    press(page, "Lasso Select")
    drag(page, LASSO)
    expect(picked(page)).not_to_have_text("selected nothing")
    return chosen_ids(page)


def test_a_hundred_updates_remove_no_chart_and_no_tile(open_tab: Callable[..., Tab], plot_server: Server) -> None:
    page = open_tab(plot_server, "?every=0.15").page
    wait_for_charts(page)
    page.evaluate(
        """() => {
            const kept = '.js-plotly-plot, .vq-tile, .vq-status, .main-svg';
            window.removals = 0;
            window.originals = [...document.querySelectorAll(kept)];
            new MutationObserver((changes) => {
                for (const change of changes) for (const node of change.removedNodes) {
                    if (node.matches?.(kept) || node.querySelector?.(kept)) window.removals++;
                }
            }).observe(document.body, { childList: true, subtree: true });
        }"""
    )
    wait_draws(page, 100)
    assert page.evaluate("window.removals") == 0
    assert page.evaluate("window.originals.every((node) => node.isConnected)")


def test_zoom_outlives_updates(tab: Tab) -> None:
    page = tab.page
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


def test_a_lasso_quicker_than_plotly_reports_is_kept(tab: Tab) -> None:
    """Plotly gathers the points at most every 100 ms, so the last of them come after the hand has let go."""
    page = tab.page
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


def test_a_lasso_outlives_updates_and_reaches_python(tab: Tab) -> None:
    page = tab.page
    chosen = lasso(page)
    assert sum(map(len, filter(None, chosen))) > 50
    expect(picked(page)).to_contain_text(f"P {len(chosen[0])}: ({chosen[0][0]}, {chosen[0][1]}")
    expect(picked(page)).to_contain_text(f"Q {len(chosen[1])}: ({chosen[1][0]}, ")
    wait_draws(page, 5)
    assert chosen_ids(page) == chosen  # rows are shuffled at every tick: these are the same points
    grey = f"document.querySelector('{MAP}')._fullData.slice(0, 3).map((trace) => trace.unselected.marker.color)"
    assert page.evaluate(grey) == ["#B9C0C9"] * 3  # the others are grey, not gone
    assert page.evaluate(f"document.querySelector('{MAP}')._fullData[0].x.length") == 2_000


def test_a_double_click_clears_the_selection(tab: Tab) -> None:
    page = tab.page
    lasso(page)
    page.mouse.dblclick(*on_map(page, 0.1, 0.1))
    expect(picked(page)).to_have_text("selected nothing")
    wait_draws(page, 2)
    assert chosen_ids(page) == [None] * 5


def test_shift_adds_to_the_selection(tab: Tab) -> None:
    page = tab.page
    first = lasso(page)
    page.keyboard.down("Shift")
    drag(page, [(x, y + 0.2) for x, y in LASSO])
    page.keyboard.up("Shift")
    page.wait_for_function(
        f"(before) => document.querySelector('{MAP}')._fullData[0].selectedpoints.length > before",
        arg=len(first[0]),
    )
    wait_draws(page, 2)
    assert set(first[0]) < set(chosen_ids(page)[0])


def test_a_click_selects_one_point(tab: Tab) -> None:
    page = tab.page
    place = page.evaluate(
        f"""(() => {{
            const {{ _fullData: traces, _fullLayout: {{ xaxis, yaxis }} }} = document.querySelector('{MAP}');
            return [xaxis.l2p(traces[2].x[0]) / xaxis._length, yaxis.l2p(traces[2].y[0]) / yaxis._length];
        }})()"""
    )
    page.mouse.click(*on_map(page, *place))
    expect(picked(page)).to_have_text(re.compile(r"selected dead 1: \(\d+,\)"))


def painted(page: Page, trace: int) -> list[list[int]]:
    """Red, green, blue and opacity where each point of a trace of the map belongs, and whether it is in view."""
    return page.evaluate(
        f"""(trace) => {{
            const plot = document.querySelector('{MAP}');
            const {{ xaxis, yaxis, width }} = plot._fullLayout;
            const canvas = plot.querySelector('.vq-painting');
            const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
            copy.drawImage(canvas, 0, 0);
            const {{ data }} = copy.getImageData(0, 0, canvas.width, canvas.height);
            const within = ({{ range }}, value) => range[0] < value && value < range[1];
            const {{ x, y }} = plot._fullData[trace];
            return Array.from(x, (_, row) => {{
                const place = [xaxis._offset + xaxis.l2p(x[row]), yaxis._offset + yaxis.l2p(y[row])];
                const [across, down] = place.map((at) => Math.round(at * canvas.width / width));
                const isOn = 0 <= across && across < canvas.width && 0 <= down && down < canvas.height;
                const first = 4 * (down * canvas.width + across);
                const pixel = isOn ? data.slice(first, first + 4) : [0, 0, 0, 0];
                return [...pixel, within(xaxis, x[row]) && within(yaxis, y[row])];
            }});
        }}""",
        trace,
    )


def share_painted(pixels: list[list[int]], *, in_view: bool) -> float:
    """Of the points that are in view, or of the others."""
    asked = [pixel for pixel in pixels if pixel[4] == in_view]
    assert len(asked) > 50
    return sum(pixel[3] > 0 for pixel in asked) / len(asked)


def share_like(page: Page, trace: int, colour: tuple[int, int, int]) -> float:
    """How many points of a trace have a colour, of those painted at all."""
    seen = [pixel for pixel in painted(page, trace) if pixel[3] > 0]
    alike = [pixel for pixel in seen if all(abs(a - b) <= 24 for a, b in zip(pixel, colour, strict=False))]
    return len(alike) / len(seen)


P, Q, DEAD = range(3)
DEAD_COLOUR, GREY = (0x59, 0x62, 0x70), (0xB9, 0xC0, 0xC9)


def test_a_cloud_is_painted_point_by_point_and_follows_the_axes(tab: Tab) -> None:
    page = tab.page
    assert page.locator(f"{MAP} .gl-canvas").count() == 0
    assert page.locator(f"{MAP} .point").count() <= 3  # of 2,512: Plotly makes one shape a cloud
    for trace in (P, Q):
        assert share_painted(painted(page, trace), in_view=True) > 0.97
    before = ranges(page)
    drag(page, [(0.35, 0.3), (0.55, 0.6)])
    page.wait_for_function(f"(x) => document.querySelector('{MAP}')._fullLayout.xaxis.range[0] > x", arg=before[0])
    for trace in (P, Q):
        pixels = painted(page, trace)
        assert share_painted(pixels, in_view=True) > 0.97
        assert share_painted(pixels, in_view=False) < 0.03


def test_a_cloud_follows_a_hand_that_pans(tab: Tab) -> None:
    page = tab.page
    press(page, "Pan")
    drag(page, [(0.2, 0.5), (0.4, 0.5), (0.65, 0.5)], drop=False)
    pixels = painted(page, Q)
    assert share_painted(pixels, in_view=True) > 0.97
    assert share_painted(pixels, in_view=False) < 0.03
    page.mouse.up()


def test_what_is_not_selected_is_painted_grey(tab: Tab) -> None:
    page = tab.page
    assert share_like(page, DEAD, DEAD_COLOUR) > 0.7
    lasso(page)
    wait_draws(page, 1)
    assert share_like(page, DEAD, DEAD_COLOUR) < 0.2
    assert share_like(page, DEAD, GREY) > 0.5


def test_a_lasso_shows_what_it_holds_before_the_hand_lets_go(tab: Tab) -> None:
    page = tab.page
    press(page, "Lasso Select")
    drag(page, LASSO, drop=False)
    page.wait_for_timeout(300)  # Plotly gathers the points at most every 100 ms
    assert share_like(page, DEAD, GREY) > 0.5
    expect(picked(page)).to_have_text("selected nothing")
    page.mouse.up()
    expect(picked(page)).not_to_have_text("selected nothing")


def test_hovering_over_a_cloud_tells_of_the_point(open_tab: Callable[..., Tab], plot_server: Server) -> None:
    page = open_tab(plot_server, "?every=30").page  # at rest: the map turns
    wait_for_charts(page)
    place, code = page.evaluate(
        f"""(() => {{
            const {{ _fullData, _fullLayout: {{ xaxis, yaxis }} }} = document.querySelector('{MAP}');
            const {{ x, y, customdata }} = _fullData[{DEAD}];
            return [[xaxis.l2p(x[3]) / xaxis._length, yaxis.l2p(y[3]) / yaxis._length], customdata[3]];
        }})()"""
    )
    page.mouse.move(*on_map(page, *place), steps=3)
    expect(page.locator(f"{MAP} .hovertext").first).to_contain_text(f"dead code {code}")


@pytest.mark.parametrize(("button", "drawn"), [("Zoom", ".zoombox"), ("Lasso Select", ".select-outline")])
def test_a_drag_in_progress_is_not_interrupted(tab: Tab, button: str, drawn: str) -> None:
    page = tab.page
    press(page, button)
    drag(page, [(0.3, 0.3), (0.6, 0.4), (0.7, 0.7)], drop=False)
    outline = page.locator(f"{MAP} {drawn}").first.element_handle()
    shape = outline.get_attribute("d")
    drawn_before = page.evaluate(f"document.querySelector('{MAP}')._fullData[0].x[0]")
    wait_ticks(page, 4)
    assert outline.evaluate("(node) => node.isConnected")
    assert outline.get_attribute("d") == shape
    assert page.evaluate(f"document.querySelector('{MAP}')._fullData[0].x[0]") == drawn_before
    page.mouse.up()
    page.wait_for_function(f"(x) => document.querySelector('{MAP}')._fullData[0].x[0] !== x", arg=drawn_before)


def test_hover_labels_stay_through_updates(tab: Tab) -> None:
    page = tab.page
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


def test_a_theme_switch_recolours_in_place(tab: Tab) -> None:
    page = tab.page
    colour = f"document.querySelector('{MAP}')._fullData[0].marker.color"
    assert page.evaluate(colour) == "#0072B2"
    node = page.locator(MAP).element_handle()
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{colour} === '#56B4E9'")
    assert page.evaluate(f"document.querySelector('{MAP}')._fullLayout.paper_bgcolor") == "#10141B"
    assert node.evaluate("(node) => node.isConnected")
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"{colour} === '#0072B2'")


def test_a_chart_follows_the_width_of_its_container(tab: Tab) -> None:
    page = tab.page
    page.set_viewport_size({"width": 1024, "height": 768})
    page.wait_for_function(
        f"""[...document.querySelectorAll('{PLOTS}')].every((plot) =>
            plot._fullLayout.width === plot.clientWidth && plot.clientWidth < 700)"""
    )
    assert page.evaluate("document.documentElement.scrollWidth <= 1024")


def test_an_update_of_the_whole_page_stays_below_250_kb(tab: Tab) -> None:
    page = tab.page
    wait_ticks(page, 1)
    before, start = tick(page), tab.received
    wait_ticks(page, 10)
    per_update = (tab.received - start) / (tick(page) - before)
    assert per_update <= 250_000


def test_leaving_frees_the_charts_and_coming_back_draws_them_again(tab: Tab) -> None:
    page = tab.page
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
    tab = open_tab(nested_server)
    wait_for_charts(tab.page)
    sources = tab.page.evaluate("[...document.scripts].map((script) => script.src)")
    assert sum("/lab/scope/app/static/plotly-" in source for source in sources) == 1
