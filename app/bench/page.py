"""Pages in a real Chromium: what a refresh costs server, wire and browser."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page

from app.bench.serving import Server, after_closing, longest_gap, queries, server_figures, serving, settle

SAMPLE_MINUTES = (1, 2, 3, 4, 6, 8, 10)
SPEED_SECONDS = 15.0

DRAWN = "document.querySelectorAll('.js-plotly-plot').length >= 3 && document.querySelector('.vq-story')"
STEP = "Number(/step ([\\d,]+)/i.exec(document.querySelector('.vq-story').innerText)[1].replaceAll(',', ''))"


@dataclass
class Watched:
    """One browser's page."""

    page: Page
    problems: list[str] = field(default_factory=list)
    devtools: CDPSession = field(init=False)

    def __post_init__(self) -> None:
        self.devtools = self.page.context.new_cdp_session(self.page)
        self.devtools.send("Performance.enable")
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))

    def main_thread_seconds(self) -> float:
        """CPU time of the page's main thread so far; waiting for a core is not included."""
        metrics = self.devtools.send("Performance.getMetrics")["metrics"]
        return float(next(metric["value"] for metric in metrics if metric["name"] == "ThreadTime"))

    def heap_bytes(self) -> int:
        """Heap of the page's scripts after a garbage collection."""
        self.devtools.send("HeapProfiler.collectGarbage")
        return int(self.devtools.send("Runtime.getHeapUsage")["usedSize"])


def bench_page(
    problem: str, *, seconds: float, browsers: int, minutes: float, rate: str, followers: bool, chromium: Browser
) -> dict[str, Any]:
    """Watch `browsers` pages and report what their refreshes cost; `queries` says which sessions they show."""
    with serving() as server:
        pages = [
            _open(chromium, f"{server.url}/?{query}")
            for query in queries(server, problem, pages=browsers, rate=rate, followers=followers)
        ]
        settle(server)
        report = {"problem": problem, "draws": True, "pages": browsers, "points": _points(pages[0].page)}
        with _refreshes(server, pages) as figures:
            _rest(pages[0].page, seconds)
        report |= figures
        if minutes:
            with _refreshes(server, pages) as figures:
                rows = _over_time(server, pages[0], minutes)
            report |= {"over_time": rows, "all_minutes": figures}
        if browsers > 1 and not followers:
            for watched in pages:
                watched.page.context.close()
            report["after_closing"] = after_closing(server)
        report["complaints"] = server.complaints()
    return report


def _open(chromium: Browser, url: str) -> Watched:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    context.set_default_timeout(300_000)
    context.add_init_script(path=Path(__file__).with_name("page.js"))
    watched = Watched(context.new_page())
    watched.page.goto(url)
    watched.page.wait_for_function(DRAWN)
    return watched


def _points(page: Page) -> int:
    """Number of vectors and codes on the map, which it reveals when the pointer enters."""
    count = """() => {
        const map = document.querySelector('.st-key-map-plot .js-plotly-plot');
        map.dispatchEvent(new PointerEvent('pointerenter'));
        const shown = map._fullData.filter((trace) => trace.meta?.role);
        map.dispatchEvent(new PointerEvent('pointerleave'));
        return shown.reduce((sum, trace) => sum + trace.x.length, 0);
    }"""
    return int(page.evaluate(count))


@contextmanager
def _refreshes(server: Server, pages: Sequence[Watched]) -> Iterator[dict[str, Any]]:
    """Figures of the refreshes that happen in the block; they are filled in at its end."""
    for watched in pages:
        watched.page.evaluate("Object.assign(vqBench, { blocked: [], refreshed: [Date.now() / 1000], removed: 0 })")
    since, worked = time.time(), sum(watched.main_thread_seconds() for watched in pages)
    figures: dict[str, Any] = {}
    yield figures
    seen = [watched.page.evaluate("vqBench") for watched in pages]
    until, worked = time.time(), sum(watched.main_thread_seconds() for watched in pages) - worked
    figures |= server_figures(server, since)
    gaps = sorted(longest_gap([*page["refreshed"], until]) for page in seen)
    ticks = max(1, figures["refreshes"])
    figures |= {
        "blocked_ms_per_refresh": sum(sum(page["blocked"]) for page in seen) / ticks,
        "main_thread_cpu_ms_per_refresh": 1000 * worked / ticks,
        "longest_block_ms": max((block for page in seen for block in page["blocked"]), default=0.0),
        "charts_removed": sum(page["removed"] for page in seen),
        "longest_gap_on_page_seconds": max(gaps),
        "gaps_on_pages_seconds": gaps,
        "page_errors": [problem for watched in pages for problem in watched.problems],
    }


def _rest(page: Page, seconds: float) -> None:
    """So long, in steps, so that Playwright is never out of touch with the browser."""
    ends_at = time.monotonic() + seconds
    while (left := ends_at - time.monotonic()) > 0:
        page.wait_for_timeout(1000 * min(left, 5))


def _over_time(server: Server, watched: Watched, minutes: float) -> list[dict[str, float]]:
    """Memory and speed at the start and after 1, 5, 10 … minutes."""
    rows = [_row(server, watched, 0.0)]
    begun = time.monotonic()
    for minute in [minute for minute in SAMPLE_MINUTES if minute < minutes] + [minutes]:
        _rest(watched.page, begun + 60 * minute - time.monotonic())
        rows.append(_row(server, watched, minute))
        rows[-1]["speed_of_start"] = rows[-1]["steps_per_second"] / rows[0]["steps_per_second"]
    return rows


def _row(server: Server, watched: Watched, minute: float) -> dict[str, float]:
    first, started = watched.page.evaluate(STEP), time.monotonic()
    watched.page.wait_for_timeout(1000 * SPEED_SECONDS)
    steps, seconds = watched.page.evaluate(STEP) - first, time.monotonic() - started
    return {
        "minute": minute,
        "server_mb": server.process.memory_info().rss / 2**20,
        "heap_mb": watched.heap_bytes() / 2**20,
        "steps_per_second": steps / seconds,
    }
