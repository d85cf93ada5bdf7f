"""The clouds of a chart in a real browser: each point painted where its axes say, and told to who points at it."""

from collections.abc import Callable

from live_page import traces
from playwright.sync_api import Page, expect
from plot_hands import (
    DEAD,
    LASSO,
    MAP,
    P,
    Q,
    drag,
    lasso,
    on_map,
    picked,
    place_of,
    press,
    ranges,
    wait_draws,
    wait_for_charts,
)
from real_app import Server, Tab

DEAD_COLOUR, GREY = (0x59, 0x62, 0x70), (0xB9, 0xC0, 0xC9)


def painted(page: Page, trace: int) -> list[list[int]]:
    """Red, green, blue and opacity where each point of a trace of the map belongs, and whether it is in view."""
    return page.evaluate(
        f"""(trace) => {{
            const {{ x, y }} = {traces(MAP)}[trace];
            const plot = document.querySelector('{MAP}');
            const {{ xaxis, yaxis, width }} = plot._fullLayout;
            const canvas = plot.querySelector('.vq-painting');
            const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
            copy.drawImage(canvas, 0, 0);
            const {{ data }} = copy.getImageData(0, 0, canvas.width, canvas.height);
            const within = ({{ range }}, value) => range[0] < value && value < range[1];
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


def test_a_cloud_is_painted_point_by_point_and_follows_the_axes(plots: Tab) -> None:
    page = plots.page
    assert page.locator(f"{MAP} .gl-canvas").count() == 0
    assert page.locator(f"{MAP} .point").count() <= 3  # of 2,512: Plotly makes one shape a cloud
    for trace in (P, Q):
        assert share_painted(painted(page, trace), in_view=True) > 0.97
    before = ranges(page)
    drag(page, [(0.4, 0.35), (0.5, 0.55)])
    page.wait_for_function(f"(x) => document.querySelector('{MAP}')._fullLayout.xaxis.range[0] > x", arg=before[0])
    for trace in (P, Q):
        pixels = painted(page, trace)
        assert share_painted(pixels, in_view=True) > 0.97
        assert share_painted(pixels, in_view=False) < 0.03


def test_a_cloud_follows_a_hand_that_pans(plots: Tab) -> None:
    page = plots.page
    press(page, "Pan")
    drag(page, [(0.2, 0.5), (0.4, 0.5), (0.65, 0.5)], drop=False)
    pixels = painted(page, Q)
    assert share_painted(pixels, in_view=True) > 0.97
    assert share_painted(pixels, in_view=False) < 0.03
    page.mouse.up()


def test_what_is_not_selected_is_painted_grey(plots: Tab) -> None:
    page = plots.page
    assert share_like(page, DEAD, DEAD_COLOUR) > 0.7
    lasso(page)
    wait_draws(page, 1)
    assert share_like(page, DEAD, DEAD_COLOUR) < 0.2
    assert share_like(page, DEAD, GREY) > 0.5


def test_a_lasso_shows_what_it_holds_before_the_hand_lets_go(plots: Tab) -> None:
    page = plots.page
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
    code = page.evaluate(f"{traces(MAP)}[{DEAD}].customdata[3]")
    place = place_of(page, DEAD, 3)
    page.mouse.move(*on_map(page, *place), steps=3)
    expect(page.locator(f"{MAP} .hovertext").first).to_contain_text(f"dead code {code}")


def test_plotly_learns_of_the_points_when_a_hand_comes_near(
    open_tab: Callable[..., Tab], plot_server: Server
) -> None:
    page = open_tab(plot_server, "?every=30").page
    wait_for_charts(page)
    place = place_of(page, DEAD, 3)
    page.evaluate(f"document.querySelector('{MAP}').dispatchEvent(new PointerEvent('pointerleave'))")
    page.emulate_media(color_scheme="dark")  # drawn anew
    page.wait_for_function(f"document.querySelector('{MAP}')._fullData.every((trace) => !trace.meta)")
    page.mouse.move(*on_map(page, *place), steps=3)
    expect(page.locator(f"{MAP} .hovertext").first).to_contain_text("dead code")


def test_axes_stand_still_while_a_cloud_turns_on_them(open_tab: Callable[..., Tab], plot_server: Server) -> None:
    page = open_tab(plot_server, "?every=0.2&free").page
    wait_for_charts(page)
    page.evaluate(
        f"""() => {{
            const plot = document.querySelector('{MAP}');
            window.draws = window.told = 0;
            plot.on('plotly_afterplot', () => window.told++);
            plot.addEventListener('drawn', () => window.draws++);
        }}"""
    )
    page.wait_for_function("window.draws >= 20")
    assert page.evaluate("window.told") < 10
    assert {pixel[4] for trace in (P, Q, DEAD) for pixel in painted(page, trace)} == {True}
