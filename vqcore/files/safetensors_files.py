"""A safetensors file, opened by its header: values are read in place, on demand."""

# https://github.com/huggingface/safetensors, the format

import json
import math
from typing import Any

from vqcore.files.errors import CheckpointError, shown
from vqcore.files.kinds import KINDS, Kind
from vqcore.files.regular_files import RegularFile
from vqcore.files.stored_tensors import Storage, StoredTensor, contiguous
from vqcore.files.tensors import FileArray, StoredArray

LARGEST_HEADER = 32 * 1024**2
"""Most bytes of names and shapes: about 300,000 tensors."""

DTYPES = {
    "BF16": "bfloat16",
    "BOOL": "bool",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2": "float8_e5m2",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
    **{f"F{bits}": f"float{bits}" for bits in (16, 32, 64)},
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
}


def load_safetensors(file: RegularFile) -> tuple[dict[str, StoredArray], dict[str, str]]:
    """The file's arrays by key, and its metadata.

    Raises:
        CheckpointError: for a header that does not describe the file.
    """
    length = int.from_bytes(file.read(0, 8), "little")
    if length > LARGEST_HEADER and length <= file.size:
        raise CheckpointError(
            f"`{shown(file.path)}` has {length / 1024**2:,.0f} MiB of names and shapes alone, more than the "
            f"{LARGEST_HEADER // 1024**2} that are read. Save fewer tensors in one file."
        )
    try:
        if 8 + length > file.size:
            raise ValueError(f"a header of {length:,} bytes in a file of {file.size:,}")
        header = json.loads(file.read(8, length))
        metadata = header.pop("__metadata__", None) or {}
        arrays = {key: FileArray(key, _tensor(file, 8 + length, entry)) for key, entry in header.items()}
        _check_filled(file, 8 + length, header)
        return dict(arrays), {str(key): str(value) for key, value in metadata.items()}
    except CheckpointError:
        raise
    except Exception as error:  # a header can be anything
        reason = f"no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise CheckpointError(
            f"`{shown(file.path)}` begins like a safetensors file but cannot be read as one ({shown(reason)}). "
            "Copy or download it again."
        ) from error


def _tensor(file: RegularFile, data: int, entry: dict[str, Any]) -> StoredTensor:
    shape, (begin, end), name = tuple(entry["shape"]), entry["data_offsets"], entry["dtype"]
    if not (type(begin) is int and type(end) is int and 0 <= begin <= end <= file.size - data):
        raise ValueError(f"a tensor from {begin} to {end} in {file.size - data:,} bytes")
    kind = KINDS[DTYPES[name]] if name in DTYPES else Kind(str(name), None)
    tensor = StoredTensor(Storage(file, data + begin, end - begin), kind, 0, shape, contiguous(shape))
    if kind.stored is not None and math.prod(shape) * kind.stored.itemsize != end - begin:
        raise ValueError(f"a tensor of shape {shape} in {end - begin:,} bytes")
    return tensor


def _check_filled(file: RegularFile, data: int, header: dict[str, Any]) -> None:
    """Check that the tensors follow each other from the first byte to the last, so that none hides within another."""
    at = data
    for begin, end in sorted(entry["data_offsets"] for entry in header.values()):
        if data + begin != at:
            raise ValueError(f"a gap or an overlap at byte {at:,}")
        at = data + end
    if at != file.size:
        raise ValueError(f"{at:,} bytes by its header and {file.size:,} in the file")
