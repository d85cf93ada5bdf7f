"""Pages that draw nothing: they ask the server for what a browser asks for, when it would, and read the answers.

For many at once on a machine whose cores are to be the server's: ten Chromium pages take more of two cores to draw
than there is.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from app.bench.serving import after_closing, longest_gap, queries, server_figures, serving, settle
from app.stream.wire import LENGTH

MOST_BYTES = 2**26
OPENING_SECONDS = 60.0
PATIENCE = 3.0
"""Seconds that a run of the page's script is given before it is called again."""


@dataclass
class PageWithoutPicture:
    """One open page: its script's connection and, once that has named a session, the WebSocket of its live data."""

    url: str
    query: str
    left: threading.Event = field(default_factory=threading.Event)
    refreshed: list[float] = field(default_factory=list)
    """When a frame with something new had come (Unix time)."""

    problems: list[str] = field(default_factory=list)
    _told: dict[str, Any] = field(default_factory=dict)
    """What the page's script last told its conductor."""

    _is_told: threading.Event = field(default_factory=threading.Event)

    def open(self, script: ClientConnection) -> None:
        """Ask for the whole page, and from then on for its live data."""
        _call(script, self.query)
        for work, arguments in ((self._listen, (script,)), (self._follow, (script,))):
            threading.Thread(target=work, args=arguments, daemon=True).start()

    def _listen(self, script: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            for data in script:
                self._read(ForwardMsg.FromString(data))
        if not self.left.is_set():
            self.problems.append("the server closed the connection")

    def _read(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            if element.WhichOneof("type") == "exception":
                self.problems.append(element.exception.message)
            elif element.WhichOneof("type") == "bidi_component" and '"wanted"' in element.bidi_component.json:
                self._told = json.loads(element.bidi_component.json)
                self._is_told.set()
        elif kind == "script_finished" and message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
            self.problems.append("the page could not be compiled")

    def _follow(self, script: ClientConnection) -> None:
        """Like a browser that draws instantly: ask, read, have the script run if its controls are old, rest, ask."""
        self._is_told.wait()
        have: dict[str, str] = {}
        controls, called_at = "", -PATIENCE
        with suppress(ConnectionClosed), connect(_socket(self.url, "vq/live"), max_size=MOST_BYTES) as road:
            for number in count(1):
                asked = {name: self._told[name] for name in ("session", "view", "wanted")}
                asked |= {"n": number, "have": have, "controls": controls, "hands": {}, "now": False}
                next_at = time.monotonic() + 1 / self._told["rate"]
                road.send(json.dumps(asked))
                header = _header(road.recv())
                controls = header["controls"]
                have |= {key: revision for key, revision, _ in header["parts"]}
                if header["parts"]:
                    self.refreshed.append(time.time())
                if controls != self._told["controls"] and time.monotonic() - called_at > PATIENCE:
                    called_at = time.monotonic()
                    _call(script, urlencode(self._told["address"]))
                if self.left.wait(max(0.0, next_at - time.monotonic())):
                    return
        if not self.left.is_set():
            self.problems.append("the road was closed")


def _call(script: ClientConnection, query: str) -> None:
    """Have the page's script run at the address with this query."""
    wish = BackMsg()
    wish.rerun_script.query_string = query
    script.send(wish.SerializeToString())


def _header(data: str | bytes) -> dict[str, Any]:
    assert isinstance(data, bytes)
    (length,) = LENGTH.unpack_from(data)
    header: dict[str, Any] = json.loads(data[LENGTH.size : LENGTH.size + length])
    return header


def _socket(url: str, path: str) -> str:
    return f"{url.replace('http', 'ws', 1)}/{path}"


@contextmanager
def opened_page(url: str, query: str) -> Iterator[PageWithoutPicture]:
    """A page of the server at `url`, which follows its session until the block ends."""
    with connect(
        _socket(url, "_stcore/stream"),
        subprotocols=[Subprotocol("streamlit")],
        max_size=MOST_BYTES,
        open_timeout=OPENING_SECONDS,
        compression=None,
    ) as script:
        page = PageWithoutPicture(url, query)
        page.open(script)
        try:
            yield page
        finally:
            page.left.set()


def bench_clients(problem: str, *, seconds: float, pages: int, rate: str, followers: bool) -> dict[str, Any]:
    """Have `pages` pages ask and report what that costs server and wire; `queries` says for which sessions."""
    with serving() as server:
        with ExitStack() as opened:
            watched = [
                opened.enter_context(opened_page(server.url, query))
                for query in queries(server, problem, pages=pages, rate=rate, followers=followers)
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
            "gaps_on_pages_seconds": sorted(gaps),
        }
        report["page_errors"] = [problem for page in watched for problem in page.problems]
        if pages > 1 and not followers:
            report["after_closing"] = after_closing(server)
        report["complaints"] = server.complaints()
    return report
