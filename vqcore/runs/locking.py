"""Whether a run's writer is alive: it holds a lock that the system releases however the process ends."""

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]


def lock_for_writing(handle: int) -> None:
    """Hold the lock until `handle` is closed; a file system without locks is no error."""
    if fcntl is None:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return


def is_being_written(handle: int) -> bool | None:
    """Whether a writer has the file open; None where that cannot be told."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    fcntl.flock(handle, fcntl.LOCK_UN)
    return False
