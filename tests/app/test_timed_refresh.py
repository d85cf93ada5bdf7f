"""A timed refresh brings no clicks, rests where it would tell nothing, and comes whole; all else is left alone."""

import time
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.app_session import AppSession

from app import timed_refresh
from app.timed_refresh import LONGEST_REST, Rest, mend_timed_refreshes, rest_after

FRAGMENT = "refresh"


class Page:
    """As much of an AppSession as is asked of."""

    def __init__(self) -> None:
        self.session_state: dict[str, object] = {}
        self.asked: list[ClientState | None] = []
        self.sent: list[ForwardMsg] = []

    def ask(self, client_state: ClientState | None) -> None:
        AppSession.request_rerun(self, client_state)  # type: ignore[arg-type]

    def tell(self, kind: str, *fragments: str) -> ForwardMsg:
        message = ForwardMsg()
        getattr(message, kind).SetInParent() if kind != "script_finished" else setattr(message, kind, 0)
        message.metadata.run.fragment_ids.extend(fragments)
        AppSession._enqueue_forward_msg(self, message)  # type: ignore[arg-type]
        return message

    def kinds_sent(self) -> list[str | None]:
        return [message.WhichOneof("type") for message in self.sent]


@pytest.fixture
def page(monkeypatch) -> Page:
    """A page of a server whose timed refreshes are mended, twice."""
    monkeypatch.setattr(AppSession, "request_rerun", lambda page, state: page.asked.append(state))
    monkeypatch.setattr(AppSession, "_enqueue_forward_msg", lambda page, message: page.sent.append(message))
    mend_timed_refreshes()
    mend_timed_refreshes()
    return Page()


def state(*, is_auto_rerun: bool) -> ClientState:
    sent = ClientState(fragment_id=FRAGMENT, query_string="at=3", is_auto_rerun=is_auto_rerun)
    sent.widget_states.widgets.add(id="play", trigger_value=True)
    sent.widget_states.widgets.add(id="sync", double_value=0.5)
    sent.widget_states.widgets.add(id="time-bar", json_trigger_value='[{"event": "go"}]')
    sent.widget_states.widgets.add(id="note").string_trigger_value.data = "hello"
    sent.widget_states.widgets.add(id="bypass", bool_value=True)
    return sent


def test_a_timed_refresh_brings_states_and_no_clicks(page):
    sent = state(is_auto_rerun=True)
    page.ask(sent)
    (got,) = page.asked
    assert [widget.id for widget in got.widget_states.widgets] == ["sync", "bypass"]
    assert (got.fragment_id, got.query_string, got.is_auto_rerun) == (FRAGMENT, "at=3", True)
    assert len(sent.widget_states.widgets) == 5


@pytest.mark.parametrize("sent", [None, state(is_auto_rerun=False)])
def test_all_else_passes_as_it_came_and_at_once(page, sent):
    page.session_state["rest"] = Rest(time.monotonic() + 60, time.monotonic() + 60, lambda: False)
    page.ask(sent)
    assert page.asked == [sent]


def rest(monkeypatch, *, waited: float, has_news: bool) -> Rest:
    """The rest after a refresh, at second 100 of the clock."""
    memory: dict[str, object] = {}
    monkeypatch.setattr(st, "session_state", memory)
    monkeypatch.setattr(timed_refresh, "time", SimpleNamespace(monotonic=lambda: 100.0))
    rest_after(waited, lambda: has_news)
    (kept,) = memory.values()
    assert isinstance(kept, Rest)
    return kept


@pytest.mark.parametrize(
    ("waited", "has_news", "seconds"),
    [
        (0.0, True, 0.0),  # news comes as soon as it is asked for
        (0.04, True, 0.48),  # within the half second to the next
        (0.1, True, 1.2),  # crowded: less often
        (5.0, True, LONGEST_REST),
        (0.0, False, LONGEST_REST),
        (5.0, False, LONGEST_REST),
    ],
)
def test_a_page_rests_without_news_and_where_cores_are_short(monkeypatch, waited, has_news, seconds):
    kept = rest(monkeypatch, waited=waited, has_news=has_news)
    for later, rests in ((0.99 * seconds, seconds > 0), (1.01 * seconds, False)):
        monkeypatch.setattr(timed_refresh, "time", SimpleNamespace(monotonic=lambda at=100 + later: at))
        assert kept.goes_on() == rests


def test_a_resting_page_is_not_refreshed_by_time(page):
    has_news = False
    page.session_state["rest"] = Rest(0.0, time.monotonic() + 60, lambda: has_news)
    page.ask(state(is_auto_rerun=True))
    assert page.asked == []
    has_news = True
    page.ask(state(is_auto_rerun=True))
    assert len(page.asked) == 1


def test_a_timed_run_is_sent_whole_when_it_has_ended(page):
    page.ask(state(is_auto_rerun=True))
    run = [page.tell("new_session", FRAGMENT)]
    page.tell("session_status_changed")
    run.append(page.tell("delta"))
    assert page.sent == []
    run.append(page.tell("script_finished", FRAGMENT))
    page.tell("session_status_changed")
    assert page.sent == run


def test_no_second_one_is_run_during_a_timed_run(page):
    page.ask(state(is_auto_rerun=True))
    page.tell("new_session", FRAGMENT)
    page.ask(state(is_auto_rerun=True))
    assert len(page.asked) == 1
    page.tell("script_finished", FRAGMENT)
    page.ask(state(is_auto_rerun=True))
    assert len(page.asked) == 2


@pytest.mark.parametrize("fragments", [(), ("heads",), ("heads", FRAGMENT)])
def test_any_other_run_is_sent_as_it_comes(page, fragments):
    page.ask(state(is_auto_rerun=True))
    kinds = ["new_session", "session_status_changed", "delta", "script_finished", "session_status_changed"]
    for count, kind in enumerate(kinds, start=1):
        page.tell(kind, *(fragments if kind in ("new_session", "script_finished") else ()))
        assert page.kinds_sent() == kinds[:count]


def test_what_a_cut_off_run_had_drawn_goes_before_the_next(page):
    page.ask(state(is_auto_rerun=True))
    page.tell("new_session", FRAGMENT)
    page.tell("delta")
    page.tell("new_session")
    page.tell("session_status_changed")
    assert page.kinds_sent() == ["new_session", "delta", "new_session", "session_status_changed"]


def test_pages_are_held_apart(page):
    other = Page()
    page.ask(state(is_auto_rerun=True))
    page.tell("new_session", FRAGMENT)
    other.tell("delta")
    assert page.kinds_sent() == []
    assert other.kinds_sent() == ["delta"]
