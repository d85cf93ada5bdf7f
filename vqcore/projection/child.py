"""One worker process and its pipes: started, spoken to, listened to and ended.

What to ask, and what a death means, is up to `service`.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from vqcore.projection.numba_cache import cache_environment
from vqcore.projection.wire import Alive, Message, WireError, read_message, write_message

_ROOT = Path(__file__).resolve().parents[2]
_THREAD_LIMITS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_TAIL_BYTES = 2000
START_SECONDS = 90.0
"""Seconds within which a worker must send its first message, even on a busy machine."""

SILENT_SECONDS = 8.0
"""Seconds of silence after which a worker, which normally reports every second, counts as stuck and is ended."""

WORKER = (sys.executable, "-P", "-m", "vqcore.projection.worker")


class Child:
    """A running worker; `on_message` and `on_end` are called from its reading thread.

    `on_end` comes exactly once, after the last message. A worker that is silent for too long, stopped or stuck, is
    ended.
    """

    def __init__(
        self,
        on_message: Callable[["Child", Message], None],
        on_end: Callable[["Child"], None],
        command: tuple[str, ...] = WORKER,
        *,
        silent_seconds: float = SILENT_SECONDS,
    ) -> None:
        self._on_message = on_message
        self._on_end = on_end
        self._tail = b""
        self._process = subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            start_new_session=True,  # Ctrl-C in the terminal is for the server alone
        )
        self._ears = threading.Thread(target=self._keep_tail, name="umap stderr", daemon=True)
        self._reader = threading.Thread(target=self._read, name="umap answers", daemon=True)
        self._silent_seconds, self._patience = silent_seconds, START_SECONDS
        self._heard_at = time.monotonic()
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._end_when_silent, name="umap watch", daemon=True)
        for thread in (self._ears, self._reader, self._watch):
            thread.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def send(self, message: Message) -> None:
        """Write `message`; no error if the process is gone, since `on_end` reports that."""
        with suppress(OSError, ValueError):
            write_message(cast(BinaryIO, self._process.stdin), message)

    def end(self, grace_seconds: float = 0.3) -> None:
        """End the process, by force if necessary, and wait for the threads. Idempotent."""
        self._over.set()
        self._process.terminate()
        self._wait(grace_seconds)
        for thread in (self._reader, self._ears):
            if thread is not threading.current_thread():
                thread.join(grace_seconds)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(OSError):
                cast(BinaryIO, pipe).close()

    def last_words(self) -> str:
        """How it ended, in a few words: exit code and the last line on its stderr."""
        lines = self._tail.decode(errors="replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
        return f"exit code {self._process.poll()}, last words: {said}"

    def _read(self) -> None:
        stream = cast(BinaryIO, self._process.stdout)
        try:
            while (message := read_message(stream)) is not None:
                self._heard_at, self._patience = time.monotonic(), self._silent_seconds
                if not isinstance(message, Alive):
                    self._on_message(self, message)
        except (WireError, OSError) as error:
            self._tail += f"\n{error}\n".encode()
        self._over.set()
        self._wait(1.0)  # closed or unreadable, there is nothing more to hear from it
        self._ears.join(1.0)
        self._on_end(self)

    def _end_when_silent(self) -> None:
        while not self._over.wait(self._silent_seconds / 8):
            silent = time.monotonic() - self._heard_at
            if silent > self._patience:
                self._tail += f"\nit was silent for {silent:.0f} s and was ended\n".encode()
                self._process.kill()  # a stopped one takes no other signal
                return

    def _wait(self, grace_seconds: float) -> None:
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _keep_tail(self) -> None:
        stream = cast(BinaryIO, self._process.stderr)
        with suppress(OSError, ValueError):
            while part := stream.read(4096):
                self._tail = (self._tail + part)[-_TAIL_BYTES:]


def _environment() -> dict[str, str]:
    """The worker's environment: ours, with this copy of `vqcore` first on the path and one thread for every library.

    It includes a place for what numba compiles.

    Without PYTHONWARNINGS: under `error`, importing umap without Tensorflow would end the worker.
    """
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    return {**inherited, **dict.fromkeys(_THREAD_LIMITS, "1"), **cache_environment(), "PYTHONPATH": path}
