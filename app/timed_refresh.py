"""Timed refreshes as this page needs them: they bring no clicks, rest where they would tell nothing, send only news.

For their sake no request, timed or not, counts on what the browser has cached.

No clicks: Streamlit's browser side gathers clicks for a moment before it sends them. A timed refresh that falls into
that moment sends them too, and every callback runs twice: pause and resume, two steps for one. In a busy browser that
was one click in four (Streamlit 1.67; `scheduleFlush` of its WidgetStateManager).

Rest: a refresh that changes nothing costs the browser half of one that does. Ten pages that shared two cores were
busy with those and with refreshes overtaken before they were drawn, and their trainings stood still.

News only: the browser builds its whole page anew for the message that a run begins, for what is drawn, for the
message that it ends, and twice for whether a script is running. So a run is sent in one go; and where it draws in the
same places as the last, only what looks otherwise there is sent, without a word of a run. On the Live page React then
takes 15 ms a refresh and not 75.

No cache: with every request Streamlit's browser side says which messages it has, and is then sent their hashes alone.
But it drops those that three ended runs did not bring again, and one that ends between the request and its answer may
be the third: the browser then misses a message, and shows nothing more, ever. Seen where a click brought back what
refreshes had not shown for a while. Without, a click costs some 75 kB more.
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

LONGEST_REST_FROM_WAITING = 1.5
"""Seconds after which a refresh is run where there is news, however short the cores are: ten pages on two cores that
also draw them are to move at least every 3 s."""

REST_PER_WAIT = 12
"""How many times as long as its last refresh waited for a core a page rests: where many share the cores, it asks
less. Alone with its browser on two cores a refresh waits 15 to 40 ms, one of ten 150 and more."""

KEY = "rest"

Place = tuple[int, ...]
"""Where on the page something is drawn, as the path to it from the root."""


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

    drawn: dict[Place, str] = field(default_factory=dict)
    """What the page shows of the last run, as a hash of what was drawn by its place; nothing where that is unsure."""

    fragments: frozenset[str] = frozenset()
    """What that run refreshed."""

    def put(self, message: ForwardMsg) -> list[ForwardMsg]:
        """What is to be sent now that `message` comes."""
        kind = message.WhichOneof("type")
        if kind == "new_session":
            fragments = message.metadata.run.fragment_ids
            left, self.held = self.held or [], None  # of a run that was cut off
            self.is_timed = bool(fragments) and self.timed.issuperset(fragments)
            if left or self.fragments != set(fragments):
                self.forget()
            self.fragments = frozenset(fragments)
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
        if message.script_finished != ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY:
            self.forget()
            return whole
        return self._news(whole)

    def forget(self) -> None:
        """The next run must be sent whole."""
        self.drawn = {}

    def _news(self, run: list[ForwardMsg]) -> list[ForwardMsg]:
        """What of a `run` the page does not show yet; all of it if it drew other places than the last.

        Only the end of a whole run takes from the page what was not drawn again, and from the browser's cache what
        did not come again; so the browser is to cache nothing of what is sent without one, which would pile up.
        """
        shown = self.drawn
        self.drawn = {_place(message): message.hash for message in run if message.WhichOneof("type") == "delta"}
        news = [message for message in run[1:-1] if shown.get(_place(message)) != message.hash]
        if self.drawn.keys() != shown.keys() or any(map(_is_place, news)):
            return run
        for message in news:
            message.metadata.cacheable = False
        return news


def _is_place(message: ForwardMsg) -> bool:
    """Whether others are drawn in it."""
    return message.WhichOneof("type") == "delta" and message.delta.WhichOneof("type") != "new_element"


def _place(message: ForwardMsg) -> Place:
    return tuple(message.metadata.delta_path)


def rest_after(seconds: float, has_news: Callable[[], bool]) -> None:
    """After a refresh that waited so many `seconds` for a core, run no timed one before the page has rested enough.

    And none before `has_news()`, which another thread asks, or `LONGEST_REST` is over.
    """
    now = time.monotonic()
    st.session_state[KEY] = Rest(
        now + min(REST_PER_WAIT * seconds, LONGEST_REST_FROM_WAITING), now + LONGEST_REST, has_news
    )


def waited() -> float:
    """Seconds of the clock in which this thread had no core, counted from any moment on."""
    return time.monotonic() - time.thread_time()


def mend_timed_refreshes() -> None:
    """From now on, for all sessions of this server; a second call changes nothing."""
    request_rerun, enqueue = AppSession.request_rerun, AppSession._enqueue_forward_msg
    clear = AppSession._clear_queue
    if hasattr(request_rerun, "__wrapped__"):
        return
    outboxes = WeakKeyDictionary[AppSession, Outbox]()

    @wraps(request_rerun)
    def asked(self: AppSession, client_state: ClientState | None) -> None:
        if client_state is None:
            request_rerun(self, None)
            return
        client_state.ClearField("cached_message_hashes")
        if client_state.is_auto_rerun:
            outbox = outboxes.setdefault(self, Outbox())
            outbox.timed.add(client_state.fragment_id)
            if not self.has_fragment(client_state.fragment_id):  # drawn elsewhere since; Streamlit would log it
                return
            if outbox.held is not None or _rests(self):  # one asked for during another would follow it at once
                return
            client_state = without_clicks(client_state)
        request_rerun(self, client_state)

    @wraps(enqueue)
    def put(self: AppSession, message: ForwardMsg) -> None:
        for ready in outboxes.setdefault(self, Outbox()).put(message):
            enqueue(self, ready)

    @wraps(clear)
    def cleared(self: AppSession, fragments: list[str] | None = None) -> None:
        if not self._browser_queue.is_empty():  # what is cleared has not been sent
            outboxes.setdefault(self, Outbox()).forget()
        clear(self, fragments)

    AppSession._clear_queue = cleared  # type: ignore[method-assign]
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
