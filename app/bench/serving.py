"""The server under test, and what is measured on it while pages are open."""

import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil

ROOT = Path(__file__).resolve().parents[2]
SETTLE_SECONDS = 8.0
QUIET_SHARE = 0.2
MOST_QUIET_SECONDS = 120.0
IDLE_SECONDS = 100.0
"""A little longer than it takes an unseen session to pause."""


@dataclass(frozen=True)
class Server:
    """The server under test: where it is, its process and where it writes its times."""

    url: str
    process: psutil.Process
    times: Path
    log: Path

    def noted(self, since: float) -> list[dict[str, Any]]:
        """What `app.bench.timed_server` wrote after `since`, oldest first."""
        lines = self.times.read_text().splitlines() if self.times.exists() else []
        return [line for line in map(json.loads, lines) if line["at"] > since]

    def complaints(self) -> list[str]:
        """The exceptions in its log."""
        return [line for line in self.log.read_text().splitlines() if "Traceback" in line]


@contextmanager
def serving() -> Iterator[Server]:
    """Start the server on a free port; it ends with the block.

    Raises:
        OSError: if it does not come up, with its log.
    """
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        times, log = Path(folder, "times.jsonl"), Path(folder, "log.txt")
        command = [sys.executable, "-m", "app.bench.timed_server", str(port), str(times)]
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


def queries(server: Server, problem: str, *, pages: int, rate: str, followers: bool) -> Iterator[str]:
    """The query of each page's address: for a session of its own, or as a follower of the first page's.

    The next is to be asked for when the page before it is open.
    """
    for seed in range(pages):
        told = {"watch": _watch_id(server)} if followers and seed else {"problem": problem, "seed": seed}
        yield urlencode(told | {"rate": rate})


def _watch_id(server: Server) -> str:
    """By which the session of the first page is followed, once a frame was made for it."""
    for _ in range(600):
        for line in server.noted(0.0):
            if "watch" in line:
                return str(line["watch"])
        time.sleep(0.1)
    raise OSError("The first page got no frame.")


def settle(server: Server) -> None:
    """Wait until UMAP, which its own process compiles once per start, no longer takes half of two cores."""
    time.sleep(SETTLE_SECONDS)
    helpers, deadline = server.process.children(recursive=True), time.monotonic() + MOST_QUIET_SECONDS
    for helper in helpers:
        helper.cpu_percent()
    while time.monotonic() < deadline:
        time.sleep(2)
        if sum(helper.cpu_percent() for helper in helpers) < 100 * QUIET_SHARE:
            return


def server_figures(server: Server, since: float) -> dict[str, Any]:
    """What the refreshes since then cost the server and the wire, and what training did meanwhile."""
    noted = server.noted(since)
    done = [line for line in noted if "seconds" in line]
    by_browser: dict[str, list[dict[str, Any]]] = {}
    for line in done:
        by_browser.setdefault(line["browser"], []).append(line)
    seconds = time.time() - since
    return {
        "seconds": round(seconds, 1),
        "refreshes": len(done),
        "server_ms": spread([1000 * line["seconds"] for line in done]),
        "server_cpu_ms": spread([1000 * line["cpu_seconds"] for line in done]),
        "answer_ms": spread([1000 * line["answer_seconds"] for line in noted if "answer_seconds" in line]),
        "bytes": spread([line["bytes"] for line in noted if "bytes" in line]),
        "longest_gap_seconds": max(
            (longest_gap([since, *(line["at"] for line in lines)]) for lines in by_browser.values()), default=None
        ),
        "moments_per_second": min(
            (len({line["step"] for line in lines}) / seconds for lines in by_browser.values()), default=0.0
        ),
        **_of_each_second([line for line in noted if "steps" in line]),
    }


def _of_each_second(counts: Sequence[dict[str, Any]]) -> dict[str, float]:
    """What all sessions train a second, and how many cores the server's threads take beside those that train."""
    if len(counts) < 2:
        return {"steps_per_second": float("nan"), "serving_cores": float("nan")}
    first, last = counts[0], counts[-1]
    seconds = last["at"] - first["at"]
    steps = sum(last["steps"].values()) - sum(first["steps"].values())
    serving = last["serving_cpu_seconds"] - first["serving_cpu_seconds"]
    return {"steps_per_second": steps / seconds, "serving_cores": serving / seconds}


def after_closing(server: Server) -> dict[str, float]:
    """Share of one core that the server takes once nobody has looked for long enough."""
    time.sleep(IDLE_SECONDS)
    before, started = server.process.cpu_times(), time.monotonic()
    time.sleep(10)
    after = server.process.cpu_times()
    worked = after.user + after.system - before.user - before.system
    return {"seconds_unseen": IDLE_SECONDS, "share_of_a_core": worked / (time.monotonic() - started)}


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and maximum; NaN without values."""
    ordered = sorted(values)
    if len(ordered) < 2:
        return dict.fromkeys(("p50", "p95", "highest"), float(ordered[0]) if ordered else float("nan"))
    cuts = statistics.quantiles(ordered, n=20, method="inclusive")
    return {"p50": statistics.median(ordered), "p95": cuts[-1], "highest": ordered[-1]}


def longest_gap(moments: Sequence[float]) -> float:
    """Between two of these moments, which ascend."""
    return max((after - before for before, after in pairwise(moments)), default=0.0)
