"""A real Chromium and a real `streamlit run`; a test fails on anything either of them complains about."""

import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, WebSocket, sync_playwright

ROOT = Path(__file__).parents[2]
PAGES = Path(__file__).parent / "pages"
COMPLAINT = re.compile(r"warning|traceback|exception|\berror\b", re.IGNORECASE)
HARMLESS = re.compile(r"GPU stall due to ReadPixels")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--js-flags=--expose-gc",
]


@dataclass
class Server:
    """A running app: where it is and what it has said."""

    url: str
    log: Path

    def complaints(self) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if COMPLAINT.search(line)]


@contextmanager
def streamlit_server(script: Path, log: Path, base_path: str = "") -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(script), f"--server.port={port}"]
    if base_path:
        command.append(f"--server.baseUrlPath={base_path}")
    url = f"http://localhost:{port}/{base_path}".rstrip("/")
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env=environment)
        try:
            _wait_until_up(f"{url}/_stcore/health", process, log)
            yield Server(url, log)
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_until_up(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    stopped = False
    for _ in range(240):
        with suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(address, timeout=5):
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.25)
            stopped = True
        if stopped:
            break
    raise RuntimeError(f"Streamlit did not come up at {address}:\n{log.read_text()}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next(filter(None, map(shutil.which, names)), None)  # None: Playwright's own
    with sync_playwright() as playwright:
        if found is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("needs Chromium: `apt install chromium` or `playwright install chromium`")
        chromium = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def plot_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    (PAGES / "static").mkdir(exist_ok=True)  # Streamlit warns if it is missing at the start
    log = tmp_path_factory.mktemp("streamlit") / "log.txt"
    with streamlit_server(PAGES / "plot_page.py", log) as server:
        yield server


@dataclass
class Tab:
    """A page, what its console complained about and how much its websocket received."""

    page: Page
    problems: list[str] = field(default_factory=list)
    received: int = 0

    def __post_init__(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))
        self.page.on("websocket", self._listen)

    def _hear(self, message: object) -> None:
        if message.type in ("error", "warning") and not HARMLESS.search(message.text):
            self.problems.append(f"console {message.type}: {message.text}")

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._count)

    def _count(self, payload: bytes | str) -> None:
        self.received += len(payload)


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[Callable[..., Tab]]:
    """Opens a tab on a server's page; afterwards neither may have complained."""
    opened: list[tuple[Tab, Server]] = []

    def open_(server: Server, query: str = "", **context: object) -> Tab:
        settings = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"} | context
        tab = Tab(browser.new_context(**settings).new_page())
        opened.append((tab, server))
        tab.page.goto(f"{server.url}/{query}")
        return tab

    yield open_
    for tab, _ in opened:
        tab.page.context.close()
    for tab, server in opened:
        assert tab.problems == []
        assert server.complaints() == []
