"""The real server with a stopwatch and a scale for every refresh. Started by `app.bench.serving` alone.

Bytes are counted here and not by the browser's tools: to hand every message on took a good part of the two cores that
were to be measured.
"""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.web.server.starlette.starlette_websocket import StarletteSessionClient

from app.__main__ import main


def serve(port: int, times: Path) -> int:
    """Serve until interrupted; each refresh becomes two lines of JSON in `times`.

    One says whose refresh it was, when it ended (Unix time), and its seconds by the clock and of this thread. The
    other, when the last of its messages was sent, and the bytes of all.
    """
    run_script, lock = ScriptRunner._run_script, threading.Lock()
    send, unsent = StarletteSessionClient.write_forward_msg, dict[int, int]()

    def note(line: dict[str, Any]) -> None:
        with lock, times.open("a") as out:
            out.write(f"{json.dumps(line)}\n")

    def timed(self: ScriptRunner, rerun_data: Any) -> None:
        started, worked = time.perf_counter(), time.thread_time()
        run_script(self, rerun_data)
        line = {
            "browser": self._session_id,
            "at": time.time(),
            "seconds": time.perf_counter() - started,
            "cpu_seconds": time.thread_time() - worked,
        }
        if rerun_data.fragment_id_queue:
            note(line)

    def weighed(self: StarletteSessionClient, msg: ForwardMsg) -> None:
        send(self, msg)
        unsent[id(self)] = unsent.get(id(self), 0) + msg.ByteSize()
        if msg.WhichOneof("type") == "script_finished":
            note({"at": time.time(), "bytes": unsent.pop(id(self))})

    ScriptRunner._run_script = timed  # type: ignore[method-assign]
    StarletteSessionClient.write_forward_msg = weighed  # type: ignore[method-assign]
    sys.argv = ["app", "--port", str(port)]
    return main()


if __name__ == "__main__":
    sys.exit(serve(int(sys.argv[1]), Path(sys.argv[2])))
