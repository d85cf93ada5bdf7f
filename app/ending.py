"""Ends the server's process with its own exit code and within seconds, even if one of its threads does not end.

Python ends with a thread that waits for a hung disk, but aborts (134) with one that computes in torch. So once all
that is registered at `atexit` later than this module has been done, a server that has threads left is ended at once.
"""

import atexit
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_code: int | None = None
"""None if ending the process is not up to us, as when a test imports this."""


def will_exit_with(code: int) -> None:
    """Make the process end with `code`, whatever its threads do."""
    global _code
    _code = code


@contextmanager
def own_exit_code() -> Iterator[None]:
    """Make the process end with the block's exit code, whatever its threads do."""
    try:
        yield
    except SystemExit as ended:
        will_exit_with(ended.code if isinstance(ended.code, int) else int(ended.code is not None))
        raise
    except BaseException:
        will_exit_with(1)
        raise
    else:
        will_exit_with(0)


def end_on_hangup() -> None:
    """Make a closed terminal end the process as SIGTERM does, unless it was started to outlive it (`nohup`)."""
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))


def _end_though_threads_remain() -> None:
    if _code is None or threading.active_count() == 1:
        return
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(_code)


atexit.register(_end_though_threads_remain)  # the first to be registered is the last to be called
