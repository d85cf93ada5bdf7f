"""`python -m app.bench`: the cost of one refresh of the Live page, measured on the real server.

Needs playwright and psutil, which only the tests and this bench use.
"""

import argparse
import json
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from app.bench.clients import bench_clients
from app.bench.page import bench_page

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--js-flags=--expose-gc"]
BUDGETS = {"server_ms": 15, "bytes": 80_000, "blocked_ms": 20, "gap_seconds": 2}


def summary(report: dict[str, Any]) -> str:
    """The report for a person, budgets beside what was measured."""
    who = "browser(s)" if report["draws"] else "page(s) without a picture"
    points = f", {report['points']:,} points" if report["draws"] else ""
    lines = [f"{report['problem']}{points}, {report['pages']} {who}", *_refreshes(report)]
    for row in report.get("over_time", ()):
        speed = f", {row['speed_of_start']:.2f} of the start" if "speed_of_start" in row else ""
        lines.append(
            f"minute {row['minute']:<9g} server {row['server_mb']:.0f} MB, heap {row['heap_mb']:.1f} MB, "
            f"{row['steps_per_second']:.1f} steps/s{speed}"
        )
    if "all_minutes" in report:
        lines += ["over all these minutes:", *_refreshes(report["all_minutes"])]
    if closed := report.get("after_closing"):
        lines.append(
            f"all closed       {closed['share_of_a_core']:.1%} of a core, {closed['seconds_unseen']:.0f} s after"
        )
    for who, said in (("page error ", report["page_errors"]), ("server said", report["complaints"])):
        lines += [f"{who}      {sentence} ({count} times)" for sentence, count in Counter(said).items()]
    return "\n".join(lines)


def _refreshes(figures: dict[str, Any]) -> list[str]:
    """What they cost, a line each."""
    server, cpu, size = figures["server_ms"], figures["server_cpu_ms"], figures["bytes"]
    lines = [
        f"refreshes        {figures['refreshes']} in {figures['seconds']:.0f} s",
        f"server time      {_times(server)}; of it on the CPU {_times(cpu)} (budget {BUDGETS['server_ms']})",
        f"request to frame {_times(figures['answer_ms'])}: the wait for a newer moment, and the above",
        f"payload          p50 {size['p50'] / 1000:.0f} kB, p95 {size['p95'] / 1000:.0f} kB "
        f"(budget {BUDGETS['bytes'] / 1000:.0f})",
        f"longest gap      {figures['longest_gap_seconds']:.1f} s between two refreshes on the server, "
        f"{figures['longest_gap_on_page_seconds']:.1f} s on a page (budget {BUDGETS['gap_seconds']})",
        f"moments shown    {figures['moments_per_second']:.1f} a second, on the page that got the fewest",
        f"meanwhile        {figures['steps_per_second']:.1f} steps/s trained by all sessions together, "
        f"{figures['serving_cores']:.2f} cores of the server for all else",
    ]
    if "blocked_ms_per_refresh" in figures:
        lines += [
            f"main thread      blocked {figures['blocked_ms_per_refresh']:.0f} ms a refresh "
            f"(budget {BUDGETS['blocked_ms']}), longest task {figures['longest_block_ms']:.0f} ms; "
            f"{figures['main_thread_cpu_ms_per_refresh']:.0f} ms a refresh on the CPU",
            f"charts removed   {figures['charts_removed']}",
        ]
    return lines


def _times(spread: dict[str, float]) -> str:
    return f"p50 {spread['p50']:.0f} ms, p95 {spread['p95']:.0f} ms"


def main() -> int:
    """Run the bench from the command line; exit code 2 if there is no browser."""
    parser = argparse.ArgumentParser(prog="python -m app.bench", description="What a refresh costs.")
    parser.add_argument("problem", nargs="?", default="patches")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long refreshes are watched")
    parser.add_argument("--browsers", type=int, default=1, help="pages, each on a session of its own")
    parser.add_argument("--followers", action="store_true", help="all pages but the first follow its session instead")
    parser.add_argument("--rate", choices=("2", "4", "8"), default="2", help="frames a second that a page asks for")
    parser.add_argument("--minutes", type=float, default=0.0, help="also watch memory and speed for so long")
    parser.add_argument(
        "--no-picture", action="store_true", help="pages that ask and read as a browser does, but draw nothing"
    )
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args()
    if told.no_picture:
        report = bench_clients(
            told.problem, seconds=told.seconds, pages=told.browsers, rate=told.rate, followers=told.followers
        )
    else:
        found = next(filter(None, map(shutil.which, CHROMIUM)), None)
        with sync_playwright() as playwright:
            if found is None and not Path(playwright.chromium.executable_path).exists():
                words = "`bench page` needs Chromium: `apt install chromium` or `playwright install chromium`."
                print(words, file=sys.stderr)
                return 2
            chromium = playwright.chromium.launch(executable_path=found, args=FLAGS)
            report = bench_page(
                told.problem,
                seconds=told.seconds,
                browsers=told.browsers,
                minutes=told.minutes,
                rate=told.rate,
                followers=told.followers,
                chromium=chromium,
            )
            chromium.close()
    report |= {"budgets": BUDGETS, "summary": summary(report)}
    print(json.dumps(report, indent=2) if told.json else report["summary"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
