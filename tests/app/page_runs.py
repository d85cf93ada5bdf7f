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
    return page


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click()
    return run(page)


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
