"""What the tests of the Live page share: how it is run without a browser, and what is asked of it."""

from collections.abc import Callable

from page_runs import SECONDS, open_script, run, state_in
from streamlit.testing.v1 import AppTest

from app.live.state import LiveState
from app.sessions.entry import Entry
from app.sessions.registry import registry
from vqcore.training.session import Session


def control(page: AppTest, name: str) -> str:
    """The key of a control as it is drawn now; controls are made anew when the session changes under them."""
    return f"{name}-{state_in(page, LiveState).generation}"


def open_page(**query: str) -> AppTest:
    return open_script("script.py", **query)


def entry_of(page: AppTest) -> Entry:
    entry = registry().find(page.query_params["session"])
    assert entry is not None
    return entry


def reach(page: AppTest, until: Callable[[Session], bool]) -> AppTest:
    """Wait for the session behind `page`, then draw the page again."""
    session = entry_of(page).session
    assert session.wait(until, SECONDS), session.status()
    return run(page)


def step_of(session: Session) -> int:
    snapshot = session.latest()
    return -1 if snapshot is None else snapshot.step


def options(page: AppTest):
    return entry_of(page).session.status().recipe.options


def sentences(page: AppTest) -> list[str]:
    return [element.value.replace("\\", "") for element in (*page.toast, *page.warning, *page.error)]
