"""Pages without a picture: they ask the server for what a browser asks, when it would, and read what comes.

For many at once on a machine whose cores are to be the server's: ten Chromium pages take more of two cores to draw
than there is.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from app.bench.serving import after_closing, longest_gap, server_figures, serving, settle

MOST_BYTES = 2**26
OPENING_SECONDS = 60.0


@dataclass
class PageWithoutPicture:
    """One open page."""

    connection: ClientConnection
    query: str
    left: threading.Event = field(default_factory=threading.Event)
    refreshed: list[float] = field(default_factory=list)
    """When something of a refresh had come (Unix time)."""

    problems: list[str] = field(default_factory=list)
    _fragments: dict[str, float] = field(default_factory=dict)
    """What is to be asked for again and again, and after how many seconds."""

    def open(self) -> None:
        """Ask for the whole page, and from then on for what it says is to be asked for again."""
        self._ask()
        for work in (self._listen, self._keep_asking):
            threading.Thread(target=work, daemon=True).start()

    def _ask(self, fragment: str = "") -> None:
        wish = BackMsg()
        wish.rerun_script.query_string = self.query
        wish.rerun_script.fragment_id = fragment
        wish.rerun_script.is_auto_rerun = bool(fragment)
        with suppress(ConnectionClosed):
            self.connection.send(wish.SerializeToString())

    def _keep_asking(self) -> None:
        """As a browser does: every so often, whether or not the last answer has come."""
        while not self.left.wait(min(self._fragments.values(), default=0.1)):
            for fragment in [*self._fragments]:
                self._ask(fragment)

    def _listen(self) -> None:
        with suppress(ConnectionClosed):
            for frame in self.connection:
                self._read(ForwardMsg.FromString(frame))
        if not self.left.is_set():
            self.problems.append("the server closed the connection")

    def _read(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session" and not message.metadata.run.fragment_ids:
            self._fragments.clear()
        elif kind == "auto_rerun":
            self._fragments[message.auto_rerun.fragment_id] = message.auto_rerun.interval
        elif kind == "delta":
            if message.delta.new_element.WhichOneof("type") == "exception":
                self.problems.append(message.delta.new_element.exception.message)
            if message.delta.fragment_id in self._fragments:  # which come in one go
                self.refreshed.append(time.time())
        elif kind == "script_finished" and message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
            self.problems.append("the page could not be compiled")


@contextmanager
def opened_page(url: str, query: str) -> Iterator[PageWithoutPicture]:
    """A page of the server at `url`, which refreshes by itself until it is left."""
    address = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
    with connect(
        address, subprotocols=["streamlit"], max_size=MOST_BYTES, open_timeout=OPENING_SECONDS, compression=None
    ) as connection:
        page = PageWithoutPicture(connection, query)
        page.open()
        try:
            yield page
        finally:
            page.left.set()


def bench_clients(problem: str, *, seconds: float, pages: int) -> dict[str, Any]:
    """Have `pages` pages ask, each for a session of its own, and report what that costs server and wire."""
    with serving() as server:
        with ExitStack() as opened:
            watched = [
                opened.enter_context(opened_page(server.url, urlencode({"problem": problem, "seed": seed})))
                for seed in range(pages)
            ]
            settle(server)
            since = time.time()
            time.sleep(seconds)
            until = time.time()
            figures = server_figures(server, since)
            gaps = [
                longest_gap([since, *(at for at in page.refreshed if since < at < until), until]) for page in watched
            ]
        report = {
            "problem": problem,
            "draws": False,
            "pages": pages,
            **figures,
            "longest_gap_on_page_seconds": max(gaps),
        }
        report["page_errors"] = [problem for page in watched for problem in page.problems]
        if pages > 1:
            report["after_closing"] = after_closing(server)
        report["complaints"] = server.complaints()
    return report
