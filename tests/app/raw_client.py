"""HTTP and WebSocket over a bare socket: every header is the test's own, as an attacker's would be."""

import base64
import os
import socket
import struct
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Self

SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    headers: dict[str, str]
    """By their names in lower case; of several with one name, the last."""

    body: bytes


class Client:
    """One connection to a port of this machine."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        """Send a request with these headers and no others but its length."""
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        lines += [f"Content-Length: {len(body)}"] if body else []
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        with HTTPResponse(self.socket, method=method) as response:
            response.begin()
            found = {name.lower(): value for name, value in response.getheaders()}
            content = b"" if response.status == 101 else response.read()
            return Answer(response.status, found, content)

    def upgrade(self, path: str, headers: dict[str, str]) -> Answer:
        """Ask for a WebSocket; 101 where it is given."""
        key = base64.b64encode(os.urandom(16)).decode()
        shake = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key}
        return self.ask("GET", path, {**headers, **shake, "Sec-WebSocket-Version": "13"})

    def send(self, message: bytes) -> None:
        """One masked binary frame of less than 126 bytes."""
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(message))
        self.socket.sendall(bytes([0x82, 0x80 | len(message)]) + mask + masked)

    def receive(self) -> bytes:
        """The content of the next frame."""
        head = self._exactly(2)
        length = head[1] & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self._exactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self._exactly(8))
        return self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            part = self.socket.recv(count - len(found))
            assert part, "the server hung up"
            found += part
        return found


def ask(port: int, method: str, path: str, body: bytes = b"", /, **headers: str) -> Answer:
    """One request on a connection of its own; `_` in a header's name stands for `-`."""
    with Client(port) as client:
        return client.ask(method, path, _named(port, headers), body)


def upgrade(port: int, path: str, /, **headers: str) -> Answer:
    """Ask for one WebSocket and leave."""
    with Client(port) as client:
        return client.upgrade(path, _named(port, headers))


def _named(port: int, headers: dict[str, str]) -> dict[str, str]:
    return {"Host": f"localhost:{port}"} | {name.replace("_", "-"): value for name, value in headers.items()}
