"""Timed refreshes as this page needs them: they bring no clicks, rest where they would tell nothing, and come whole.

No clicks: Streamlit's browser side gathers clicks for a moment before it sends them. A timed refresh that falls into
that moment sends them too, and every callback runs twice: pause and resume, two steps for one. In a busy browser that
was one click in four (Streamlit 1.67; `scheduleFlush` of its WidgetStateManager).

Rest: a refresh that changes nothing costs the browser half of one that does. Ten pages that shared two cores were
busy with those and with refreshes overtaken before they were drawn, and their trainings stood still.

Whole: the browser builds its whole page anew for the message that a run begins, for what is drawn, for the message
that it ends, and twice for whether a script is running. What comes in one go is built once or twice.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from weakref import WeakKeyDictionary

import streamlit as st
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.app_session import AppSession

TRIGGERS = frozenset({"trigger_value", "string_trigger_value", "json_trigger_value", "chat_input_value"})
"""What a widget sends once and not as its state."""

LONGEST_REST = 2.0
"""Seconds after which a refresh is run whether or not there is news."""

REST_PER_WAIT = 12
"""How many times as long as its last refresh waited for a core a page rests: where many share the cores, it asks
less. Alone with its browser on two cores a refresh waits 15 to 40 ms, one of ten 150 and more."""

KEY = "rest"


@dataclass(frozen=True, slots=True)
class Rest:
    """Why a page's timed refreshes need not run."""

    wakes_at: float
    """From when on there is a refresh where there is news, in seconds of the monotonic clock."""

    ends_at: float
    """From when on there is one in any case."""

    has_news: Callable[[], bool]

    def goes_on(self) -> bool:
        """Whether no timed refresh is to run now."""
        now = time.monotonic()
        return now < self.wakes_at or (now < self.ends_at and not self.has_news())


@dataclass(slots=True)
class Outbox:
    """What goes to one page: a run of what is refreshed by time is held until it has ended."""

    timed: set[str] = field(default_factory=set)
    """The fragments that have been asked for by time; a run of one is short."""

    held: list[ForwardMsg] | None = None
    is_timed: bool = False
    """Whether the run that began last is one of those."""

    def put(self, message: ForwardMsg) -> list[ForwardMsg]:
        """What is to be sent now that `message` comes."""
        kind = message.WhichOneof("type")
        if kind == "new_session":
            fragments = message.metadata.run.fragment_ids
            left, self.held = self.held or [], None  # of a run that was cut off
            self.is_timed = bool(fragments) and self.timed.issuperset(fragments)
            if self.is_timed:
                self.held = [message]
                return left
            return [*left, message]
        if kind == "session_status_changed" and self.is_timed:
            return []  # nothing on the page waits for a refresh
        if self.held is None:
            return [message]
        self.held.append(message)
        if kind != "script_finished":
            return []
        whole, self.held = self.held, None
        return whole


def rest_after(waited: float, has_news: Callable[[], bool]) -> None:
    """After a refresh that waited so many seconds for a core, run no timed one before the page has rested enough.

    And none before `has_news()`, which another thread asks, or `LONGEST_REST` is over.
    """
    now = time.monotonic()
    st.session_state[KEY] = Rest(now + min(REST_PER_WAIT * waited, LONGEST_REST), now + LONGEST_REST, has_news)


def mend_timed_refreshes() -> None:
    """From now on, for all sessions of this server; a second call changes nothing."""
    request_rerun, enqueue = AppSession.request_rerun, AppSession._enqueue_forward_msg
    if hasattr(request_rerun, "__wrapped__"):
        return
    outboxes = WeakKeyDictionary[AppSession, Outbox]()

    @wraps(request_rerun)
    def asked(self: AppSession, client_state: ClientState | None) -> None:
        if client_state is not None and client_state.is_auto_rerun:
            outbox = outboxes.setdefault(self, Outbox())
            outbox.timed.add(client_state.fragment_id)
            if outbox.held is not None or _rests(self):  # one asked for during another would follow it at once
                return
            client_state = without_clicks(client_state)
        request_rerun(self, client_state)

    @wraps(enqueue)
    def put(self: AppSession, message: ForwardMsg) -> None:
        for ready in outboxes.setdefault(self, Outbox()).put(message):
            enqueue(self, ready)

    AppSession.request_rerun = asked  # type: ignore[method-assign]
    AppSession._enqueue_forward_msg = put  # type: ignore[method-assign]


def _rests(page: AppSession) -> bool:
    try:
        rest = page.session_state[KEY]
    except KeyError:
        return False
    return isinstance(rest, Rest) and rest.goes_on()


def without_clicks(client_state: ClientState) -> ClientState:
    """The same, but for what widgets send once."""
    states = [state for state in client_state.widget_states.widgets if state.WhichOneof("value") not in TRIGGERS]
    kept = ClientState()
    kept.CopyFrom(client_state)
    del kept.widget_states.widgets[:]
    kept.widget_states.widgets.extend(states)
    return kept
