"""What files cost in memory and time, each measured in a process of its own: never far more than is asked of them."""

import io
import pickle
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vqcore.cli import main

MIB = 2**20
SOON = 10
"""Seconds of the processor."""

EXAMINE = """
import os, resource, sys, time
import torch  # costs its own memory before anything is counted
from vqcore.checkpoints.effective import effective
from vqcore.files.errors import CheckpointError
from vqcore.files.latents import open_latents
from vqcore.checkpoints.reader import open_checkpoint

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

torch.zeros(1, dtype=torch.bfloat16).float()
for path in sys.argv[1:]:
    if child := os.fork():  # each file has a peak of its own
        assert os.waitpid(child, 0)[1] == 0
        continue
    before, started, said = peak(), time.process_time(), "read"
    try:
        for book in open_checkpoint(path).codebooks:
            effective(book)
        if path.endswith(".latents"):
            for block in open_latents(path, 64).blocks():
                pass
    except CheckpointError as error:
        said = str(error)
    print(peak() - before, time.process_time() - started, said, sep="\\t")
    break
"""


def examined(*paths) -> list[tuple[int, float, str]]:
    """Bytes of memory and seconds of the processor that each file cost, one after the other, and what was said."""
    command = [sys.executable, "-c", EXAMINE, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return [(int(memory), float(seconds), said) for memory, seconds, said in lines]


class Calls:
    """A pickle of this calls a function when it is loaded."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def torch_file(path, pickled: bytes):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", pickled)
    return path


def colliding() -> bytes:
    """A mapping with 50,000 whole numbers as keys that all have one hash."""
    numbers = (pickle.encode_long(one * sys.hash_info.modulus) for one in range(1, 50_000))
    return b"\x80\x02}(" + b"".join(b"\x8a" + bytes([len(one)]) + one + b"N" for one in numbers) + b"u."


PICKLES = {
    "a tensor made by its size": pickle.dumps({"a": Calls(torch.Tensor, 200_000, 1000)}, 2),
    "bytes made by their number": pickle.dumps({"a": Calls(bytearray, 3_000_000_000)}, 2),
    "room for two billion objects": b"\x80\x02}r\xff\xff\xff\x7f.",
    "a string of four gigabytes": b"\x80\x02X\xff\xff\xff\xff.",
    "bytes of two to the sixtieth": b"\x80\x04\x8e\x00\x00\x00\x00\x00\x00\x00\x10.",
    "a key whose hash takes for ever": b"\x80\x02})q\x00" + b"h\x00\x86q\x00" * 60 + b"K\x01s.",
    "keys of one hash": colliding(),
    "a list a million deep": b"\x80\x02}(X\x01\x00\x00\x00a" + b"]" * 1_000_000 + b"a" * 999_999 + b"u.",
    "twenty million mappings": b"\x80\x02](" + b"}" * 20_000_000 + b"e.",
    "a million keys": b"\x80\x02}(" + b"".join(b"X\x08\x00\x00\x00%08dN" % one for one in range(1_000_000)) + b"u.",
}
"""None of them holds more than some bytes of data for what it asks."""


def test_a_pickle_never_costs_far_more_than_its_own_length(tmp_path):
    paths = [torch_file(tmp_path / f"{number}.pt", pickled) for number, pickled in enumerate(PICKLES.values())]
    for name, path, (memory, seconds, said) in zip(PICKLES, paths, examined(*paths), strict=True):
        assert said != "read", name
        assert memory < 400 * MIB + 3 * path.stat().st_size, name
        assert seconds < SOON, name


def header(shape) -> bytes:
    written = io.BytesIO()
    np.lib.format.write_array_header_1_0(written, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return written.getvalue()


def archive_of(path, members, compression):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, pieces in members:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                for piece in pieces:
                    file.write(piece)
    return path


def test_an_archive_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path):
    zeros = [header((4 * MIB, 64)), *[bytes(MIB)] * 1024]
    path = archive_of(tmp_path / "bomb.npz", [("quantize.embedding.weight", zeros)], zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2 * MIB
    ((memory, seconds, said),) = examined(path)
    assert "zip bomb" in said
    assert memory < 50 * MIB
    assert seconds < SOON


SHAPES = [(2**40, 64), (2**62, 2**62), (True, 8), (-1, 8), (2**40, 0)]


def test_an_array_that_declares_what_it_has_not_is_a_sentence(tmp_path):
    paths = []
    for number, shape in enumerate(SHAPES):
        array = header(shape) + bytes(256)
        member = [("quantize.embedding.weight", [array])]
        (tmp_path / f"{number}.npy").write_bytes(array)
        paths += [
            tmp_path / f"{number}.npy",
            archive_of(tmp_path / f"{number}.stored", member, zipfile.ZIP_STORED),
            archive_of(tmp_path / f"{number}.packed", member, zipfile.ZIP_DEFLATED),
        ]
    for path, (memory, seconds, said) in zip(paths, examined(*paths), strict=True):
        assert memory < 50 * MIB, path
        assert seconds < SOON, path
        assert 0 in SHAPES[int(path.stem)] or said != "read", path


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_of_twenty_thousand_arrays_is_read_soon(compression, tmp_path):
    small = [header((2,)), bytes(8)]
    members = [(f"blocks.{one}.norm.weight", small) for one in range(20_000)]
    members.append(("quantize.embedding.weight", [header((16, 4)), bytes(256)]))
    ((memory, seconds, said),) = examined(archive_of(tmp_path / "many.npz", members, compression))
    assert said == "read"
    assert memory < 300 * MIB
    assert seconds < SOON


def test_a_million_names_of_safetensors_are_refused_at_once(tmp_path):
    entry = '"b.%d.w":{"dtype":"F32","shape":[2],"data_offsets":[%d,%d]}'
    text = ("{" + ",".join(entry % (one, 8 * one, 8 * one + 8) for one in range(999_000)) + "}").encode()
    path = tmp_path / "many.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(8 * 999_000))
    ((memory, seconds, said),) = examined(path)
    assert "MiB of names" in said
    assert memory < 50 * MIB
    assert seconds < 2


def test_a_large_table_is_held_about_once(tmp_path):
    table = torch.zeros(200_000, 64)
    tables = {"pt": table, "legacy": table, "bfloat16": table.bfloat16(), "columns": torch.zeros(64, 200_000).T}
    for way, one in tables.items():
        state = {"quantize.embedding.weight": one}
        torch.save(state, tmp_path / way, _use_new_zipfile_serialization=way != "legacy")
    save_file({"quantize.embedding.weight": table}, tmp_path / "safetensors")
    with (tmp_path / "npz").open("wb") as file:
        np.savez(file, **{"quantize.embedding.weight": table.numpy()})
    paths = sorted(tmp_path.iterdir())
    for path, (memory, _, said) in zip(paths, examined(*paths), strict=True):
        assert said == "read", path
        assert memory > 0.9 * table.nbytes / (2 if path.name == "bfloat16" else 1), path  # so it is measured at all
        assert memory < (2.6 if path.name in ("bfloat16", "columns") else 1.6) * table.nbytes, path


ROWS = 400_000


def test_latents_in_any_layout_are_read_in_blocks(tmp_path):
    flat = torch.zeros(ROWS * 64 * 2)
    for name, latents in {
        "rows": flat[: ROWS * 64].view(ROWS, 64),
        "columns": flat[: ROWS * 64].view(64, ROWS).T,
        "every other": flat.view(ROWS, 128)[:, ::2],
        "apart": flat.view(64, 2 * ROWS)[:, ::2].T,
    }.items():
        torch.save({"z": latents}, tmp_path / f"{name}.latents")
    paths = sorted(tmp_path.iterdir())
    for path, (memory, seconds, said) in zip(paths, examined(*paths), strict=True):
        assert said == "read", path
        assert memory < 80 * MIB < 4 * ROWS * 64, path
        assert seconds < SOON, path


def test_a_codebook_beyond_what_is_allowed_is_refused_with_its_size_and_the_flag(tmp_path, capsys):
    """A hole that takes no room on the disk, and of which nothing is read before it is refused."""
    path, rows = tmp_path / "model.npy", 5 * 2**30 // 256
    with path.open("wb") as file:
        file.write(header((rows, 64)))
        file.truncate(file.tell() + rows * 256)
    assert main(["doctor", str(path), "--codebook", "model"]) == 2
    assert (
        "takes 5.0 GiB of memory, more than the 4 that it may. Allow it with --memory 5." in capsys.readouterr().err
    )


def test_latents_that_must_be_unpacked_whole_are_held_up_to_what_is_allowed(tmp_path, capsys):
    generator = np.random.default_rng(0)
    np.save(tmp_path / "model.npy", generator.standard_normal((64, 8), np.float32))
    np.savez_compressed(tmp_path / "z.npz", z=generator.standard_normal((8, 9_000), np.float32))
    words = ["doctor", f"{tmp_path}/model.npy", "--codebook", "model", "--latents", f"{tmp_path}/z.npz"]
    assert main([*words, "--memory", "0.0001"]) == 2
    assert "more than the 0.0001 that it may. Allow it with --memory 1." in capsys.readouterr().err
    assert main(words) < 2
