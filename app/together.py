"""Sends what a refresh draws in one go.

Streamlit (1.67) sends each element as soon as it is drawn. Each wakes the server's own thread, which takes the
interpreter's lock from the one that draws, and the browser builds its whole page again for every few that arrive.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner import get_script_run_ctx


@contextmanager
def sent_together() -> Iterator[None]:
    """What is drawn within goes to the browser when it is left, by an exception too.

    A click that falls into it is answered afterwards, so this is for what takes a fraction of a second.
    """
    context = get_script_run_ctx(suppress_warning=True)
    if context is None:
        yield
        return
    send, waiting = context._enqueue, list[ForwardMsg]()
    context._enqueue = waiting.append
    try:
        yield
    finally:
        context._enqueue = send
        for message in waiting:
            send(message)
