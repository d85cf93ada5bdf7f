"""The real server, which also records time and size of every frame. Started only by `app.bench.serving`."""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from starlette.websockets import WebSocket

from app.__main__ import main
from app.sessions.entry import Entry
from app.stream import road
from app.stream.asking import Ask
from app.stream.frames import Frame, frame_of


def serve(port: int, times: Path) -> int:
    """Serve until interrupted; each frame becomes two lines of JSON in `times`.

    One says whose frame it was, when it was made (Unix time), and its seconds by the clock and of its thread. The
    other, when it was sent, and its bytes.
    """
    make, send, lock = frame_of, road._send, threading.Lock()

    def note(line: dict[str, Any]) -> None:
        with lock, times.open("a") as out:
            out.write(f"{json.dumps(line)}\n")

    def timed(entry: Entry, ask: Ask) -> Frame:
        started, worked = time.perf_counter(), time.thread_time()
        frame = make(entry, ask)
        spent = {"seconds": time.perf_counter() - started, "cpu_seconds": time.thread_time() - worked}
        if frame.parts:
            note({"browser": entry.id, "at": time.time(), **spent})
        return frame

    async def weighed(socket: WebSocket, data: bytes) -> None:
        note({"at": time.time(), "bytes": len(data)})
        await send(socket, data)

    road.frame_of, road._send = timed, weighed  # type: ignore[attr-defined]
    sys.argv = ["app", "--port", str(port)]
    return main()


if __name__ == "__main__":
    sys.exit(serve(int(sys.argv[1]), Path(sys.argv[2])))
