"""A small codebook in a large file costs its own bytes and no more."""

import json
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from vqcore.checkpoints.effective import effective
from vqcore.checkpoints.reader import open_checkpoint

K, D, OTHER = 1024, 32, 64 * 1024**2
"""Each of the other tensors takes so many bytes."""


def with_holes(path: Path, table: np.ndarray) -> None:
    """A safetensors file in which everything but the table is a hole that takes no room on the disk."""
    header, at = {}, 0
    for key, shape in (("encoder.weight", (OTHER // 4,)), ("quantize.embedding.weight", table.shape)):
        size = 4 * int(np.prod(shape))
        header[key] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    header["decoder.weight"] = {"dtype": "F32", "shape": [OTHER // 4], "data_offsets": [at, at + OTHER]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        start = file.tell()
        file.truncate(start + at + OTHER)
        file.seek(start + header["quantize.embedding.weight"]["data_offsets"][0])
        file.write(table.tobytes())


def bytes_read() -> int:
    """By this process until now, through read calls of any kind."""
    return int(Path("/proc/self/io").read_text().split()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what a process reads")
def test_of_a_large_safetensors_file_only_the_header_and_the_codebook_are_read(tmp_path):
    table = np.random.default_rng(0).standard_normal((K, D)).astype(np.float32)
    with_holes(tmp_path / "large.safetensors", table)
    open_checkpoint(tmp_path / "large.safetensors")  # whatever Python still imports is not counted
    before = bytes_read()
    (book,) = open_checkpoint(tmp_path / "large.safetensors").codebooks
    np.testing.assert_array_equal(effective(book).vectors, table)
    assert table.nbytes <= bytes_read() - before < table.nbytes + 1024**2 < OTHER
