"""Has every click count once on a page that refreshes itself.

Streamlit's browser side gathers clicks for a moment before it sends them. A timed refresh that falls into that moment
sends them too, and every callback runs twice: pause and resume, two steps for one. In a busy browser that was one
click in four (Streamlit 1.67; `scheduleFlush` of its WidgetStateManager). So a timed refresh brings no clicks here.
"""

from functools import wraps

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession

TRIGGERS = frozenset({"trigger_value", "string_trigger_value", "json_trigger_value", "chat_input_value"})
"""What a widget sends once and not as its state."""


def let_clicks_count_once() -> None:
    """From now on, for all sessions of this server; a second call changes nothing."""
    request_rerun = AppSession.request_rerun
    if hasattr(request_rerun, "__wrapped__"):
        return

    @wraps(request_rerun)
    def once(self: AppSession, client_state: ClientState | None) -> None:
        if client_state is not None and client_state.is_auto_rerun:
            client_state = without_clicks(client_state)
        request_rerun(self, client_state)

    AppSession.request_rerun = once  # type: ignore[method-assign]


def without_clicks(client_state: ClientState) -> ClientState:
    """The same, but for what widgets send once."""
    states = [state for state in client_state.widget_states.widgets if state.WhichOneof("value") not in TRIGGERS]
    kept = ClientState()
    kept.CopyFrom(client_state)
    del kept.widget_states.widgets[:]
    kept.widget_states.widgets.extend(states)
    return kept
