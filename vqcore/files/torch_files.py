"""Reads what `torch.save` wrote, without running anything in it and without reading a tensor's values."""

import io
import pickletools
import struct
import zipfile
from collections.abc import Callable
from typing import IO, Any

from vqcore.files.errors import CheckpointError, shown
from vqcore.files.kinds import Kind
from vqcore.files.regular_files import RegularFile
from vqcore.files.restricted_pickle import Named, RefusedError, TooLargeError, unpickle
from vqcore.files.stored_tensors import Storage
from vqcore.files.torch_names import TypedStorage, meaning_of
from vqcore.files.zip_records import is_stored, start_of_data

LARGEST_PICKLE = 64 * 1024**2
"""Most bytes of names and structure, without the tensors' values."""

LEGACY_MAGIC, LEGACY_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
MOST_LOOKED_AT = 100_000
"""Operations of a foreign pickle in which the first name is looked for."""


def load_zip(file: RegularFile, archive: zipfile.ZipFile) -> Any:
    """The saved object of a file of torch 1.6 or newer, with a `StoredTensor` for each tensor.

    Raises:
        CheckpointError: for an archive that `torch.save` does not write, or an object that is more than data.
    """
    infos = {info.filename: info for info in archive.infolist()}
    _refuse_other_archives(file, infos.values())
    pickled = min((name for name in infos if name.rpartition("/")[2] == "data.pkl"), key=lambda name: name.count("/"))
    folder = pickled.removesuffix("data.pkl")
    return _loaded(file, lambda: _unpickled_zip(file, infos, folder))


def load_legacy(file: RegularFile) -> Any:
    """The saved object of a file of torch before 1.6, likewise.

    Raises:
        CheckpointError: for another pickle, or an object that is more than data.
    """
    stream = io.BufferedReader(_Head(file), 1 << 16)
    if not _begins_as_legacy(stream):
        raise CheckpointError(_about_pickle(file))
    return _loaded(file, lambda: _unpickled_legacy(file, stream))


def _refuse_other_archives(file: RegularFile, infos: Any) -> None:
    for info in infos:
        if not is_stored(info):
            raise CheckpointError(
                f"`{shown(file.path)}` is a compressed archive, which torch.save never writes. Unpack it and give "
                "what is inside."
            )
        leaf = info.filename.rpartition("/")[2]
        if leaf in ("constants.pkl", ".torch_package_version"):
            raise CheckpointError(
                f"`{shown(file.path)}` holds a program (TorchScript or torch.package), not weights alone. Save its "
                "state_dict() and give that."
            )
        if leaf == "data.pkl" and info.file_size > LARGEST_PICKLE:
            raise CheckpointError(_too_large(file))


def _unpickled_zip(file: RegularFile, infos: dict[str, zipfile.ZipInfo], folder: str) -> Any:
    def record(name: str) -> bytes:
        info = infos[name]
        return file.read(start_of_data(file, info), info.file_size)

    order = record(f"{folder}byteorder")[:8] if f"{folder}byteorder" in infos else b"little"
    storages: dict[str, TypedStorage] = {}

    def storage(saved: Any) -> TypedStorage:
        key, kind, count = _described(saved)
        if key not in storages:
            info = infos[f"{folder}data/{key}"]
            found = Storage(file, start_of_data(file, info), info.file_size, big_endian=order == b"big")
            storages[key] = _typed(found, kind, count)
        return storages[key]

    return unpickle(io.BytesIO(record(f"{folder}data.pkl")), meaning_of, storage)


def _begins_as_legacy(stream: IO[bytes]) -> bool:
    """Whether `stream` begins with the magic numbers of torch before 1.6; if so, it is positioned after them."""
    try:
        return [unpickle(stream, meaning_of, _no_storage) for _ in range(2)] == [LEGACY_MAGIC, LEGACY_PROTOCOL]
    except Exception:  # anything else begins in any way
        return False


def _unpickled_legacy(file: RegularFile, stream: IO[bytes]) -> Any:
    """The object, once the offsets of its storages, which follow it in the file, are known."""
    system = unpickle(stream, meaning_of, _no_storage)
    big = isinstance(system, dict) and system.get("little_endian") is False
    start = stream.tell()
    kinds: dict[str, tuple[Kind, int]] = {}

    def remember(saved: Any) -> TypedStorage:
        key, kind, count = _described(saved)
        if kind is None:
            raise ValueError("a storage of no dtype")
        kinds[key] = kind, count
        return TypedStorage(Storage(file, 0, count * _width(kind), big), kind)

    unpickle(stream, meaning_of, remember)
    keys = unpickle(stream, meaning_of, _no_storage)
    places: dict[str, Storage] = {}
    at = stream.tell()
    for key in keys:
        kind, count = kinds[key]
        if struct.unpack("<q", file.read(at, 8))[0] != count:
            raise ValueError(f"a storage of {count:,} values that has other ones")
        places[key] = Storage(file, at + 8, count * _width(kind), big)
        at += 8 + count * _width(kind)
    if at > file.size:
        raise ValueError("values are missing at its end")

    def storage(saved: Any) -> TypedStorage:
        key, kind, _ = _described(saved)
        view = saved[5] if len(saved) > 5 else None
        if view is None:
            return TypedStorage(places[key], kind)
        _, first, count = view
        whole, width = places[key], _width(kind)
        if not 0 <= first * width <= (first + count) * width <= whole.size:
            raise ValueError("a view beyond its storage")
        return TypedStorage(whole._replace(start=whole.start + first * width, size=count * width), kind)

    stream.seek(start)
    return unpickle(stream, meaning_of, storage)


