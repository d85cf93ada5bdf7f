"""The address of a page in another browser: it shows, and hands over no control."""

from collections.abc import Callable

import pytest
from live_page_runs import open_page as open_live
from live_page_runs import reach, step_of
from page_runs import page_data, query, run, shown
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from test_compare_page import TWO
from test_compare_page import open_page as open_compare
from test_lessons_page import open_page as open_lessons

from app.doors import visitor
from app.doors.guard import BROWSER, Guard
from app.sessions.lesson_desk import desk
from app.sessions.registry import Registry


@pytest.fixture
def use_browser(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have pages be of the browser of this name from now on."""
    return lambda name: monkeypatch.setattr(visitor, "browser", lambda: name)


def test_the_address_of_a_live_session_has_another_browser_follow_it(
    sessions: Registry, use_browser: Callable[[str], None]
) -> None:
    use_browser("teacher's")
    owner = reach(open_live(problem="plane", paused="1"), lambda session: step_of(session) == 0)
    bookmark = query(owner)
    use_browser("student's")
    other = open_live(**bookmark)
    assert query(other)["watch"] == sessions.find(bookmark["session"]).watch_id
    assert "session" not in query(other)
    assert not other.sidebar.number_input
    assert "another browser" in other.toast[0].value
    use_browser("teacher's")
    again = open_live(**bookmark)  # a reload, or another tab
    assert query(again)["session"] == bookmark["session"]
    assert again.sidebar.number_input


def test_the_address_of_variants_side_by_side_does_too(
    sessions: Registry, use_browser: Callable[[str], None]
) -> None:
    use_browser("teacher's")
    owner = open_compare(**TWO, paused="1")
    bookmark = query(owner)
    use_browser("student's")
    other = open_compare(**bookmark)
    assert query(other)["watch"] == sessions.find(bookmark["session"]).watch_id
    assert "compare-transport" not in shown(other)
    use_browser("teacher's")
    assert "compare-transport" in shown(open_compare(**bookmark))


def test_the_address_of_a_lesson_gives_another_browser_a_reader_of_its_own(
    sessions: Registry, use_browser: Callable[[str], None]
) -> None:
    try:
        use_browser("teacher's")
        owner = open_lessons(lesson="quantizer", step="2")
        use_browser("student's")
        other = open_lessons(**query(owner))
        assert query(other) | {"reader": ""} == query(owner) | {"reader": ""}
        assert query(other)["reader"] != query(owner)["reader"]
        runs = {page_data(page, "lessons-conductor")["session"] for page in (owner, other)}
        assert len(runs) == 2
        use_browser("teacher's")
        assert query(run(open_lessons(**query(owner))))["reader"] == query(owner)["reader"]
    finally:
        desk().close()
        desk.clear()


def test_a_browser_is_given_its_cookie_with_its_first_page_and_with_nothing_else() -> None:
    app = Starlette(routes=[Route("/{path:path}", lambda request: PlainTextResponse("."))])
    app.add_middleware(Guard)
    with TestClient(app, base_url="http://localhost") as client:
        script = client.get("/script.js", headers={"accept": "*/*"})
        assert "set-cookie" not in script.headers
        first = client.get("/", headers={"accept": "text/html,*/*"})
        value, *attributes = first.headers["set-cookie"].split("; ")
        assert value.startswith(f"{BROWSER}=")
        assert len(value) > 24
        assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(attributes)
        again = client.get("/lessons", headers={"accept": "text/html,*/*"})
        assert "set-cookie" not in again.headers
        client.cookies.clear()
        assert client.get("/", headers={"accept": "text/html"}).headers["set-cookie"].split("; ")[0] != value
