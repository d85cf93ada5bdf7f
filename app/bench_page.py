"""`python -m app.bench_page`: what one refresh of the Live page costs, the real server watched by a real Chromium.

Needs playwright and psutil, which only tests and this bench use. Measures; asserts nothing.
"""

import argparse
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--js-flags=--expose-gc"]
BUDGETS = {"server_ms": 60, "bytes": 250_000, "blocked_ms": 150, "gap_seconds": 3}
SETTLE_SECONDS = 8.0
SAMPLE_MINUTES = (1, 5, 10)
SPEED_SECONDS = 15.0
IDLE_SECONDS = 100.0
"""A little more than after which an unseen session pauses."""

DRAWN = "document.querySelectorAll('.js-plotly-plot').length >= 3 && document.querySelector('.vq-status')"
STEP = "Number(/step ([\\d,]+)/.exec(document.querySelector('.vq-status').innerText)[1].replaceAll(',', ''))"


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
        """What the page's main thread has worked so far, on the CPU: waiting for a core is not in it."""
        metrics = self.devtools.send("Performance.getMetrics")["metrics"]
        return float(next(metric["value"] for metric in metrics if metric["name"] == "ThreadTime"))

    def heap_bytes(self) -> int:
        """What the page's scripts hold, after a collection."""
        self.devtools.send("HeapProfiler.collectGarbage")
        return int(self.devtools.send("Runtime.getHeapUsage")["usedSize"])


@dataclass(frozen=True)
class Server:
    """The server under test: where it is, its process and where it writes its times."""

    url: str
    process: psutil.Process
    times: Path
    log: Path

    def noted(self, since: float) -> list[dict[str, Any]]:
        """What `app.bench_server` wrote of after `since`, oldest first."""
        lines = self.times.read_text().splitlines() if self.times.exists() else []
        return [line for line in map(json.loads, lines) if line["at"] > since]


def bench_page(problem: str, *, seconds: float, browsers: int, minutes: float, chromium: Browser) -> dict[str, Any]:
    """Watch `browsers` pages, each on a session of its own, and report what their refreshes cost."""
    with _serving() as server:
        query = urlencode({"problem": problem})
        pages = [_open(chromium, f"{server.url}/?{query}&seed={seed}") for seed in range(browsers)]
        pages[0].page.wait_for_timeout(1000 * SETTLE_SECONDS)
        report = {"problem": problem, "browsers": browsers, "points": _points(pages[0].page)}
        report |= _refreshes(server, pages, seconds)
        if minutes:
            report["over_time"] = _over_time(server, pages[0], minutes)
        if browsers > 1:
            for watched in pages:
                watched.page.context.close()
            report["after_closing"] = _after_closing(server)
        report["complaints"] = [line for line in server.log.read_text().splitlines() if "Traceback" in line]
    return report | {"budgets": BUDGETS, "summary": summary(report)}


def _open(chromium: Browser, url: str) -> Watched:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    context.set_default_timeout(300_000)
    context.add_init_script(path=Path(__file__).with_name("bench_page.js"))
    watched = Watched(context.new_page())
    watched.page.goto(url)
    watched.page.wait_for_function(DRAWN)
    return watched


def _points(page: Page) -> int:
    """How many vectors and codes the map shows."""
    count = "document.querySelector('.st-key-map-plot .js-plotly-plot')._fullData"
    return int(page.evaluate(f"{count}.filter((t) => t.meta?.role).reduce((sum, t) => sum + t.x.length, 0)"))


def _refreshes(server: Server, pages: Sequence[Watched], seconds: float) -> dict[str, Any]:
    for watched in pages:
        watched.page.evaluate("Object.assign(vqBench, { blocked: [], refreshed: [Date.now() / 1000], removed: 0 })")
    since, worked = time.time(), sum(watched.main_thread_seconds() for watched in pages)
    while time.time() < since + seconds:
        pages[0].page.wait_for_timeout(1000 * min(seconds, 5))
    seen = [watched.page.evaluate("vqBench") for watched in pages]
    until, worked = time.time(), sum(watched.main_thread_seconds() for watched in pages) - worked
    noted = server.noted(since)
    done = [line for line in noted if "seconds" in line]
    sizes = [line["bytes"] for line in noted if "bytes" in line]
    ticks = max(1, len(sizes))
    by_browser: dict[str, list[float]] = {}
    for line in done:
        by_browser.setdefault(line["browser"], [since]).append(line["at"])
    return {
        "seconds": round(until - since, 1),
        "refreshes": len(done),
        "server_ms": _spread([1000 * line["seconds"] for line in done]),
        "server_cpu_ms": _spread([1000 * line["cpu_seconds"] for line in done]),
        "bytes": _spread(sizes),
        "blocked_ms_per_refresh": sum(sum(page["blocked"]) for page in seen) / ticks,
        "main_thread_cpu_ms_per_refresh": 1000 * worked / ticks,
        "longest_block_ms": max((block for page in seen for block in page["blocked"]), default=0.0),
        "charts_removed": sum(page["removed"] for page in seen),
        "longest_gap_seconds": max(map(_longest_gap, by_browser.values()), default=None),
        "longest_gap_on_page_seconds": max(_longest_gap([*page["refreshed"], until]) for page in seen),
        "page_errors": [problem for watched in pages for problem in watched.problems],
    }


