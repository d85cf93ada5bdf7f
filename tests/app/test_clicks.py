"""A timed refresh brings no clicks; a click's own message does."""

import pytest
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession

from app.clicks import let_clicks_count_once


@pytest.fixture
def asked(monkeypatch) -> list[ClientState | None]:
    """What sessions are asked to run."""
    heard: list[ClientState | None] = []

    def request_rerun(_: AppSession, client_state: ClientState | None) -> None:
        heard.append(client_state)

    monkeypatch.setattr(AppSession, "request_rerun", request_rerun)
    let_clicks_count_once()
    let_clicks_count_once()
    return heard


def state(*, is_auto_rerun: bool) -> ClientState:
    sent = ClientState(fragment_id="refresh", query_string="at=3", is_auto_rerun=is_auto_rerun)
    sent.widget_states.widgets.add(id="play", trigger_value=True)
    sent.widget_states.widgets.add(id="sync", double_value=0.5)
    sent.widget_states.widgets.add(id="time-bar", json_trigger_value='[{"event": "go"}]')
    sent.widget_states.widgets.add(id="note").string_trigger_value.data = "hello"
    sent.widget_states.widgets.add(id="bypass", bool_value=True)
    return sent


def test_a_timed_refresh_brings_states_and_no_clicks(asked):
    sent = state(is_auto_rerun=True)
    AppSession.request_rerun(None, sent)
    (got,) = asked
    assert [widget.id for widget in got.widget_states.widgets] == ["sync", "bypass"]
    assert (got.fragment_id, got.query_string, got.is_auto_rerun) == ("refresh", "at=3", True)
    assert len(sent.widget_states.widgets) == 5


@pytest.mark.parametrize("sent", [None, state(is_auto_rerun=False)])
def test_all_else_passes_as_it_came(asked, sent):
    AppSession.request_rerun(None, sent)
    assert asked == [sent]
