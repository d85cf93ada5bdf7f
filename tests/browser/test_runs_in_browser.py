"""The Runs page in a real browser: a run is chosen from the list, followed while it is written, and gone back in."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from live_page import traces, wait_until
from playwright.sync_api import expect
from real_app import Server, Tab
from test_access import UNNAMED, violations

from vqcore.runs.writing import RunWriter

K, D = 16, 4
CURVES, MAP = (f".st-key-run-{name}-plot .js-plotly-plot" for name in ("curves", "map"))
FIRST_Q = f"""(() => {{
    const {{ x, y }} = {traces(MAP)}.find((trace) => trace.name === 'Q');
    const plot = document.querySelector('{MAP}');
    const {{ xaxis, yaxis }} = plot._fullLayout;
    const area = plot.querySelector('.nsewdrag').getBoundingClientRect();
    return [area.x + xaxis.l2p(x[0]), area.y + yaxis.l2p(y[0])];
}})()"""
STORY = "document.querySelector('.vq-story')?.innerText ?? ''"


def record(writer: RunWriter, step: int, used: int = K) -> None:
    table = (np.random.default_rng(0).normal(size=(K, D)) + step / 1000).astype(np.float32)
    codes = np.arange(2000, dtype=np.int32) % used
    z_e = table[codes] + np.random.default_rng(step).normal(0, 0.1, (2000, D)).astype(np.float32)
    arrays = {
        "table": table,
        "z_e": z_e.astype(np.float32),
        "codes": codes,
        "counts": np.bincount(codes, minlength=K),
    }
    writer.save(step, {f"<b>q/{name}": array for name, array in arrays.items()}, {})
    numbers = {"in_use": used, "perplexity": float(used), "vectors": 2000}
    writer.append({"step": step, "time": step / 10, "loss": 1.0, "codebooks": {"<b>q": numbers}})


def test_a_run_is_chosen_followed_and_gone_back_in(
    open_tab: Callable[..., Tab], server: Server, tmp_path: Path
) -> None:
    writer = RunWriter(tmp_path / "<i>one", {"codebooks": [{"name": "<b>q", "num_codes": K, "dim": D}]})
    record(writer, 0)
    record(writer, 10)
    page = open_tab(server, f"runs?folder={tmp_path}").page
    page.wait_for_selector("[class*=st-key-runs-table] canvas")
    assert violations(page) == []
    box = page.locator("[class*=st-key-runs-table] canvas").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 16, box["y"] + 54)  # the box before the first row
    page.get_by_role("button", name="Open").click()
    wait_until(page, f"{traces(CURVES)}?.some(trace => trace.name === 'in use')")
    wait_until(page, f"({STORY}).includes('step 10')")
    record(writer, 20, used=1)
    wait_until(page, f"({STORY}).includes('between step 10 and 20')")
    wait_until(page, f"{traces(MAP)}?.find(trace => trace.name === 'Q')?.x.length === 1")
    assert violations(page) == []
    assert page.locator("button").evaluate_all(UNNAMED) == []

    # A click on the code in use opens its card; a click on a neighbour goes on to that, and both are in the address.
    page.mouse.move(*page.evaluate(FIRST_Q))
    page.locator(f"{MAP} .hoverlayer .hovertext").first.wait_for()
    page.mouse.click(*page.evaluate(FIRST_Q))
    expect(page.get_by_role("heading", name="Code 0")).to_be_visible()
    wait_until(page, "new URLSearchParams(location.search).get('code') === '0'")
    neighbour = page.locator(".st-key-run-card .vq-card-chip").first
    code = neighbour.inner_text().split(" ")[0]
    neighbour.click()
    expect(page.get_by_role("heading", name=f"Code {code}", exact=True)).to_be_visible()
    wait_until(page, f"new URLSearchParams(location.search).get('code') === '{code}'")

    page.locator(".vq-time input").press("ArrowLeft")
    page.locator(".vq-time input").press("ArrowLeft")
    wait_until(page, f"({STORY}).includes('step 10') && ({STORY}).includes('healthy')")
    wait_until(page, f"{traces(MAP)}?.find(trace => trace.name === 'Q')?.x.length === {K}")
    writer.close()
    wait_until(page, "document.querySelector('.vq-status')?.innerText.includes('failed')")
