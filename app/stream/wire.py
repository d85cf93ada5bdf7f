"""The encoding of a frame: one binary message in which numbers stay binary.

A message is a header and then the parts of the page that have changed, each in its own piece that can be kept
and sent again. A header and a piece begin with the length of their JSON (4 bytes, little endian); everything begins
at a multiple of 8 bytes, so that the browser reads arrays in place. In a piece's JSON, `{"$": [dtype, offset,
shape]}` stands for an array that begins `offset` bytes after the piece's first.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from app.live_plot.encoding import encode

ALIGNED = 8
LENGTH = struct.Struct("<I")


def piece(value: Any) -> bytes:
    """One part of a page, ready to be sent."""
    placed: dict[bytes, int] = {}  # where each array begins; curves of one history share their steps
    at = 0

    def packed(array: NDArray[Any], dtype: str) -> dict[str, Any]:
        nonlocal at
        data = _filled(array.tobytes())
        if data not in placed:
            placed[data] = at
            at += len(data)
        return {"$": [dtype, placed[data], list(array.shape)]}

    return b"".join([_headed(encode(value, packed)), *placed])


def message(header: Mapping[str, Any], parts: Sequence[tuple[str, str, bytes]]) -> bytes:
    """A frame: `header`, and each part by its key, its revision and its piece."""
    begins, listed = 0, []
    for key, revision, data in parts:
        listed.append([key, revision, begins])
        begins += len(data)
    return b"".join([_headed({**header, "parts": listed}), *(data for _, _, data in parts)])


def _headed(value: Any) -> bytes:
    text = json.dumps(value, separators=(",", ":")).encode()
    return _filled(LENGTH.pack(len(text)) + text)


def _filled(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNED)
