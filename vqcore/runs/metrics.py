"""The lines of a run's metrics, read again only where they have grown; and whether their writer is alive."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from vqcore.files.errors import CheckpointError, shown
from vqcore.files.regular_files import open_regular
from vqcore.runs.layout import METRICS
from vqcore.runs.locking import is_being_written

LARGEST_METRICS = 256 * 1024**2
"""Bytes that are read at most: those of half a million recorded steps of one codebook."""

State = Literal["running", "finished", "died", "unknown"]


class Told(NamedTuple):
    """What a look at the metrics found."""

    lines: list[dict[str, Any]]
    """Those that can be read, without those of steps that were done again later."""

    state: State
    """By the writer's lock alone."""

    torn: int
    """How many lines were cut off."""

    is_there: bool


class MetricsFile:
    """A file of metrics that one reader looks at again and again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begin(0)

    def look(self) -> Told:
        """What it says now.

        Raises:
            CheckpointError: if it cannot be read.
        """
        try:
            with os.fdopen(open_regular(self._path), "rb") as file:
                written, found = is_being_written(file.fileno()), os.fstat(file.fileno())
                if found.st_ino != self._file or found.st_size < self._read:  # another one in its place
                    self._begin(found.st_ino)
                file.seek(self._read)
                content = file.read(max(0, LARGEST_METRICS - self._read))
        except FileNotFoundError:
            return Told([], "unknown", 0, is_there=False)
        except OSError as error:
            raise CheckpointError(
                f"`{shown(self._path)}` cannot be read: {shown(error.strerror or error)}."
            ) from error
        *whole, tail = content.split(b"\n")
        self._read += len(content) - len(tail)
        for line in whole:
            if line:
                self._take(_parsed(line))
        state = by_lock(written)
        return Told(self._lines.copy(), state, self._torn + bool(tail and state != "running"), is_there=True)

    def _begin(self, file: int) -> None:
        self._file, self._read, self._torn = file, 0, 0
        self._lines: list[dict[str, Any]] = []

    def _take(self, line: dict[str, Any] | None) -> None:
        """Add a line; one that tells of a training gone on with takes the lines of later steps away."""
        if line is None:
            self._torn += 1
        elif "resumed" in line and isinstance(line.get("from"), int):
            self._lines = [one for one in self._lines if _is_up_to(one, line["from"])]
        else:
            self._lines.append(line)


def state_now(folder: Path) -> State:
    """Whether the run in `folder`, which has not told its end, is still written."""
    try:
        handle = open_regular(folder / METRICS)
    except (OSError, CheckpointError):
        return "unknown"
    try:
        return by_lock(is_being_written(handle))
    finally:
        os.close(handle)


def by_lock(written: bool | None) -> State:
    """The state by the writer's lock; None where that cannot be told."""
    return "unknown" if written is None else "running" if written else "died"


def _is_up_to(line: Mapping[str, Any], step: int) -> bool:
    return isinstance(line.get("step"), int) and line["step"] <= step


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
