"""The road of live data in a real browser: found behind proxies, and found again when it was cut."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from live_page import (
    MAP,
    control,
    pause,
    press,
    step_of,
    wait_for_charts,
    wait_for_movement,
    wait_for_state,
    wait_for_step,
    wait_until,
)
from playwright.sync_api import BrowserContext, WebSocketRoute, expect
from real_app import ROOT, Server, Tab, app_server, free_port, streamlit_server
from reverse_proxy import reverse_proxy

LOST = "connection lost, trying again …"
PAUSED = "?problem=plane&paused=1"


@pytest.fixture(scope="module")
def based(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Told that it lies below a path."""
    log = tmp_path_factory.mktemp("based") / "log.txt"
    with streamlit_server(ROOT / "app" / "main.py", log, base_path="inner/lab") as server:
        yield server


def port_of(server: Server) -> int:
    port = urlsplit(server.url).port
    assert port is not None
    return port


@pytest.mark.parametrize(
    ("which", "prefix", "strips", "path"),
    [
        ("based", "inner/lab", False, "inner/lab/"),
        ("server", "tool", True, "tool/"),
        ("based", "outer", True, "outer/inner/lab/"),
        ("server", "tool", True, "tool"),
    ],
    ids=["a base path", "a stripped prefix", "two prefixes", "no slash at the end"],
)
def test_charts_and_their_road_work_behind_a_proxy(
    request: pytest.FixtureRequest, open_tab: Callable[..., Tab], which: str, prefix: str, strips: bool, path: str
) -> None:
    server: Server = request.getfixturevalue(which)
    with reverse_proxy(port_of(server), prefix, strips=strips) as port:
        proxied = Server(server.script, f"http://localhost:{port}", server.log, server.process)
        page = open_tab(proxied, f"{path}{PAUSED}").page
        wait_for_charts(page)
        press(page, "step")
        wait_for_step(page, 1)
        wait_until(page, "location.search.includes('session=')")
        page.close()


def test_a_cut_road_is_said_and_taken_up_again(open_tab: Callable[..., Tab], server: Server) -> None:
    roads: list[WebSocketRoute] = []

    def through(road: WebSocketRoute) -> None:
        roads.append(road)
        road.connect_to_server()

    tab = open_tab(server, "doctor")
    tab.page.route_web_socket("**/vq/live", through)
    tab.page.goto(f"{server.url}/?problem=plane")
    wait_for_movement(tab.page)
    plot = tab.page.evaluate_handle(f"document.querySelector('{MAP}')")
    tab.page.evaluate(
        """() => {
            window.said = [];
            const line = document.querySelector('.vq-status');
            new MutationObserver(() => window.said.push(line.innerText)).observe(
                line, { subtree: true, childList: true, characterData: true });
        }"""
    )
    before = step_of(tab.page)
    roads[-1].close(code=1012, reason="The server starts again.")
    wait_until(tab.page, f"window.said.some((text) => text.includes('{LOST}'))")
    wait_for_step(tab.page, before + 1)
    assert len(roads) >= 2
    expect(tab.page.locator(".vq-status")).not_to_contain_text(LOST)
    assert tab.page.evaluate(f"(plot) => plot === document.querySelector('{MAP}')", plot)
    pause(tab.page)


def test_a_hidden_page_asks_for_nothing_and_goes_on_when_it_is_seen(
    open_tab: Callable[..., Tab], server: Server
) -> None:
    page = open_tab(server, "?problem=plane").page
    wait_for_movement(page)
    page.evaluate(
        """() => {
            const send = WebSocket.prototype.send;
            window.asked = 0;
            WebSocket.prototype.send = function (text) {
                if (this.url.endsWith('/vq/live')) window.asked += 1;
                return send.call(this, text);
            };
            const show = (hidden) => {
                Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
                document.dispatchEvent(new Event('visibilitychange'));
            };
            window.show = show;
            show(true);
        }"""
    )
    page.wait_for_timeout(1500)  # what was on its way is answered
    asked = page.evaluate("window.asked")
    page.wait_for_timeout(2000)  # in which a page that is seen asks four times
    assert page.evaluate("window.asked") == asked
    before = step_of(page)
    page.evaluate("window.show(false)")
    wait_for_step(page, before + 1)
    pause(page)


def test_a_server_that_starts_again_is_found_and_goes_on_from_the_settings_last_seen(
    browser: BrowserContext, tmp_path_factory: pytest.TempPathFactory
) -> None:
    logs, port = tmp_path_factory.mktemp("again"), free_port()
    tab = Tab(browser.new_page())  # whose console complains of connections that fail
    with app_server(logs / "first.txt", port=port) as first:
        tab.page.goto(f"{first.url}/?problem=plane&beta=0.5")
        wait_for_movement(tab.page)
        tab.page.locator(control("affine")).get_by_text("running", exact=True).click()
        wait_until(tab.page, "location.search.includes('affine=running')")
    expect(tab.page.locator(".vq-status")).to_contain_text(LOST)
    with app_server(logs / "second.txt", port=port):
        wait_for_state(tab.page, "running")
        wait_until(tab.page, f"document.querySelector('.vq-status')?.innerText.includes('{LOST}') === false")
        wait_for_movement(tab.page)
        expect(tab.page.get_by_text("This one begins again from its settings")).to_be_visible()
        assert {"beta=0.5", "affine=running"} <= {*urlsplit(tab.page.url).query.split("&")}
        tab.page.close()
