"""Writes new values for tensors of a torch file in place: the pickle and every other record stay byte for byte."""

import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from vqcore.files.changed_values import Edits, Place
from vqcore.files.containers import state_dicts
from vqcore.files.errors import CheckpointError, shown
from vqcore.files.stored_tensors import Storage, StoredTensor
from vqcore.files.tensors import FileArray

CENTRAL, DESCRIPTOR = b"PK\x01\x02", b"PK\x07\x08"
HAS_DESCRIPTOR = 8
"""The flag of a zip record whose checksum follows its data."""


class Records:
    """The storages that `edits` change, as bytes, and which keys show the change."""

    def __init__(self, root: Any, edits: Edits) -> None:
        tensors = {
            Place(source.container, key): array.tensor
            for source in state_dicts(root)
            for key, array in source.arrays.items()
            if isinstance(array, FileArray)
        }
        self.changed: dict[Storage, bytearray] = {}
        for place, values in edits.items():
            tensor = tensors[place]
            storage = tensor.storage
            if storage.big_endian:
                raise CheckpointError(
                    f"`{shown(place.key)}` was saved by a machine with another byte order. Load it with torch and "
                    "save it again."
                )
            if storage not in self.changed:
                self.changed[storage] = _bytes_of(storage)
            try:
                _on(self.changed[storage], tensor).copy_(torch.from_numpy(-values if tensor.negative else values))
            except RuntimeError as error:  # torch refuses to write where several values have one place
                raise CheckpointError(
                    f"`{shown(place.key)}` is stored as fewer values than it has, so its codes cannot be changed one "
                    "by one. Save a contiguous copy of it."
                ) from error
        before = {storage: _bytes_of(storage) for storage in self.changed}
        self.changed_places = tuple(
            place
            for place, tensor in tensors.items()
            if tensor.storage in before
            and not torch.equal(
                _as_bytes(_on(before[tensor.storage], tensor)), _as_bytes(_on(self.changed[tensor.storage], tensor))
            )
        )


def write_zip(copy: Path, root: Any, edits: Edits) -> tuple[Place, ...]:
    """Write `edits` into `copy`, a copy of the file that `root` describes; returns which tensors changed."""
    records = Records(root, edits)
    with zipfile.ZipFile(copy) as archive, copy.open("r+b") as file:
        by_offset = {_start_of_data(file, info): info for info in archive.infolist() if info.file_size}
        directory = _directory(file, archive)
        for storage, values in records.changed.items():
            info = by_offset[storage.start]
            file.seek(storage.start)
            file.write(values)
            file.seek(storage.start)  # a record may be longer than its storage
            checksum = zlib.crc32(file.read(info.file_size))
            _write_checksum(file, info, storage.start, directory[info.header_offset], checksum)
    return records.changed_places


def write_legacy(copy: Path, root: Any, edits: Edits) -> tuple[Place, ...]:
    """The same for a file of torch before 1.6, which has no checksums."""
    records = Records(root, edits)
    with copy.open("r+b") as file:
        for storage, values in records.changed.items():
            file.seek(storage.start)
            file.write(values)
    return records.changed_places


def _start_of_data(file: IO[bytes], info: zipfile.ZipInfo) -> int:
    file.seek(info.header_offset)
    header = file.read(30)
    name, extra = struct.unpack("<HH", header[26:30])
    return info.header_offset + 30 + int(name) + int(extra)


def _directory(file: IO[bytes], archive: zipfile.ZipFile) -> dict[int, int]:
    """Offset of each record's entry in the archive's directory, by the offset of the record's header."""
    at, found = archive.start_dir, {}
    for info in archive.infolist():
        file.seek(at)
        entry = file.read(46)
        if entry[:4] != CENTRAL:
            raise CheckpointError(f"`{shown(file.name)}` has a damaged directory. Copy or download it again.")
        found[info.header_offset] = at
        at += 46 + sum(struct.unpack("<HHH", entry[28:34]))
    return found


def _write_checksum(file: IO[bytes], info: zipfile.ZipInfo, start: int, entry: int, checksum: int) -> None:
    """Update the checksum in the directory, and in the record's header and after its data if it is there."""
    places = [entry + 16]
    if info.flag_bits & HAS_DESCRIPTOR:
        end = start + info.file_size
        file.seek(end)
        places.append(end + (4 if file.read(4) == DESCRIPTOR else 0))
    else:
        places.append(info.header_offset + 14)
    for place in places:
        file.seek(place)
        file.write(struct.pack("<I", checksum))


def _bytes_of(storage: Storage) -> bytearray:
    values = bytearray(storage.size)
    storage.file.fill(memoryview(values), storage.start)
    return values


def _on(values: bytearray, tensor: StoredTensor) -> Tensor:
    """`tensor` over the bytes of its storage, which writing to it changes."""
    dtype: torch.dtype = getattr(torch, tensor.kind.name)
    whole = torch.frombuffer(values, dtype=torch.uint8).view(dtype)
    return whole.as_strided(tensor.shape, tensor.strides, tensor.offset)


def _as_bytes(tensor: Tensor) -> Tensor:
    return tensor.contiguous().view(-1).view(torch.uint8)
