"""A server with the road alone, in this process, and watchers of it that are no browser."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from road_reading import Arrays, read_message
from starlette.applications import Starlette
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from app.links import live as address
from app.links.live_view import View, write_view
from app.links.selection import Focus
from app.stream.routes import routes

CHARTS = ("map-plot", "bars-plot", "curves-plot")
WANTED = ("status", "tiles", "time-bar", "story", *CHARTS, "map-said", "bars-said")
SECONDS = 30


@contextmanager
def serving_the_road() -> Iterator[int]:
    """The port of a server of the routes."""
    app = Starlette(routes=routes())
    listening = socket.create_server(("localhost", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32_768)  # what a client does not read soon fills it
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
        assert thread.is_alive()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(SECONDS)


def view(focus: Focus | None = None, **controls: str) -> dict[str, Any]:
    """What a page looks at whose controls stand at their defaults, but for these."""
    return write_view(View(address.read({}).view | controls, focus or Focus()))


@dataclass
class Watcher:
    """One page's connection, which keeps what it was sent."""

    connection: ClientConnection
    session: str
    have: dict[str, str] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    number: int = 0
    arrays: Arrays = field(default_factory=dict)
    then: dict[int, Arrays] = field(default_factory=dict)

    def ask(self, *, now: bool = False, wanted: tuple[str, ...] = WANTED, **more: Any) -> None:
        self.number += 1
        self.then[self.number] = dict(self.arrays)
        told = {
            "n": self.number,
            "session": self.session,
            "view": view(),
            "wanted": [*wanted],
            "have": self.have,
            "controls": self.header.get("controls", ""),
            "hands": {},
            "now": now,
        }
        self.connection.send(json.dumps(told | more))

    def read(self, seconds: float = SECONDS) -> dict[str, Any]:
        """The next frame's own parts."""
        self.header, parts, revisions, arrays = read_message(self.connection.recv(seconds), self.then)
        self.arrays |= arrays
        self.have |= revisions
        self.parts |= parts
        return parts

    def next(self, **asked: Any) -> dict[str, Any]:
        self.ask(**asked)
        return self.read()

    def end(self) -> tuple[int, str]:
        """The code and the reason with which the server closes."""
        with suppress(ConnectionClosed):
            while True:
                self.connection.recv(SECONDS)
        assert self.connection.close_code is not None
        return self.connection.close_code, self.connection.close_reason or ""


@contextmanager
def watching(port: int, session: str, path: str = "/vq/live") -> Iterator[Watcher]:
    with connect(f"ws://localhost:{port}{path}", max_size=2**24, compression=None) as connection:
        yield Watcher(connection, session)
