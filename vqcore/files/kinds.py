"""The kinds of values that files hold, and how each is read."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch


class Kind(NamedTuple):
    """A dtype."""

    name: str
    """As torch and numpy name it."""

    stored: np.dtype | None
    """numpy dtype of one value; None if values are packed, several per byte, or need more to be decoded."""

    as_torch: torch.dtype | None = None
    """How to decode the bytes, if numpy has no such dtype."""


def _kinds() -> dict[str, Kind]:
    found = {
        name: Kind(name, np.dtype(name).newbyteorder("<"))
        for name in (
            *("float16", "float32", "float64", "complex64", "complex128", "bool"),
            *("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
        )
    }
    for dtype in (torch.bfloat16, torch.complex32):
        name = _name(dtype)
        found[name] = Kind(name, np.dtype(f"<u{dtype.itemsize}"), dtype)
    for dtype in (
        *(torch.float8_e4m3fn, torch.float8_e4m3fnuz),
        *(torch.float8_e5m2, torch.float8_e5m2fnuz, torch.float8_e8m0fnu),
    ):
        found[_name(dtype)] = Kind(_name(dtype), np.dtype("u1"), dtype)
    packed = ("quint8", "qint8", "qint32", "quint4x2", "quint2x4", "float4_e2m1fn_x2", "bits8", "bits16")
    narrow = (f"{sign}int{bits}" for sign in ("", "u") for bits in range(1, 8))
    return found | {
        name: Kind(name, None) for name in (*packed, *narrow, *(f"bits{one}" for one in ("1x8", "2x4", "4x2")))
    }


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


KINDS: Mapping[str, Kind] = _kinds()
