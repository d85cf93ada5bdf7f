"""The road of live data in a real browser: found behind proxies, and found again when it was cut."""

import base64
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from live_page import (
    MAP,
    choose,
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

from app.live_plot.browser_code import javascript
from app.stream.wire import message, piece

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
    roads[-1].close(code=1012, reason="The server starts again.")
    wait_until(tab.page, f"window.said.some((text) => text.includes('{LOST}'))")
    expect(tab.page.locator(".vq-status")).not_to_contain_text(LOST, timeout=60_000)
    wait_for_step(tab.page, step_of(tab.page) + 1)
    assert len(roads) >= 2
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
    choose(page, "bars", "usage")  # has the script run, after which a page that is seen asks at once
    page.wait_for_timeout(2000)  # in which it asks four times
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


def test_what_an_answer_changed_is_taken_back_where_the_server_had_it_back_before_the_next(
    browser: BrowserContext,
) -> None:
    def frame(number: int, **told: tuple[str, str]) -> str:
        parts = [(key, revision, piece({"html": html}).written()) for key, (revision, html) in told.items()]
        return base64.b64encode(message({"n": number, "controls": "", "hands": {}}, parts)).decode()

    page = browser.new_page()
    page.goto("about:blank")
    code = javascript("app_root.js", "stage.js", "wire.js", "address.js", "conductor.js")
    page.add_script_tag(content=code.replace("export default function", "window.mount = function"))
    shown = page.evaluate(
        """async ([first, second, third]) => {
            const seen = {}, conductor = new Conductor();
            for (const key of ['tile', 'said']) onStage(key, ({ html }) => (seen[key] = html));
            conductor.told = { session: '', view: {}, wanted: ['tile', 'said'], controls: '', rate: 1e-9 };
            conductor.socket = { readyState: WebSocket.OPEN, send() {} };
            const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
            conductor.ask();
            await conductor.show(bytes(first));
            conductor.ask();
            conductor.ask(true); // a person wants something before the second is answered
            await conductor.show(bytes(second));
            const between = { ...seen };
            await conductor.show(bytes(third));
            return [between, seen, Object.fromEntries(conductor.have)];
        }""",
        [
            frame(1, tile=("a", "43, step 1"), said=("a", "43 in use")),
            frame(2, tile=("b", "42, step 2"), said=("b", "42 in use")),
            frame(3, tile=("c", "43, step 3")),  # as the browser had "43 in use" when it asked
        ],
    )
    assert shown == [
        {"tile": "42, step 2", "said": "42 in use"},
        {"tile": "43, step 3", "said": "43 in use"},
        {"tile": "c", "said": "a"},
    ]
    page.close()