def _over_time(server: Server, watched: Watched, minutes: float) -> list[dict[str, float]]:
    """Memory and speed at the start and after 1, 5, 10 … minutes."""
    rows = [_row(server, watched, 0.0)]
    begun = time.monotonic()
    for minute in [minute for minute in SAMPLE_MINUTES if minute < minutes] + [minutes]:
        while (left := begun + 60 * minute - time.monotonic()) > 0:
            watched.page.wait_for_timeout(1000 * min(left, 5))
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


def _after_closing(server: Server) -> dict[str, float]:
    """The share of one core that the server takes once nobody has looked for long enough."""
    time.sleep(IDLE_SECONDS)
    before, started = server.process.cpu_times(), time.monotonic()
    time.sleep(10)
    after = server.process.cpu_times()
    worked = after.user + after.system - before.user - before.system
    return {"seconds_unseen": IDLE_SECONDS, "share_of_a_core": worked / (time.monotonic() - started)}


def summary(report: dict[str, Any]) -> str:
    """The report for a person, budgets beside what was measured."""
    server, cpu, size = report["server_ms"], report["server_cpu_ms"], report["bytes"]
    lines = [
        f"{report['problem']}, {report['points']:,} points, {report['browsers']} browser(s), "
        f"{report['refreshes']} refreshes in {report['seconds']:.0f} s",
        f"server time      p50 {server['p50']:.0f} ms, p95 {server['p95']:.0f} ms (budget {BUDGETS['server_ms']}); "
        f"of it on the CPU p50 {cpu['p50']:.0f} ms, p95 {cpu['p95']:.0f} ms",
        f"payload          p50 {size['p50'] / 1000:.0f} kB, p95 {size['p95'] / 1000:.0f} kB "
        f"(budget {BUDGETS['bytes'] / 1000:.0f})",
        f"main thread      blocked {report['blocked_ms_per_refresh']:.0f} ms a refresh "
        f"(budget {BUDGETS['blocked_ms']}), longest task {report['longest_block_ms']:.0f} ms; "
        f"{report['main_thread_cpu_ms_per_refresh']:.0f} ms a refresh on the CPU",
        f"charts removed   {report['charts_removed']}",
        f"longest gap      {report['longest_gap_seconds']:.1f} s between two refreshes on the server, "
        f"{report['longest_gap_on_page_seconds']:.1f} s on a page (budget {BUDGETS['gap_seconds']})",
    ]
    for row in report.get("over_time", ()):
        speed = f", {row['speed_of_start']:.2f} of the start" if "speed_of_start" in row else ""
        lines.append(
            f"minute {row['minute']:<9g} server {row['server_mb']:.0f} MB, heap {row['heap_mb']:.1f} MB, "
            f"{row['steps_per_second']:.1f} steps/s{speed}"
        )
    if closed := report.get("after_closing"):
        lines.append(
            f"all closed       {closed['share_of_a_core']:.1%} of a core, {closed['seconds_unseen']:.0f} s after"
        )
    lines += [f"page error       {problem}" for problem in report["page_errors"]]
    lines += [f"server said      {line}" for line in report["complaints"]]
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    if len(ordered) < 2:
        return dict.fromkeys(("p50", "p95", "highest"), float(ordered[0]) if ordered else float("nan"))
    cuts = statistics.quantiles(ordered, n=20, method="inclusive")
    return {"p50": statistics.median(ordered), "p95": cuts[-1], "highest": ordered[-1]}


def _longest_gap(moments: Sequence[float]) -> float:
    return max((after - before for before, after in pairwise(moments)), default=0.0)


@contextmanager
def _serving() -> Iterator[Server]:
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        times, log = Path(folder, "times.jsonl"), Path(folder, "log.txt")
        command = [sys.executable, "-m", "app.bench_server", str(port), str(times)]
        with log.open("w") as out:
            child = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
        try:
            url = f"http://localhost:{port}"
            _wait_until_up(f"{url}/_stcore/health", child, log)
            yield Server(url, psutil.Process(child.pid), times, log)
        finally:
            child.terminate()
            child.wait(timeout=20)


def _wait_until_up(health: str, child: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        with suppress(OSError), urllib.request.urlopen(health, timeout=5):
            return
        if child.poll() is not None:
            break
        time.sleep(0.25)
    raise OSError(f"The server did not come up:\n{log.read_text()}")


def main() -> int:
    """Run the bench as told on the command line; exit code 2 where there is no browser."""
    parser = argparse.ArgumentParser(prog="python -m app.bench_page", description="What a refresh costs.")
    parser.add_argument("problem", nargs="?", default="patches")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long refreshes are watched")
    parser.add_argument("--browsers", type=int, default=1, help="pages, each on a session of its own")
    parser.add_argument("--minutes", type=float, default=0.0, help="also watch memory and speed for so long")
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args()
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    with sync_playwright() as playwright:
        if found is None and not Path(playwright.chromium.executable_path).exists():
            print(
                "`bench page` needs Chromium: `apt install chromium` or `playwright install chromium`.",
                file=sys.stderr,
            )
            return 2
        chromium = playwright.chromium.launch(executable_path=found, args=FLAGS)
        report = bench_page(
            told.problem, seconds=told.seconds, browsers=told.browsers, minutes=told.minutes, chromium=chromium
        )
        chromium.close()
    print(json.dumps(report, indent=2) if told.json else report["summary"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
