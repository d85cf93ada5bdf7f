"""Writes a copy of a checkpoint with new values in some tensors, in its own format."""

import json
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import torch
from numpy.typing import NDArray
from safetensors import safe_open

from vqcore.files.changed_values import Edits, Place
from vqcore.files.errors import CheckpointError, shown
from vqcore.files.npz_files import read_header
from vqcore.files.opening import Contents, open_contents
from vqcore.files.series import SHARD
from vqcore.files.settling import settle
from vqcore.files.torch_writing import write_legacy, write_zip
from vqcore.holding import make_held, remove_abandoned

PART_ENDING = ".vq-scope.part"
PART = re.compile(rf"\..+\.[a-z0-9_]{{8}}{re.escape(PART_ENDING)}", re.DOTALL)
"""Name of a copy until it is complete."""

ENDINGS = {"torch": (".pt", ".pth", ".bin", ".ckpt"), "safetensors": (".safetensors",), "npz": (".npz",)}


def check_target(source: Path, out: Path, *, force: bool) -> None:
    """Refuse a path that must not be written to, before anything is computed.

    Raises:
        CheckpointError: where `out` is the source, exists and `force` is not given, or cannot be a file; where the
            source is a part of a checkpoint.
    """
    if SHARD.search(source.stem):
        raise CheckpointError(
            f"`{shown(source)}` is one shard of a checkpoint, which its index describes. Join the shards first: save "
            "the loaded model's state_dict()."
        )
    if not out.parent.is_dir():
        raise CheckpointError(f"`{shown(out)}` must be in a folder that exists. Make {shown(out.parent)} first.")
    if out.is_dir():
        raise CheckpointError(f"`{shown(out)}` is a folder. Name a file.")
    if out.exists() and out.samefile(source):
        raise CheckpointError(
            f"`{shown(out)}` is the checkpoint itself, which is never written to. Name another file."
        )
    if out.exists() and not force:
        raise CheckpointError(f"`{shown(out)}` exists. Name another file, or let it be overwritten (--force).")


def write_copy(
    source: Path, out: Path, edits: Edits, *, force: bool, check: Callable[[Path], None]
) -> tuple[Place, ...]:
    """Write the file at `source` with `edits` to `out`: complete and checked, or not at all.

    What is written lies beside `out` under another name until `check` has passed it.

    Returns:
        The tensors that have other values now, with those that share memory with an edited one.

    Raises:
        CheckpointError: for what `check_target` and `check` refuse, a format that cannot be written, or a full disk.
    """
    check_target(source, out, force=force)
    contents = open_contents(source)
    endings = ENDINGS.get(contents.format, ())
    if out.suffix.lower() not in (*endings, source.suffix.lower()):
        raise CheckpointError(
            f"`{shown(out)}` must end in {' or '.join(endings or (source.suffix,))}, because the checkpoint is "
            "written in its own format. Name such a file."
        )
    try:
        with _part_of(out) as part:
            shutil.copyfile(source, part)
            places = _write(contents, source, part, edits)
            check(part)
            shutil.copymode(source, part)  # now: it may forbid to write
            settle(part)
            check_target(source, out, force=force)  # somebody else may have written there meanwhile
            part.replace(out)
            settle(out.parent)
    except OSError as error:
        raise CheckpointError(
            f"`{shown(out)}` cannot be written: {shown(error.strerror or error)}. Name a place with room and "
            "permission."
        ) from error
    return places


@contextmanager
def _part_of(out: Path) -> Iterator[Path]:
    """A new file beside `out`, removed afterwards, together with those of killed writers in that folder."""
    with suppress(OSError):  # a folder may be written to and not read
        remove_abandoned(path for path in out.parent.iterdir() if PART.fullmatch(path.name))
    part, holding = make_held(lambda: _new_part(out))
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)
        if holding is not None:
            os.close(holding)


def _new_part(out: Path) -> Path:
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name[:40]}.", suffix=PART_ENDING)
    os.close(handle)
    return Path(name)


def _write(contents: Contents, source: Path, part: Path, edits: Edits) -> tuple[Place, ...]:
    if contents.format == "torch":
        if not zipfile.is_zipfile(source):
            return write_legacy(part, contents.root, edits)
        return write_zip(part, contents.root, edits)
    if contents.format == "safetensors":
        return _write_safetensors(part, edits)
    if contents.format == "npz":
        return _write_npz(source, part, edits)
    raise CheckpointError(f"`{shown(source)}` is a single array, not a checkpoint. Save it by name in an .npz.")


def _write_safetensors(part: Path, edits: Edits) -> tuple[Place, ...]:
    """Positioned writes of values alone: header, metadata and order stay byte for byte."""
    changed = []
    with safe_open(part, framework="pt") as stored, part.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        for place, values in edits.items():
            tensor = stored.get_tensor(place.key)
            before = _bytes(tensor)
            tensor.copy_(torch.from_numpy(values))
            if _bytes(tensor) != before:
                changed.append(place)
                file.seek(8 + length + header[place.key]["data_offsets"][0])
                file.write(_bytes(tensor))
    return tuple(changed)


def _write_npz(source: Path, part: Path, edits: Edits) -> tuple[Place, ...]:
    """Member by member, each with its name, date and compression."""
    changed = []
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(part, "w") as new:
        new.comment = old.comment
        for info in old.infolist():
            place = Place((), info.filename.removesuffix(".npy"))
            with _reasons(info.filename):
                entry = zipfile.ZipInfo(info.filename, info.date_time)
                entry.compress_type, entry.external_attr = info.compress_type, info.external_attr
                with old.open(info) as reading, new.open(entry, "w", force_zip64=True) as writing:
                    if place not in edits:
                        shutil.copyfileobj(reading, writing, 1 << 20)
                    elif _write_npy(reading, writing, edits[place], info.filename):
                        changed.append(place)
    return tuple(changed)


@contextmanager
def _reasons(name: str) -> Iterator[None]:
    """Of a member that was read in place, past what the archive says of it."""
    try:
        yield
    except (OSError, CheckpointError):
        raise
    except Exception as error:  # the archive and the decompressor raise their own kinds
        raise CheckpointError(
            f"`{shown(name)}` cannot be copied from its archive ({shown(error)}). Save it again with np.savez."
        ) from error


def _write_npy(reading: IO[bytes], writing: IO[bytes], values: NDArray[Any], name: str) -> bool:
    """Whether any value changed."""
    header = read_header(reading, name)
    reading.seek(0)
    writing.write(reading.read(header.offset))
    new = values.astype(header.dtype).tobytes("F" if header.fortran else "C")
    writing.write(new)
    return new != reading.read(len(new))


def _bytes(tensor: torch.Tensor) -> bytes:
    return tensor.view(-1).view(torch.uint8).numpy().tobytes()
