"""A real Chromium and a real `streamlit run`; a test fails on anything either of them complains about."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect, sync_playwright
from plot_hands import wait_for_charts
from real_app import Server, Tab, app_server, streamlit_server

PAGES = Path(__file__).parent / "pages"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--js-flags=--expose-gc",
]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why a test was tried again, which a pass would hide."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.write_sep("_", f"first try of {report.nodeid}")
        terminalreporter.write_line(report.longreprtext)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """One context for all tests, kept on disk: only there are scripts kept compiled, half of a page's cost."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next(filter(None, map(shutil.which, names)), None)  # None: Playwright's own
    with sync_playwright() as playwright:
        if found is None and not Path(playwright.chromium.executable_path).exists():
            pytest.fail("needs Chromium: `apt install chromium` or `playwright install chromium`", pytrace=False)
        expect.set_options(timeout=30_000)
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("chromium"),
            executable_path=found,
            args=FLAGS,
            viewport={"width": 1440, "height": 900},
            color_scheme="light",
        )
        context.set_default_timeout(60_000)
        yield context
        context.close()


@pytest.fixture(scope="session")
def plot_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("streamlit") / "log.txt"
    with streamlit_server(PAGES / "plot_app.py", log) as server:
        yield server


@pytest.fixture
def plots(open_tab: Callable[..., Tab], plot_server: Server) -> Tab:
    """Three charts that are redrawn every 0.4 s."""
    tab = open_tab(plot_server, "?every=0.4")
    wait_for_charts(tab.page)
    return tab


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """VQ Scope, for all tests that need no server of their own kind."""
    with app_server(tmp_path_factory.mktemp("app") / "log.txt") as running:
        yield running


@pytest.fixture
def open_tab(browser: BrowserContext) -> Iterator[Callable[[Server, str], Tab]]:
    """Opens a tab on a server's page; afterwards neither may have complained."""
    opened: list[tuple[Tab, Server]] = []

    def open_(server: Server, query: str = "", context: BrowserContext = browser) -> Tab:
        tab = Tab(context.new_page())
        opened.append((tab, server))
        tab.page.goto(f"{server.url}/{query}")
        return tab

    yield open_
    for tab, _ in opened:
        tab.page.close()
    for tab, server in opened:
        assert tab.problems == []
        assert server.complaints() == []
