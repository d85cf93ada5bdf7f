"""A small reverse proxy on loopback: it may strip a prefix from paths, and passes WebSockets on."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

HEAD_BYTES = 65_536


@contextmanager
def reverse_proxy(upstream: int, prefix: str, *, strips: bool) -> Iterator[int]:
    """The port of a proxy of the server at port `upstream`, for paths below `/prefix/`; `/prefix` leads there."""
    loop, ready = asyncio.new_event_loop(), threading.Event()
    ports: list[int] = []

    async def serve() -> None:
        server = await asyncio.start_server(lambda *ends: _pass_on(*ends, upstream, prefix, strips), "localhost", 0)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()

    thread = threading.Thread(target=_run, args=(loop,), daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(serve(), loop)
    assert ready.wait(10)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upstream: int, prefix: str, strips: bool
) -> None:
    """One request, or one WebSocket, from the browser to the server and back."""
    with suppress(OSError, asyncio.IncompleteReadError):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, path, rest = head.split(" ", 2)
        bare, _, query = path.partition("?")
        if bare == f"/{prefix}":
            there = f"/{prefix}/{'?' if query else ''}{query}"
            writer.write(f"HTTP/1.1 308 There\r\nLocation: {there}\r\nContent-Length: 0\r\n\r\n".encode())
        elif not path.startswith(f"/{prefix}/"):
            writer.write(b"HTTP/1.1 404 Not below the prefix\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        else:
            if strips:
                path = path.removeprefix(f"/{prefix}")
            if "upgrade: websocket" not in head.lower():
                rest = "\r\n".join(line for line in rest.split("\r\n") if not line.lower().startswith("connection:"))
                rest = rest.replace("\r\n", "\r\nConnection: close\r\n", 1)
            answers, back = await asyncio.open_connection("localhost", upstream)
            back.write(f"{method} {path} {rest}".encode("latin-1"))
            await asyncio.gather(_pipe(reader, back), _pipe(answers, writer))
    with suppress(OSError):
        await writer.drain()
        writer.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(HEAD_BYTES):
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.close()
