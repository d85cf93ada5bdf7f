"""What the tests of all pages share: how a page is run without a browser, and what is asked of it."""

import json
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from app.page_state import Kept

APP = Path(__file__).parents[2] / "app"
SECONDS = 60


def open_script(path: str, seconds: float = SECONDS, /, **query: str) -> AppTest:
    """The page of the script at `path` below `app/`, as its URL's `query` first draws it."""
    page = AppTest.from_file(APP / path, default_timeout=seconds)
    page.query_params.update(query)
    return run(page)


def run(page: AppTest) -> AppTest:
    page.run()
    assert not page.exception
    _show_address(page)
    return page


def _show_address(page: AppTest) -> None:
    """As `address.js` does in the browser."""
    for element in page.get("bidi_component"):
        if (address := json.loads(element.proto.json or "{}").get("address")) is not None:
            page.query_params.clear()
            page.query_params.update(address)


def press(page: AppTest, key: str) -> AppTest:
    *page_name, name = key.split("-")
    buttons = "-".join([*page_name, "transport"])
    if name in transport(page, buttons):
        return click(page, name, key=buttons)
    page.button(key=key).click()
    return run(page)


def click(page: AppTest, *names: str, key: str = "transport") -> AppTest:
    """Click on these buttons of the transport faster than the page's script runs, as `transport.js` tells it."""
    data = page_data(page, key)
    is_running, clicks = data["running"], []
    disabled = transport(page, key)
    for number, name in enumerate(names, data["taken"] + 1):
        assert not disabled[name]
        meaning = ("pause" if is_running else "resume") if name == "play" else name
        is_running = {"resume": True, "restart": is_running}.get(meaning, False)
        clicks.append([number, meaning])
    page.session_state[key] = {"clicks": clicks}
    return run(page)


def transport(page: AppTest, key: str = "transport") -> dict[str, bool]:
    """Each of the transport's buttons, and whether it is disabled."""
    buttons = page_data(page, key)["buttons"] if key in shown(page) else []
    return {button["name"]: button["disabled"] for button in buttons}


def query(page: AppTest) -> dict[str, str]:
    return {name: values[0] if isinstance(values, list) else values for name, values in page.query_params.items()}


def page_data(page: AppTest, key: str) -> dict[str, Any]:
    """What a component of ours was last given."""
    (element,) = [element for element in page.get("bidi_component") if element.key == key]
    return json.loads(element.proto.json)


def shown(page: AppTest) -> set[str]:
    return {element.key for element in page.get("bidi_component")}


def state_in(page: AppTest, kind: type[Kept]) -> Kept:
    """What `app.page_state` keeps of this page's visitor. Changed in place."""
    kept: Kept = page.session_state[kind.__name__]
    return kept
