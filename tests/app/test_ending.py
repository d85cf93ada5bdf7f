"""A server ends within seconds and with its own exit code, though two of its threads never end."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.sessions import background
from app.sessions.jobs import Job

HERE = Path(__file__).parent
SECONDS = 60
"""Of a machine that is busy with other tests; alone it takes some 3 s to end."""


@contextmanager
def begun(*words: str) -> Iterator[subprocess.Popen[str]]:
    """The process, which is killed when the block ends, or when it has hung for so long that a test would too."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1]), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, str(HERE / "hanging_server.py"), *words]
    with subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        too_long = threading.Timer(2 * SECONDS, process.kill)
        too_long.start()
        try:
            yield process
        finally:
            too_long.cancel()
            process.kill()


def read_until(process: subprocess.Popen[str], word: str) -> None:
    assert any(word in line for line in process.stdout), "it ended before it began"


@pytest.mark.parametrize("asked", ["SIGINT", "SIGTERM"])
def test_jobs_that_never_end_do_not_keep_a_process_from_its_own_exit_code(asked: str) -> None:
    with begun("--without-server") as process:
        read_until(process, "begun")
        process.send_signal(signal.Signals[asked])
        assert process.wait(SECONDS) == 7


def test_a_closed_terminal_ends_a_server_whose_jobs_never_end_as_a_signal_to_terminate_does() -> None:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    with begun("--port", str(port)) as process:
        read_until(process, "VQ Scope: http")
        process.send_signal(signal.SIGHUP)
        assert process.wait(SECONDS) == 0
        assert "Traceback" not in process.stdout.read()


def test_stopping_what_does_not_end_is_not_waited_for_without_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "STOP_SECONDS", 0.01)
    begun, go_on = threading.Event(), threading.Event()

    def work(_: object) -> None:
        begun.set()
        assert go_on.wait(SECONDS)

    job = Job(work).start()
    assert begun.wait(SECONDS)
    job.stop()
    assert not job.wait(0)
    go_on.set()
    assert job.wait(SECONDS)