def _described(saved: Any) -> tuple[str, Kind | None, int]:
    """Key, kind and number of values of a storage, as the pickle names it."""
    word, named, key, _, count = saved[:5]
    word = word.decode() if isinstance(word, bytes) else word
    if word != "storage" or not isinstance(named, Named) or type(count) is not int or count < 0:
        raise ValueError("something that is no storage beside the pickle")
    if not isinstance(named.about, Kind) and named.name != "torch.storage.UntypedStorage":
        raise ValueError(f"a storage of {shown(named.name)}")
    return str(key), named.about, count


def _typed(storage: Storage, kind: Kind | None, count: int) -> TypedStorage:
    size = count * (1 if kind is None else _width(kind))
    if size > storage.size:
        raise ValueError(f"a record of {storage.size:,} bytes where {size:,} are needed")
    return TypedStorage(storage._replace(size=size), kind)


def _width(kind: Kind | None) -> int:
    if kind is None or kind.stored is None:
        return 4 if kind is not None and kind.name == "qint32" else 1
    return kind.stored.itemsize


def _no_storage(_: Any) -> TypedStorage:
    raise ValueError("a storage where none belongs")


class _Head(io.RawIOBase):
    """The part of a file that may hold names and structure."""

    def __init__(self, file: RegularFile) -> None:
        super().__init__()
        self._stream = file.stream()

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """As the file."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """As the file."""
        return self._stream.tell()

    def readinto(self, buffer: Any) -> int:
        """As the file, up to the limit."""
        if self._stream.tell() > LARGEST_PICKLE:
            raise TooLargeError
        return self._stream.readinto(buffer)


def _loaded(file: RegularFile, load: Callable[[], Any]) -> Any:
    try:
        return load()
    except CheckpointError:
        raise
    except RefusedError as error:
        raise CheckpointError(
            f"`{shown(file.path)}` was refused, and nothing in it was run: it contains more than data, namely "
            f"`{shown(error.name)}`. If you trust it, save only its tensors, torch.save(model.state_dict(), "
            "'weights.pt'), and give that."
        ) from error
    except TooLargeError as error:
        raise CheckpointError(_too_large(file)) from error
    except Exception as error:  # a broken pickle can raise anything
        reason = f"no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise CheckpointError(
            f"`{shown(file.path)}` begins like a torch file but cannot be read as one: it is damaged or "
            f"incomplete ({shown(reason)}). Copy or download it again."
        ) from error


def _too_large(file: RegularFile) -> str:
    return (
        f"`{shown(file.path)}` has more names and other things beside its tensors than are read, "
        f"{LARGEST_PICKLE // 1024**2} MiB or about 100,000 tensors. Save the model's state_dict() alone and give "
        "that."
    )


def _about_pickle(file: RegularFile) -> str:
    """The error for a pickle that torch did not write: what it is, and what to do."""
    name = _first_name(file)
    if name.startswith("sklearn."):
        return (
            f"`{shown(file.path)}` is a Python pickle of scikit-learn, `{shown(name)}`, and reading it would mean "
            "running it. Save only its centres, np.save('centres.npy', kmeans.cluster_centers_), and give that."
        )
    what = f" of `{shown(name)}`" if name else ""
    return (
        f"`{shown(file.path)}` is a Python pickle{what} that torch.save did not write, and reading it would mean "
        "running it. Save only its tensors, torch.save(model.state_dict(), 'weights.pt'), and give that."
    )


def _first_name(file: RegularFile) -> str:
    """The first name of a class or function in a pickle, if it can be found."""
    strings = ["", ""]
    try:
        for done, (operation, argument, _) in enumerate(pickletools.genops(file.read(0, 1 << 20))):
            if operation.name == "GLOBAL":
                return str(argument).replace(" ", ".")
            if operation.name == "STACK_GLOBAL":
                return ".".join(strings)
            if isinstance(argument, str):
                strings = [strings[1], argument]
            if done > MOST_LOOKED_AT:
                break
    except Exception:  # not a whole pickle
        return ""
    return ""
