"""The real server with a stopwatch on every refresh. Started by `app.bench_page` alone: the page itself has none."""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from streamlit.runtime.scriptrunner.script_runner import ScriptRunner

from app.__main__ import main


def serve(port: int, times: Path) -> int:
    """Serve until interrupted; each refresh becomes a line of JSON in `times`.

    A line says whose refresh it was, when it ended (Unix time), and its seconds by the clock and of this thread.
    """
    run_script, lock = ScriptRunner._run_script, threading.Lock()

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
            with lock, times.open("a") as out:
                out.write(f"{json.dumps(line)}\n")

    ScriptRunner._run_script = timed  # type: ignore[method-assign]
    sys.argv = ["app", "--port", str(port)]
    return main()


if __name__ == "__main__":
    sys.exit(serve(int(sys.argv[1]), Path(sys.argv[2])))
