"""The real server, which also records time and size of every frame. Started only by `app.bench.serving`."""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
from starlette.websockets import WebSocket

from app.__main__ import main
from app.sessions.entry import Entry
from app.sessions.registry import registry
from app.stream import road
from app.stream.asking import Ask
from app.stream.frames import Frame, frame_of

COUNT_SECONDS = 1.0


def serving_cpu_seconds() -> float:
    """What all threads of Python but those that train have worked on the CPU."""
    serving = {thread.native_id for thread in threading.enumerate() if thread.name != "vq-scope-session"}
    threads = psutil.Process().threads()
    return float(sum(thread.user_time + thread.system_time for thread in threads if thread.id in serving))


def serve(port: int, times: Path) -> int:
    """Serve until interrupted; each frame becomes three lines of JSON in `times`, and each second another.

    One says whose frame it was, of which step, how the session is followed, when it was made (Unix time), and its
    seconds by the clock and of its thread. The others, when it was sent, and its bytes; and how long after its
    request that was. That of a second says how many steps every session has trained, watched or not, and what the
    other threads have worked.
    """
    make, send, answer, lock = frame_of, road._send, road._answer, threading.Lock()

    def note(line: dict[str, Any]) -> None:
        with lock, times.open("a") as out:
            out.write(f"{json.dumps(line)}\n")

    def timed(entry: Entry, ask: Ask) -> Frame:
        started, worked = time.perf_counter(), time.thread_time()
        frame = make(entry, ask)
        spent = {"seconds": time.perf_counter() - started, "cpu_seconds": time.thread_time() - worked}
        if frame.parts:
            snapshot = entry.session.latest(wish=False)
            step = None if snapshot is None else snapshot.step
            note({"browser": entry.id, "watch": entry.watch_id, "step": step, "at": time.time(), **spent})
        return frame

    async def waited(*request: Any) -> None:
        started = time.perf_counter()
        await answer(*request)
        note({"at": time.time(), "answer_seconds": time.perf_counter() - started})

    def count_steps() -> None:
        while True:
            time.sleep(COUNT_SECONDS)
            steps = {entry.id: entry.session.trained_steps() for entry in registry().owned()}
            if steps:
                note({"at": time.time(), "steps": steps, "serving_cpu_seconds": serving_cpu_seconds()})

    async def weighed(socket: WebSocket, data: bytes) -> None:
        note({"at": time.time(), "bytes": len(data)})
        await send(socket, data)

    threading.Thread(target=count_steps, daemon=True).start()
    road.frame_of, road._send, road._answer = timed, weighed, waited  # type: ignore[attr-defined, assignment]
    sys.argv = ["app", "--port", str(port)]
    return main()


if __name__ == "__main__":
    sys.exit(serve(int(sys.argv[1]), Path(sys.argv[2])))
