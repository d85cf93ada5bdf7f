"""A small reverse proxy on loopback: it may strip a prefix from paths, and passes WebSockets on."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

MOST_BYTES = 65_536
SECONDS = 10


@dataclass
class _Proxy:
    upstream: int
    prefix: str
    strips: bool
    sockets: set[socket.socket] = field(default_factory=set)
    threads: list[threading.Thread] = field(default_factory=list)

    def serve(self, listening: socket.socket) -> None:
        with suppress(OSError):  # it is closed from outside
            while True:
                browser, _ = listening.accept()
                self.start(self.pass_on, browser)

    def start(self, work, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def pass_on(self, browser: socket.socket) -> None:
        """One request, or one WebSocket, from the browser to the server and back."""
        self.sockets.add(browser)
        with suppress(OSError), browser:
            head = self._head(browser)
            if not head:
                return
            method, path, rest = head.split(" ", 2)
            bare, _, query = path.partition("?")
            if bare == f"/{self.prefix}":
                there = f"/{self.prefix}/{'?' if query else ''}{query}"
                answer = f"HTTP/1.1 308 There\r\nLocation: {there}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                browser.sendall(answer.encode())
            elif bare.startswith(f"/{self.prefix}/"):
                self._to_server(browser, method, path.removeprefix(f"/{self.prefix}") if self.strips else path, rest)
            else:
                browser.sendall(b"HTTP/1.1 404 Not below it\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def _head(self, browser: socket.socket) -> str:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            data = browser.recv(1)
            if not data:
                return ""
            head += data
        return head.decode("latin-1")

    def _to_server(self, browser: socket.socket, method: str, path: str, rest: str) -> None:
        if "upgrade: websocket" not in rest.lower():
            rest = "\r\n".join(line for line in rest.split("\r\n") if not line.lower().startswith("connection:"))
            rest = rest.replace("\r\n", "\r\nConnection: close\r\n", 1)
        with socket.create_connection(("localhost", self.upstream)) as server:
            self.sockets.add(server)
            server.sendall(f"{method} {path} {rest}".encode("latin-1"))
            self.start(_pump, browser, server)
            _pump(server, browser)

    def close(self) -> None:
        for each in self.sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(SECONDS)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(MOST_BYTES):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def reverse_proxy(upstream: int, prefix: str, *, strips: bool) -> Iterator[int]:
    """The port of a proxy of the server at port `upstream`, for paths below `/prefix/`; `/prefix` leads there."""
    proxy = _Proxy(upstream, prefix, strips)
    with socket.create_server(("localhost", 0)) as listening:
        proxy.start(proxy.serve, listening)
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
    proxy.close()
