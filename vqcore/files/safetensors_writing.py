"""Writes safetensors, so that a training environment needs no more than torch and numpy."""

# https://github.com/huggingface/safetensors, the format

import json
from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

WRITTEN = {"float32": "F32", "int32": "I32", "int64": "I64"}
ALIGNMENT = 8


def safetensors_bytes(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> Iterator[bytes]:
    """The file's bytes in pieces: the header, then each array.

    Raises:
        ValueError: for an array whose dtype is not in `WRITTEN`.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for key, array in arrays.items():
        if array.dtype.name not in WRITTEN:
            raise ValueError(f"`{key}` must be one of {', '.join(WRITTEN)}, but is {array.dtype}. Convert it.")
        start, end = end, end + array.nbytes
        header[key] = {"dtype": WRITTEN[array.dtype.name], "shape": array.shape, "data_offsets": [start, end]}
    written = json.dumps(header).encode()
    written += b" " * (-len(written) % ALIGNMENT)
    yield len(written).to_bytes(8, "little") + written
    for array in arrays.values():
        yield array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
