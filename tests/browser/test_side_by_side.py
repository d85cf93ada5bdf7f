"""Side by side in a real browser: from a link to four variants whose charts move together and share their axes."""

from collections.abc import Callable

from live_page import press, traces, wait_until, watch_removals
from playwright.sync_api import expect
from real_app import Server, Tab

MAP = ".st-key-compare-map .js-plotly-plot"
BARS = ".st-key-compare-bars .js-plotly-plot"
CURVES = ".st-key-compare-curves .js-plotly-plot"
FOUR = "?problem=plane&v1=baseline&v2=affine;affine%3Drunning&v3=sync;sync%3D0.5&v4=replaced;replace_every%3D10"
LINES = f"[...{traces(CURVES)}].filter((line) => line.hovertemplate)"
LAST = f"{LINES}.map((line) => line.x.length && line.x[line.x.length - 1])"


def test_a_variant_is_chosen_with_switches_and_begun(open_tab: Callable[..., Tab], server: Server) -> None:
    page = open_tab(server, "compare?problem=plane&v1=baseline&paused=1").page
    press(page, "compare-add")
    expect(page.get_by_role("radiogroup", name="Variants").get_by_role("radio")).to_have_count(2)
    variant = page.locator(".st-key-compare-variant")
    variant.get_by_role("radio", name="running").click()
    expect(page.get_by_role("radiogroup", name="Variants")).to_contain_text("affine running")
    press(page, "compare-begin")
    wait_until(page, "document.querySelectorAll('.vq-compared tbody tr').length === 2")
    rows = page.locator(".vq-compared tbody tr")
    expect(rows.nth(1)).to_contain_text("affine running")
    expect(rows.nth(1).locator("td").first).to_have_text("0")
    wait_until(page, "location.search.includes('v2=affine')")


def test_four_variants_move_together_and_share_axes(open_tab: Callable[..., Tab], server: Server) -> None:
    page = open_tab(server, f"compare{FOUR}").page
    for plot in (MAP, BARS, CURVES):
        wait_until(page, f"document.querySelector('{plot}')?._fullLayout")
    wait_until(page, f"{LINES}.length === 4 && Math.min(...{LAST}) >= 10")
    wait_until(page, "document.querySelectorAll('.vq-compared tbody tr').length >= 4")
    assert page.evaluate("document.querySelector('.stMain').scrollHeight") <= 900
    watch_removals(page)
    before = page.evaluate(LAST)
    assert len(set(before)) == 1
    wait_until(page, f"Math.min(...{LAST}) > {before[0]}")
    assert len(set(page.evaluate(LAST))) == 1
    ranges = page.evaluate(
        f"""() => {{
            const all = document.querySelector('{MAP}')._fullLayout;
            const ends = (n) => [all['xaxis' + n], all['yaxis' + n]].flatMap(({{ range }}) => range);
            return ['', 2, 3, 4].map((n) => ends(n).map((end) => Number(end.toFixed(6))));
        }}"""
    )
    assert ranges == [ranges[0]] * 4
    assert page.evaluate("window.removals") == 0
    shares = page.evaluate(
        f"""() => {{
            const plot = document.querySelector('{MAP}'), canvas = plot.querySelector('.vq-painting');
            const {{ width, height, ...all }} = plot._fullLayout;
            const copy = new OffscreenCanvas(width, height).getContext('2d', {{ willReadFrequently: true }});
            copy.drawImage(canvas, 0, 0, width, height);
            return ['', 2, 3, 4].map((n) => {{
                const [x, y] = [all['xaxis' + n], all['yaxis' + n]];
                const {{ data }} = copy.getImageData(x._offset, y._offset, x._length, y._length);
                return data.filter((value, place) => place % 4 === 3 && value > 0).length / (data.length / 4);
            }});
        }}"""
    )
    assert all(0.005 < share < 0.9 for share in shares)  # every variant's points are painted on its own axes
