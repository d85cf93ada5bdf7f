"""How the dashboard ends, and how it declines to begin."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from live_page import umap_workers, wait_for_movement
from playwright.sync_api import BrowserContext
from real_app import ROOT, app_server

EXIT_SECONDS = 30
"""Ten times what an idle machine is allowed."""

WORKER_SECONDS = 60


def wait_for_worker(pid: int) -> psutil.Process:
    deadline = time.monotonic() + WORKER_SECONDS
    while not (found := umap_workers(pid)):
        assert time.monotonic() < deadline, "no UMAP worker was started"
        with pytest.raises(psutil.TimeoutExpired):
            psutil.Process(pid).wait(0.2)  # the server is alive
    return found[0]


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM], ids=lambda asked: asked.name)
def test_asked_to_end_it_exits_with_0_and_leaves_no_process(
    asked: signal.Signals, browser: BrowserContext, tmp_path: Path
) -> None:
    with app_server(tmp_path / "log.txt", module="app") as server:
        page = browser.new_page()
        page.goto(f"{server.url}/?problem=digits&map=UMAP")  # or UMAP's process begins later
        wait_for_movement(page)
        worker = wait_for_worker(server.process.pid)
        children = psutil.Process(server.process.pid).children(recursive=True)
        assert worker in children
        asked_at = time.monotonic()
        server.process.send_signal(asked)
        code = server.process.wait(EXIT_SECONDS)
        print(f"\n{asked.name}: exit code {code} after {time.monotonic() - asked_at:.2f} s")
        page.close()
        assert code == 0
        _, alive = psutil.wait_procs(children, timeout=1)
        assert alive == []
        assert server.complaints() == []


def start(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_an_address_in_use_is_refused_in_one_line() -> None:
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
        ended = start("--port", str(port))
    assert ended.returncode == 2
    assert ended.stdout == ""
    (sentence,) = ended.stderr.splitlines()
    assert str(port) in sentence


@pytest.mark.parametrize(
    "words",
    [
        ("--port", "70000"),
        ("--port", "many"),
        ("--address", "no.such.name.invalid"),
        ("--address", "203.0.113.200"),  # of a machine that is not this one
        ("--token", "short"),
    ],
    ids=" ".join,
)
def test_a_word_that_cannot_be_followed_is_named_in_one_line(words: tuple[str, ...]) -> None:
    ended = start(*words)
    assert ended.returncode == 2
    assert ended.stdout == ""
    (sentence,) = ended.stderr.splitlines()
    assert words[0].strip("-") in sentence
