"""The snapshots of a run that has ended in one file: a zip archive that holds them as they were, uncompressed.

A process may be killed at any byte: until the archive is complete it has another name, and the files that it replaces
are removed only afterwards.
"""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vqcore.files.errors import CheckpointError, shown
from vqcore.files.regular_files import RegularFile
from vqcore.files.safetensors_files import load_safetensors
from vqcore.files.settling import settle
from vqcore.files.zip_records import is_stored, start_of_data
from vqcore.runs.layout import PACKED, PART, SNAPSHOTS, SUFFIX, snapshot_name


def loose_steps(folder: Path) -> dict[int, Path]:
    """The snapshots with a file of their own, by their step."""
    found = (folder / SNAPSHOTS).glob(f"*{SUFFIX}")
    return {int(path.stem): path for path in found if path.stem.isdecimal()}


def packed_steps(folder: Path) -> frozenset[int]:
    """The steps of the snapshots in the archive; none if there is no archive that can be read."""
    try:
        return frozenset(_directory(RegularFile(folder / PACKED)))
    except (CheckpointError, OSError):
        return frozenset()


def read_packed(folder: Path, step: int) -> Mapping[str, Any]:
    """The arrays of the snapshot of `step` in the archive, by their key.

    Raises:
        CheckpointError: if it is not there, or cannot be read.
    """
    path = folder / PACKED
    try:
        return load_safetensors(_stored(folder, step))[0]
    except (FileNotFoundError, KeyError) as error:
        raise CheckpointError(f"`{shown(folder)}` keeps no snapshot of step {step:,}.") from error
    except (OSError, ValueError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"`{shown(path)}` cannot be read ({shown(error)}). Copy the folder again.") from error


def pack(folder: Path) -> None:
    """Put all snapshots with a file of their own into the archive, beside those that are in it.

    Raises:
        OSError: if it cannot be written; all snapshots are then left as they were.
    """
    loose, path = loose_steps(folder), folder / PACKED
    if not loose:
        return
    before = {step: _stored(folder, step) for step in packed_steps(folder) - loose.keys()}
    part = path.with_name(path.name + PART)
    try:
        with part.open("wb") as file:
            with zipfile.ZipFile(file, "w", strict_timestamps=False) as archive:
                for step in sorted(loose.keys() | before):
                    if step in loose:
                        archive.write(loose[step], snapshot_name(step))
                    else:
                        archive.writestr(snapshot_name(step), before[step].read(0, before[step].size))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        part.unlink(missing_ok=True)
        raise
    part.replace(path)
    settle(folder)
    for one in loose.values():
        one.unlink(missing_ok=True)


def unpack(folder: Path) -> None:
    """Give every snapshot in the archive a file of its own again, and remove the archive.

    Raises:
        OSError: if they cannot be written; it is then left as it was.
    """
    packed = packed_steps(folder)
    for step in packed:
        target = folder / SNAPSHOTS / snapshot_name(step)
        if not target.exists():
            stored, part = _stored(folder, step), target.with_name(target.name + PART)
            part.write_bytes(stored.read(0, stored.size))
            part.replace(target)
    if packed:
        (folder / PACKED).unlink()


def _stored(folder: Path, step: int) -> RegularFile:
    """The snapshot of `step` as it lies in the archive.

    Raises:
        KeyError: if it is not there.
        ValueError: if the archive is damaged.
        OSError: if it cannot be read.
    """
    file = RegularFile(folder / PACKED)
    info = _directory(file)[step]
    return file.part(start_of_data(file, info), info.file_size)


def _directory(file: RegularFile) -> dict[int, zipfile.ZipInfo]:
    """The archive's snapshots by their step.

    Raises:
        CheckpointError: if it is no archive.
    """
    try:
        archive = zipfile.ZipFile(file.stream())
    except CheckpointError:
        raise
    except Exception as error:  # a broken directory can raise anything
        raise CheckpointError(f"`{shown(file.path)}` is damaged. Copy the folder again.") from error
    named = {info.filename.removesuffix(SUFFIX): info for info in archive.infolist() if is_stored(info)}
    return {int(name): info for name, info in named.items() if name.isdecimal() and name.isascii()}
