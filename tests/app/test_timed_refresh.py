"""A timed refresh brings no clicks, rests where it would tell nothing, and sends only news; all else is left be."""

import time
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

from app import timed_refresh
from app.timed_refresh import LONGEST_REST, LONGEST_REST_FROM_WAITING, Rest, mend_timed_refreshes, rest_after

FRAGMENT = "refresh"


Looks = dict[tuple[int, ...], str]
"""What is drawn, by its place."""


class Page:
    """As much of an AppSession as is asked of."""

    def __init__(self) -> None:
        self.session_state: dict[str, object] = {}
        self.asked: list[ClientState | None] = []
        self.sent: list[ForwardMsg] = []
        self._browser_queue = ForwardMsgQueue()
        self.fragments = {FRAGMENT}

    def has_fragment(self, name: str) -> bool:
        return name in self.fragments

    def ask(self, client_state: ClientState | None) -> None:
        AppSession.request_rerun(self, client_state)  # type: ignore[arg-type]

    def tell(self, kind: str, *fragments: str) -> ForwardMsg:
        message = ForwardMsg()
        if kind == "script_finished":
            message.script_finished = ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY
        else:
            getattr(message, kind).SetInParent()
        message.metadata.run.fragment_ids.extend(fragments)
        AppSession._enqueue_forward_msg(self, message)  # type: ignore[arg-type]
        return message

    def draw(self, looks: Looks, *, blocks: Looks | None = None, others: tuple[str, ...] = ()) -> list[object]:
        """A whole run of the timed refresh; returns what is sent of it, what is drawn by its place."""
        self.sent.clear()
        self.tell("new_session", FRAGMENT)
        for kind, drawn in (("add_block", blocks or {}), ("new_element", looks)):
            for place, look in drawn.items():
                message = ForwardMsg(hash=look)
                getattr(message.delta, kind).SetInParent()
                self.put(message, place)
        for kind in others:
            self.tell(kind)
        self.tell("script_finished", FRAGMENT)
        return [tuple(message.metadata.delta_path) or message.WhichOneof("type") for message in self.sent]

    def put(self, message: ForwardMsg, place: tuple[int, ...] = ()) -> None:
        message.metadata.delta_path.extend(place)
        message.metadata.cacheable = True
        AppSession._enqueue_forward_msg(self, message)  # type: ignore[arg-type]

    def kinds_sent(self) -> list[str | None]:
        return [message.WhichOneof("type") for message in self.sent]


@pytest.fixture
def page(monkeypatch) -> Page:
    """A page of a server whose timed refreshes are mended, twice."""
    monkeypatch.setattr(AppSession, "request_rerun", lambda page, state: page.asked.append(state))
    monkeypatch.setattr(AppSession, "_enqueue_forward_msg", lambda page, message: page.sent.append(message))
    monkeypatch.setattr(AppSession, "_clear_queue", lambda page, fragments: page._browser_queue.clear())
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
        (5.0, True, LONGEST_REST_FROM_WAITING),
        (0.0, False, LONGEST_REST),
        (5.0, False, LONGEST_REST),
    ],
)
def test_a_page_rests_without_news_and_where_cores_are_short(monkeypatch, waited, has_news, seconds):
    kept = rest(monkeypatch, waited=waited, has_news=has_news)
    for later, rests in ((0.99 * seconds, seconds > 0), (1.01 * seconds, False)):
        monkeypatch.setattr(timed_refresh, "time", SimpleNamespace(monotonic=lambda at=100 + later: at))
        assert kept.goes_on() == rests


@pytest.mark.parametrize("is_auto_rerun", [False, True])
def test_nothing_is_taken_to_be_in_the_browsers_cache(page, is_auto_rerun):
    request = state(is_auto_rerun=is_auto_rerun)
    request.cached_message_hashes.extend(["map", "bars"])
    page.ask(request)
    (asked,) = page.asked
    assert list(asked.cached_message_hashes) == []
    assert asked.fragment_id == request.fragment_id


