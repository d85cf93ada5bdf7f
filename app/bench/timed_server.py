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
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner

from app.__main__ import main


def serve(port: int, times: Path) -> int:
    """Serve until interrupted; each refresh becomes two lines of JSON in `times`.

    One says whose refresh it was, when it ended (Unix time), and its seconds by the clock and of this thread. The
    other, when its messages were sent, which go in one piece, and the bytes of all.
    """
    run_script, flush, lock = ScriptRunner._run_script, AppSession.flush_browser_queue, threading.Lock()

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

    def weighed(self: AppSession) -> list[ForwardMsg]:
        messages = flush(self)
        if any(message.WhichOneof("type") == "delta" for message in messages):
            note({"at": time.time(), "bytes": sum(message.ByteSize() for message in messages)})
        return messages

    ScriptRunner._run_script = timed  # type: ignore[method-assign]
    AppSession.flush_browser_queue = weighed  # type: ignore[method-assign]
    sys.argv = ["app", "--port", str(port)]
    return main()


if __name__ == "__main__":
    sys.exit(serve(int(sys.argv[1]), Path(sys.argv[2])))
