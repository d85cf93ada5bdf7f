"""The encoding of a frame: one binary message in which numbers stay binary.

A message is a header and then the parts of the page that have changed, each a piece that can be kept and sent again.
A header and a piece begin with the length of their JSON (4 bytes, little endian); everything begins at a multiple of
8 bytes, so that the browser reads arrays in place. A piece's JSON has a `value`, in which `{"$": n}` stands for
number n of its `arrays`: each is `[dtype, offset, shape]`, and begins `offset` bytes after the piece's first. One
that the browser has already is not sent again: an offset of −1 − m then means number m of the piece before.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

from app.live_plot.encoding import encode

ALIGNED = 8
LENGTH = struct.Struct("<I")


class Packed(NamedTuple):
    """An array as it is sent."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of a page, ready to be sent."""

    value: str
    arrays: tuple[Packed, ...]

    @property
    def size(self) -> int:
        """Bytes that it takes up."""
        return len(self.value) + sum(len(array.data) for array in self.arrays)

    def written(self, before: "Piece | None" = None) -> bytes:
        """All of it but the arrays of the piece `before`, which the browser has."""
        known = {array: number for number, array in enumerate(before.arrays)} if before else {}
        places, sent, at = [], [], 0
        for array in self.arrays:
            if array in known:
                places.append([array.dtype, -1 - known[array], array.shape])
                continue
            places.append([array.dtype, at, array.shape])
            sent.append(_filled(array.data))
            at += len(sent[-1])
        table = json.dumps(places, separators=(",", ":"))
        return b"".join([_headed(f'{{"arrays":{table},"value":{self.value}}}'), *sent])


def piece(value: Any) -> Piece:
    """`value` with its arrays apart; those that are equal are one, as curves of one history share their steps."""
    numbers: dict[Packed, int] = {}

    def packed(array: NDArray[Any], dtype: str) -> dict[str, int]:
        return {"$": numbers.setdefault(Packed(dtype, array.shape, array.tobytes()), len(numbers))}

    return Piece(json.dumps(encode(value, packed), separators=(",", ":")), tuple(numbers))


def message(header: Mapping[str, Any], parts: Sequence[tuple[str, str, bytes]]) -> bytes:
    """A frame: `header`, and each part by its key, its revision and its piece as it is written."""
    begins, listed = 0, []
    for key, revision, data in parts:
        listed.append([key, revision, begins])
        begins += len(data)
    text = json.dumps({**header, "parts": listed}, separators=(",", ":"))
    return b"".join([_headed(text), *(data for _, _, data in parts)])


def _headed(text: str) -> bytes:
    letters = text.encode()
    return _filled(LENGTH.pack(len(letters)) + letters)


def _filled(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNED)