def test_a_resting_page_is_not_refreshed_by_time(page):
    has_news = False
    page.session_state["rest"] = Rest(0.0, time.monotonic() + 60, lambda: has_news)
    page.ask(state(is_auto_rerun=True))
    assert page.asked == []
    has_news = True
    page.ask(state(is_auto_rerun=True))
    assert len(page.asked) == 1


def test_what_is_no_longer_on_the_page_is_not_refreshed(page):
    page.fragments.clear()
    page.ask(state(is_auto_rerun=True))
    assert page.asked == []
    page.ask(state(is_auto_rerun=False))
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


LOOKS: Looks = {(0, 1): "map", (0, 2): "bars", (0, 3): "curves"}
WHOLE = ["new_session", *LOOKS, "script_finished"]


@pytest.fixture
def shown(page) -> Page:
    """A page that shows `LOOKS` as its timed refresh drew them."""
    page.ask(state(is_auto_rerun=True))
    assert page.draw(LOOKS) == WHOLE
    return page


def test_where_a_run_draws_the_same_places_only_what_looks_otherwise_is_sent(shown):
    assert shown.draw({**LOOKS, (0, 1): "map, moved"}) == [(0, 1)]
    assert not shown.sent[0].metadata.cacheable  # no end of a run will take it from the browser's cache
    assert shown.draw({**LOOKS, (0, 1): "map, moved"}) == []
    assert shown.draw(LOOKS) == [(0, 1)]


def test_what_is_no_drawing_is_always_sent(shown):
    assert shown.draw(LOOKS, others=("page_info_changed",)) == ["page_info_changed"]


@pytest.mark.parametrize("looks", [{(0, 1): "map"}, {**LOOKS, (0, 4): "examples"}, {**LOOKS, (0, 3, 0): "curves"}])
def test_a_run_that_draws_other_places_is_sent_whole(shown, looks):
    assert shown.draw(looks) == ["new_session", *looks, "script_finished"]
    assert shown.draw({**looks, (0, 1): "map, moved"}) == [(0, 1)]


def test_a_run_that_makes_new_places_is_sent_whole(page):
    page.ask(state(is_auto_rerun=True))
    page.draw(LOOKS, blocks={(0,): "panel"})
    assert page.draw(LOOKS, blocks={(0,): "panel"}) == []
    assert page.draw(LOOKS, blocks={(0,): "columns"}) == ["new_session", (0,), *LOOKS, "script_finished"]


def test_the_first_run_after_any_other_is_sent_whole(shown):
    shown.tell("new_session", "heads")
    shown.tell("script_finished", "heads")
    assert shown.draw(LOOKS) == WHOLE


@pytest.mark.parametrize("has_end", [False, True])
def test_the_first_run_after_one_that_was_cut_off_is_sent_whole(shown, has_end):
    shown.tell("new_session", FRAGMENT)
    if has_end:
        shown.put(ForwardMsg(script_finished=ForwardMsg.FINISHED_EARLY_FOR_RERUN))
    assert shown.draw(LOOKS)[-len(WHOLE) :] == WHOLE


@pytest.mark.parametrize("is_waiting", [False, True])
def test_a_run_is_sent_whole_where_news_before_it_was_not_sent(shown, is_waiting):
    if is_waiting:
        shown._browser_queue.enqueue(ForwardMsg(hash="bars, moved"))
    AppSession._clear_queue(shown, [FRAGMENT])  # type: ignore[arg-type]
    assert shown.draw(LOOKS) == (WHOLE if is_waiting else [])


def test_pages_are_held_apart(page):
    other = Page()
    page.ask(state(is_auto_rerun=True))
    page.tell("new_session", FRAGMENT)
    other.tell("delta")
    assert page.kinds_sent() == []
    assert other.kinds_sent() == ["delta"]
