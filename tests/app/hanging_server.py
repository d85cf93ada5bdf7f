"""VQ Scope as a person starts it, but with two jobs that never end: one waits for a pipe, one computes in torch."""

import os
import signal
import sys
import threading

import torch

from app.ending import own_exit_code
from app.sessions import background
from app.sessions.jobs import Job

BLOCK = torch.ones(64, 64)


def wait_for_nothing(_: object) -> None:
    os.read(os.pipe()[0], 1)


def compute(_: object) -> None:
    while True:
        torch.mm(BLOCK, BLOCK)


def main_without_server() -> int:
    """Does as the server does: a signal ends the loop, and what follows is the interpreter's exit."""
    asked = threading.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: asked.set())
    print("begun")
    with own_exit_code():
        while not asked.wait(0.1):
            pass
        sys.exit(7)


if __name__ == "__main__":
    background.STOP_SECONDS = 0.5
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # where the tests run under nohup, it is ignored
    for work in (wait_for_nothing, compute):
        Job(work).start()
    if "--without-server" in sys.argv:
        main_without_server()
    from app.__main__ import main

    sys.exit(main())
