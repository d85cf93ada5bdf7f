"""Other values for tensors of a torch file, in place: the pickle and every other record stay byte for byte."""

import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from vqcore.checkpoints.containers import state_dicts
from vqcore.checkpoints.edits import Edits, Place
from vqcore.checkpoints.errors import CheckpointError, shown
from vqcore.checkpoints.tensors import TorchArray

CENTRAL, DESCRIPTOR = b"PK\x01\x02", b"PK\x07\x08"
HAS_DESCRIPTOR = 8
"""The flag of a zip record whose checksum follows its data."""


class Records:
    """The storages that `edits` change, as tensors again, and which keys show the change."""

    def __init__(self, root: Any, edits: Edits) -> None:
        tensors = {
            Place(source.container, key): array.tensor
            for source in state_dicts(root)
            for key, array in source.arrays.items()
            if isinstance(array, TorchArray)
        }
        self._changed: dict[int, torch.UntypedStorage] = {}
        for place, values in edits.items():
            tensor = tensors[place]
            pointer = tensor.untyped_storage().data_ptr()
            storage = self._changed.setdefault(pointer, tensor.untyped_storage().clone())
            try:
                _on(storage, tensor).copy_(torch.from_numpy(values))
            except RuntimeError as error:  # torch refuses to write where several values have one place
                raise CheckpointError(
                    f"`{shown(place.key)}` is stored as fewer values than it has, so its codes cannot be told apart. "
                    "Save a contiguous copy of it."
                ) from error
        self.changed_places = tuple(place for place, tensor in tensors.items() if self._shows(tensor))

    def changed(self) -> Iterator[tuple[int, bytes]]:
        """Where each changed storage lies in memory, and its new bytes."""
        for pointer, storage in self._changed.items():
            yield pointer, torch.empty(0, dtype=torch.uint8).set_(storage).numpy().tobytes()

    def _shows(self, tensor: Tensor) -> bool:
        storage = self._changed.get(tensor.untyped_storage().data_ptr())
        return storage is not None and not torch.equal(_as_bytes(tensor), _as_bytes(_on(storage, tensor)))


def write_zip(copy: Path, root: Any, edits: Edits) -> tuple[Place, ...]:
    """Write `edits` into `copy`, a copy of the file that `root` was mapped from, and tell which tensors changed.

    Raises:
        CheckpointError: where a tensor's place in the file cannot be told for certain.
    """
    records = Records(root, edits)
    with zipfile.ZipFile(copy) as archive, copy.open("r+b") as file:
        by_offset = {_start_of_data(file, info): info for info in archive.infolist()}
        first = _first_byte(copy, root, {offset: info.file_size for offset, info in by_offset.items()})
        directory = _directory(file, archive)
        for pointer, values in records.changed():
            offset = pointer - first
            info = by_offset[offset]
            file.seek(offset)
            file.write(values)
            _write_checksum(file, info, offset, directory[info.header_offset], zlib.crc32(values))
    return records.changed_places


def write_legacy(copy: Path, root: Any, edits: Edits) -> tuple[Place, ...]:
    """Save `root`, of a file of torch before 1.6, anew with `edits`, in that same format."""
    places = Records(root, edits).changed_places
    for source in state_dicts(root):
        for key, array in source.arrays.items():
            values = edits.get(Place(source.container, key))
            if values is not None and isinstance(array, TorchArray):
                array.tensor.detach().copy_(torch.from_numpy(values))
    torch.save(root, copy, _use_new_zipfile_serialization=False)
    return places


def _first_byte(path: Path, root: Any, sizes: Mapping[int, int]) -> int:
    """Where the file's first byte was mapped to in memory.

    torch does not tell which record a tensor came from. All records lie in memory as they do in the file, so their
    distances and sizes tell.
    """
    storages = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in _tensors(root, {})
    }
    storages = {pointer: size for pointer, size in storages.items() if size}
    pointer, size = next(iter(storages.items()))
    firsts = [pointer - offset for offset, held in sizes.items() if held == size]
    fitting = [first for first in firsts if all(sizes.get(at - first) == held for at, held in storages.items())]
    if len(fitting) != 1:
        raise CheckpointError(
            f"`{shown(path)}` does not tell which of its records holds which tensor. Load it with torch and save it "
            "again."
        )
    return fitting[0]


def _tensors(saved: Any, visited: dict[int, Any]) -> Iterator[Tensor]:
    if id(saved) in visited:
        return
    if isinstance(saved, Tensor):
        if saved.layout == torch.strided and saved.device.type == "cpu":
            yield saved
        return
    if isinstance(saved, Mapping):
        saved, parent = list(saved.values()), saved
        visited[id(parent)] = parent
    if isinstance(saved, list | tuple | set | frozenset):
        visited[id(saved)] = saved
        for part in saved:
            yield from _tensors(part, visited)


def _start_of_data(file: IO[bytes], info: zipfile.ZipInfo) -> int:
    file.seek(info.header_offset)
    header = file.read(30)
    name, extra = struct.unpack("<HH", header[26:30])
    return info.header_offset + 30 + int(name) + int(extra)


def _directory(file: IO[bytes], archive: zipfile.ZipFile) -> dict[int, int]:
    """By the offset of each record's header, where its entry in the archive's directory begins."""
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
    """In the directory, in the record's header where it is there, and behind its data where it is there."""
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


def _on(storage: torch.UntypedStorage, tensor: Tensor) -> Tensor:
    """`tensor` over another storage of the same size."""
    empty = torch.empty(0, dtype=tensor.dtype)
    return empty.set_(storage, tensor.storage_offset(), tensor.shape, tensor.stride())


def _as_bytes(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous().view(-1).view(torch.uint8)
