"""The one writer of a run's folder. Whatever ends the process, and at whatever byte, the folder can be opened."""

import json
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray

from vqcore.files.safetensors_writing import safetensors_bytes
from vqcore.runs.layout import ABOUT, FORMAT, METRICS, PART, SNAPSHOTS, SUFFIX, VERSION, as_json, snapshot_name
from vqcore.runs.locking import lock_for_writing
from vqcore.runs.packing import pack, unpack
from vqcore.runs.thinning import NEWEST_KEPT, thinned

MOST_SNAPSHOTS = 64
MOST_BYTES = 160 * 1024**2
"""Bytes of all snapshots together; `NEWEST_KEPT` and the first are kept even if they are larger."""


class RunWriter:
    """Appends to a run's folder, from one thread of one process."""

    def __init__(self, folder: Path, about: Mapping[str, Any]) -> None:
        """Make the folder and write `about` to it; if it holds a run already, make `folder-2`, `folder-3` ….

        Raises:
            OSError: if it cannot be written.
        """
        self._open(_free(folder))
        document = json.dumps(as_json({"format": FORMAT, "version": VERSION, **about}), indent=2, allow_nan=False)
        _write_whole(self.folder / ABOUT, [document.encode(), b"\n"])

    @classmethod
    def going_on(cls, folder: Path, step: int) -> Self:
        """Go on with the run in `folder` after `step`: what was recorded of later steps counts no more.

        Raises:
            OSError: if it cannot be written.
        """
        writer = cls.__new__(cls)
        writer._open(folder)
        writer._packs = json.loads((folder / ABOUT).read_text()).get("version") == VERSION
        unpack(folder)
        for path in (folder / SNAPSHOTS).iterdir():
            kept = int(path.stem) if path.suffix == SUFFIX and path.stem.isdecimal() else step + 1
            if kept > step:
                path.unlink()
            else:
                writer._sizes[kept] = path.stat().st_size
        writer._is_torn = True  # the line that was cut off, if any, is not joined to the next
        writer.append({"resumed": round(time.time(), 3), "from": step})
        return writer

    def _open(self, folder: Path) -> None:
        self.folder = folder
        (folder / SNAPSHOTS).mkdir(parents=True, exist_ok=True)
        self._metrics = os.open(folder / METRICS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        lock_for_writing(self._metrics)
        self._sizes: dict[int, int] = {}
        """Bytes of each snapshot that is kept, by its step."""
        self._is_torn = False
        self._packs = True

    def append(self, line: Mapping[str, Any]) -> None:
        """Add a line to the metrics.

        Raises:
            OSError: if it cannot be written as a whole; the next line then starts afresh.
        """
        text = json.dumps(as_json(dict(line)), allow_nan=False).encode() + b"\n"
        text = b"\n" + text if self._is_torn else text
        self._is_torn = True
        _write_all(self._metrics, memoryview(text))
        self._is_torn = False

    def save(self, step: int, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> str:
        """Write the snapshot of `step`, forget those that are kept no longer, and give the file's name.

        Raises:
            OSError: if it cannot be written; no snapshot is lost then.
        """
        name = snapshot_name(step)
        size = _write_whole(self.folder / SNAPSHOTS / name, safetensors_bytes(arrays, metadata))
        self._sizes.pop(step, None)
        self._sizes[step] = size
        self._thin()
        return name

    def close(self) -> None:
        """Pack the snapshots, and let others see that nothing more is written."""
        try:
            if self._packs:
                with suppress(OSError):  # on a full disk they stay as they are
                    pack(self.folder)
        finally:
            os.close(self._metrics)

    def _thin(self) -> None:
        mean = sum(self._sizes.values()) // len(self._sizes)
        most = min(MOST_SNAPSHOTS, max(NEWEST_KEPT + 1, MOST_BYTES // max(1, mean)))
        steps = sorted(self._sizes)
        for step in set(steps).difference(thinned(steps, most)):
            (self.folder / SNAPSHOTS / snapshot_name(step)).unlink(missing_ok=True)
            del self._sizes[step]


def _free(folder: Path) -> Path:
    for number in range(2, 10_000):
        if not (folder / ABOUT).exists() and not (folder / METRICS).exists():
            break
        folder = folder.with_name(f"{folder.name.removesuffix(f'-{number - 1}')}-{number}")
    return folder


def _write_whole(path: Path, pieces: Iterable[bytes]) -> int:
    """Write a file that is seen complete or not at all; its size."""
    part = path.with_name(path.name + PART)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        size = sum(_write_all(handle, memoryview(piece)) for piece in pieces)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    part.replace(path)
    return size


def _write_all(handle: int, piece: memoryview) -> int:
    done = 0
    while done < len(piece):
        done += os.write(handle, piece[done:])
    return done
