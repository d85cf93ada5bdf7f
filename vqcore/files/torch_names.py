"""The names allowed in a torch file, and what each of them builds."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from vqcore.files.kinds import KINDS, Kind
from vqcore.files.restricted_pickle import Named, RefusedError
from vqcore.files.stored_tensors import Storage, StoredTensor

STORAGES = {
    "Double": "float64",
    "Float": "float32",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
    "ComplexFloat": "complex64",
    "ComplexDouble": "complex128",
    "QInt8": "qint8",
    "QUInt8": "quint8",
    "QInt32": "qint32",
    "QUInt4x2": "quint4x2",
    "QUInt2x4": "quint2x4",
}
QUANTIZATIONS = ("affine", "symmetric")


class TypedStorage(NamedTuple):
    """A storage and the kind of its values; None if each of its tensors states its own."""

    storage: Storage
    kind: Kind | None


class Unreadable(NamedTuple):
    """A tensor that is not a plain table of numbers in the file."""

    what: str


class Opaque:
    """Data that nothing here inspects."""


OPAQUE = Opaque()


def meaning_of(name: str) -> Named:
    """What `name`, a dotted module and attribute, stands for.

    Raises:
        RefusedError: for every name that `torch.save` does not write for data.
    """
    name = name.replace("__builtin__.", "builtins.", 1) if name.startswith("__builtin__.") else name
    found = NAMES.get(name)
    if found is None:
        raise RefusedError(name.removeprefix("builtins."))
    return found


def _tensor(
    typed: TypedStorage,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    _requires_grad: Any = False,
    _hooks: Any = None,
    bits: Any = None,
) -> StoredTensor:
    if not isinstance(typed, TypedStorage) or typed.kind is None:
        raise ValueError("a tensor over no storage")
    return _view(typed.storage, typed.kind, offset, shape, strides, bits)


def _tensor_with_dtype(
    typed: TypedStorage,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    _requires_grad: Any,
    _hooks: Any,
    dtype: Named,
    bits: Any = None,
) -> StoredTensor:
    if not isinstance(typed, TypedStorage) or not isinstance(dtype, Named) or not isinstance(dtype.about, Kind):
        raise ValueError("a tensor over no storage or of no dtype")
    return _view(typed.storage, dtype.about, offset, shape, strides, bits)


def _view(
    storage: Storage, kind: Kind, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], bits: Any
) -> StoredTensor:
    if not isinstance(shape, tuple) or not isinstance(strides, tuple):
        raise ValueError("a tensor whose shape is no tuple")
    bits = bits if isinstance(bits, Mapping) else {}
    return StoredTensor(storage, kind, offset, shape, strides, bits.get("neg") is True, bits.get("conj") is True)


def _itself(data: Any, *_: Any) -> Any:
    return data


def _of_type(function: Named, _kind: Any, arguments: tuple[Any, ...], _state: Any) -> Any:
    if not isinstance(function, Named):
        raise ValueError("a tensor by no function")
    return function(*arguments)


def _mapping(*arguments: Any) -> dict[str, Any]:
    if not arguments:
        return {}
    (given,) = arguments
    pairs = given.items() if isinstance(given, dict) else given
    return {key: value for key, value in pairs if isinstance(key, str)}


def _bytes(*arguments: Any) -> Opaque:
    if arguments and isinstance(arguments[0], int):  # so many zeros, which no pickle of data asks for
        raise RefusedError("bytearray")
    return OPAQUE


def _shape(sizes: Any = ()) -> tuple[int, ...]:
    if not isinstance(sizes, tuple | list):
        raise ValueError("a shape that is no tuple")
    return tuple(sizes)


def _opaque(*_: Any) -> Opaque:
    return OPAQUE


def _unreadable(what: str) -> Any:
    return lambda *_: Unreadable(what)


def _names() -> dict[str, Named]:
    calls = {
        "collections.OrderedDict": _mapping,
        "collections.Counter": _mapping,
        "builtins.set": _opaque,
        "builtins.complex": _opaque,
        "builtins.bytearray": _bytes,
        "_codecs.encode": _opaque,
        "torch.Size": _shape,
        "torch.device": _opaque,
        "torch.serialization._get_layout": _opaque,
        "torch.nn.parameter.Parameter": _itself,
        "torch._tensor._rebuild_from_type_v2": _of_type,
        "torch._utils._rebuild_tensor": _tensor,
        "torch._utils._rebuild_tensor_v2": _tensor,
        "torch._utils._rebuild_tensor_v3": _tensor_with_dtype,
        "torch._utils._rebuild_parameter": _itself,
        "torch._utils._rebuild_parameter_with_state": _itself,
        "torch._utils._rebuild_device_tensor_from_cpu_tensor": _itself,
        "torch._utils._rebuild_device_tensor_from_numpy": _unreadable("a tensor on another device"),
        "torch._utils._rebuild_qtensor": _unreadable("a quantized tensor"),
        "torch._utils._rebuild_sparse_tensor": _unreadable("a sparse tensor"),
        "torch._utils._rebuild_nested_tensor": _unreadable("a nested tensor"),
        "torch._utils._rebuild_meta_tensor_no_storage": _unreadable("a tensor without values, on the meta device"),
        "torch._utils._rebuild_wrapper_subclass": _unreadable("a tensor of a custom class"),
    }
    found = {name: Named(name, call) for name, call in calls.items()}
    abouts: dict[str, Any] = {f"torch.{name}": kind for name, kind in KINDS.items()}
    abouts |= {f"torch.storage.{name}Storage": None for name in ("Typed", "Untyped")}
    for prefix, kind in STORAGES.items():
        for where in ("torch", "torch.cuda", "torch.sparse", "torch.cuda.sparse"):
            abouts |= {f"{where}.{prefix}Storage": KINDS[kind], f"{where}.{prefix}Tensor": None}
    abouts |= {"torch.Tensor": None}
    for per in ("per_tensor", "per_channel"):
        abouts |= {f"torch.{per}_{how}": None for how in (*QUANTIZATIONS, "affine_float_qparams")}
    return found | {name: Named(name, None, about) for name, about in abouts.items()}


NAMES: Mapping[str, Named] = _names()
"""Everything else is refused by name. Names without a call stand for a dtype or a class."""
