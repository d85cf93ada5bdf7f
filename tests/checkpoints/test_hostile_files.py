"""Files that are broken, or mean harm: one sentence each, nothing run, nothing written, and soon.

Soon is measured as time of the processor, so that a busy machine fails no test.
"""

import hashlib
import io
import os
import pickle
import struct
import time
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vqcore.checkpoints.reader import open_checkpoint
from vqcore.doctor.examination import Request, examine
from vqcore.files import npz_files
from vqcore.files.codes import open_codes
from vqcore.files.errors import LONGEST_SHOWN, CheckpointError

TABLE = {"quantize.embedding.weight": torch.zeros(16, 4)}
SOON = 10


class Runs:
    """A pickle of this runs a command when it is loaded."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def sentence(path, **asked) -> str:
    started = time.process_time()
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(path, **asked)
    assert time.process_time() - started < SOON
    text = str(caught.value)
    assert text.isprintable()
    assert text.endswith((".", "pull."))
    return text


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("function", "argument", "named"),
    [(os.system, "touch {}", "posix.system"), (eval, "open('{}', 'w')", "eval"), (exec, "open('{}', 'w')", "exec")],
)
def test_a_pickle_that_would_run_code_is_refused_by_name(function, argument, named, zipped, tmp_path):
    canary, path = tmp_path / "canary", tmp_path / "model.pt"
    torch.save({**TABLE, "x": Runs(function, argument.format(canary))}, path, _use_new_zipfile_serialization=zipped)
    assert f"`{named}`" in sentence(path)
    path.write_bytes(pickle.dumps(Runs(function, argument.format(canary))))
    sentence(path)
    assert not canary.exists()


def test_a_whole_module_and_a_foreign_class_are_refused_by_name(tmp_path):
    path = tmp_path / "model.pt"
    torch.save(torch.nn.Linear(2, 2), path)
    assert "`torch.nn.modules.linear.Linear`" in sentence(path)
    torch.save({"args": zipfile.ZipInfo("x")}, path)
    assert "`zipfile.ZipInfo`" in sentence(path)


def test_an_array_of_objects_is_refused_and_nothing_in_it_run(tmp_path):
    canary, path = tmp_path / "canary", tmp_path / "model.npz"
    objects = np.array([Runs(os.system, f"touch {canary}")], dtype=object)
    np.savez(path, **{"quantize.embedding.weight": objects}, allow_pickle=True)
    assert "Python objects" in sentence(path)
    assert not canary.exists()


def saved(**arguments) -> bytes:
    buffer = io.BytesIO()
    torch.save(TABLE, buffer, **arguments)
    return buffer.getvalue()


def arrays() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **{key: value.numpy() for key, value in TABLE.items()})
    return buffer.getvalue()


NOT_CHECKPOINTS = {
    "empty": b"",
    "one byte": b"\x80",
    "zeros": bytes(1000),
    "text": b"hello\n" * 100,
    "html": b"<!doctype html><html>404</html>",
    "json": b'{"weight_map": {}}',
    "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "half a torch file": saved()[: len(saved()) // 2],
    "half an old torch file": saved(_use_new_zipfile_serialization=False)[:300],
    "half an npz": arrays()[:200],
    "archive of text": None,
    "plain pickle": pickle.dumps({"a": 1}),
    "safetensors header beyond the file": struct.pack("<Q", 1 << 60) + b"{}",
    "safetensors header of nonsense": struct.pack("<Q", 4) + b"{nix",
    "safetensors without data": struct.pack("<Q", 64)
    + b'{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}'.ljust(64),
    "zip header": b"PK\x03\x04" + bytes(50),
}


@pytest.mark.parametrize("what", NOT_CHECKPOINTS)
def test_what_is_no_checkpoint_gets_a_sentence(what, tmp_path):
    path = tmp_path / "model.safetensors"
    if NOT_CHECKPOINTS[what] is None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "hello")
    else:
        path.write_bytes(NOT_CHECKPOINTS[what])
    assert "model.safetensors" in sentence(path)


def test_a_folder_a_missing_file_and_a_pipe_get_a_sentence(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "nothing.pt", tmp_path / "pipe", "nul\0byte"):
        sentence(path)


@pytest.mark.parametrize("data", [saved(), saved(_use_new_zipfile_serialization=False), arrays()])
def test_the_name_of_a_file_does_not_matter(data, tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(data)
    assert len(open_checkpoint(path).codebooks) == 1


def test_the_file_is_not_written_to(tmp_path):
    path = tmp_path / "x.pt"
    path.write_bytes(saved())
    path.chmod(0o444)
    before = hashlib.sha256(path.read_bytes()).digest(), path.stat().st_mtime_ns
    for book in open_checkpoint(path).codebooks:
        book.raw()[:] = 7
        book.raw().sort()
    assert (hashlib.sha256(path.read_bytes()).digest(), path.stat().st_mtime_ns) == before


def test_a_zip_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(npz_files, "LARGEST_UNPACKED", 1 << 20)
    path = tmp_path / "bomb.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.npy", "w", force_zip64=True) as file,
    ):
        for _ in range(16):
            file.write(bytes(1 << 20))
    assert "zip bomb" in sentence(path)


def test_a_compressed_torch_archive_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(1 << 20))
    assert "compressed" in sentence(path)


@pytest.mark.parametrize("extra", ["constants.pkl", ".data/.torch_package_version"])
def test_a_program_in_an_archive_is_not_loaded(extra, tmp_path):
    path = tmp_path / "program.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}, 2))
        archive.writestr(f"archive/{extra}", b"")
    assert "holds a program" in sentence(path)


def test_a_torch_file_that_claims_more_than_it_holds_gets_a_sentence(tmp_path):
    path = tmp_path / "claims.pt"
    source = zipfile.ZipFile(io.BytesIO(saved()))
    with zipfile.ZipFile(path, "w") as archive:
        for name in source.namelist():
            data = source.read(name)
            archive.writestr(
                name, data.replace(b"K\x10K\x04", b"M\xff\xffM\xff\xff") if name.endswith("pkl") else data
            )
    sentence(path)


def test_an_npz_that_claims_more_than_it_holds_gets_a_sentence(tmp_path):
    path = tmp_path / "claims.npz"
    with zipfile.ZipFile(path, "w") as archive:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (4096, 64)})
        archive.writestr("quantize.embedding.weight.npy", header.getvalue() + bytes(100))
    assert "cannot be read" in sentence(path)


@pytest.mark.parametrize("way", ["torch", "safetensors"])
def test_a_hundred_thousand_keys_are_read_soon(way, tmp_path):
    path = tmp_path / "many"
    row = torch.zeros(2)
    many = {f"blocks.{index}.norm.weight": row for index in range(100_000)}
    if way == "torch":
        torch.save({**many, **TABLE}, path)
    else:
        write_safetensors(path, many.keys())
    started = time.process_time()
    assert len(open_checkpoint(path).codebooks) == 1
    assert time.process_time() - started < SOON


def write_safetensors(path, names) -> None:
    """As `save_file`, which takes minutes over so many names."""
    keys = [*names, "quantize.embedding.weight"]
    shapes = [[2]] * len(names) + [[16, 4]]
    entries, end = [], 0
    for key, shape in zip(keys, shapes, strict=True):
        size = 4 * int(np.prod(shape))
        entries.append(f'"{key}":{{"dtype":"F32","shape":{shape},"data_offsets":[{end},{end + size}]}}')
        end += size
    header = ("{" + ",".join(entries) + "}").encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(end))


def test_a_mapping_under_very_many_names_is_read_once(tmp_path):
    inner = {f"k{index}": torch.zeros(1) for index in range(200)}
    for _ in range(3):
        inner = {f"k{index}": inner for index in range(200)}
    torch.save(inner, tmp_path / "x.pt")
    assert open_checkpoint(tmp_path / "x.pt").num_arrays == 200


HOSTILE = [
    "<script>alert(1)</script>",
    "[a](javascript:b)",
    "two\nlines",
    "\x1b[31mred",
    "x" * 10_000,
    "\u202etxt",
    "." * 300,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_on_one_short_line(name, tmp_path):
    path = tmp_path / "x.pt"
    torch.save({name: {f"{name}.quantize.embedding.weight": torch.zeros(16, 4)}}, path)
    (book,) = open_checkpoint(path).codebooks
    assert book.label.isprintable()
    assert all(line.isprintable() for line in book.evidence)
    assert len(book.label) < 8 * LONGEST_SHOWN
    sentence(path, key=name)


def test_a_tensor_that_repeats_one_value_a_million_times_is_not_read(tmp_path):
    path = tmp_path / "x.pt"
    torch.save({"quantize.embedding.weight": torch.zeros(1, 1).expand(30_000, 30_000)}, path)
    (book,) = open_checkpoint(path).codebooks
    with pytest.raises(CheckpointError, match="holds 1 values of it"):
        book.raw()


@pytest.mark.parametrize("shape", [(0,), (12, 0), (9, 0, 3)])
def test_a_file_of_no_code_says_so(shape, tmp_path):
    np.save(tmp_path / "codes.npy", np.zeros(shape, np.int64))
    with pytest.raises(CheckpointError, match=r"holds no code\. Give at least one\.$"):
        open_codes(tmp_path / "codes.npy")


@pytest.mark.parametrize("odd", ["cluster_size", "embed_avg"])
def test_complex_numbers_beside_a_codebook_count_nothing(odd, tmp_path):
    """Their real parts would be taken for counts, with a warning from NumPy."""
    beside = {"embed": torch.randn(16, 4), "cluster_size": torch.rand(16), "embed_avg": torch.randn(16, 4)}
    beside[odd] = torch.complex(beside[odd], beside[odd])
    torch.save({f"vq._codebook.{name}": value for name, value in beside.items()}, tmp_path / "x.pt")
    (one,) = examine(Request(path=tmp_path / "x.pt")).examined
    assert one.evidence.averages is None or one.evidence.averages.sums is None
    assert (one.evidence.usage is None) is (odd == "cluster_size")


def test_a_file_without_tensors_says_so(tmp_path):
    for what in ({}, {"pretrained": "somewhere"}, [1, 2], "text"):
        torch.save(what, tmp_path / "x.pt")
        sentence(tmp_path / "x.pt")


def test_only_the_codebook_of_a_large_file_is_read(tmp_path):
    path = tmp_path / "large.safetensors"
    header = b'{"big":{"dtype":"F32","shape":[8,65536,1024],"data_offsets":[0,2147483648]},'
    header += b'"quantize.embedding.weight":{"dtype":"F32","shape":[4096,64],"data_offsets":[2147483648,2148532224]}}'
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + 2148532224)  # a hole: no disk is used
    started, before = time.process_time(), read_so_far()
    (book,) = open_checkpoint(path).codebooks
    assert book.raw().shape == (4096, 64)
    assert time.process_time() - started < 2
    assert read_so_far() - before < 8 * 2**20


def read_so_far() -> int:
    with open("/proc/self/io") as file:  # noqa: PTH123, no file on a disk
        return int(file.readline().split()[1])


def test_metadata_of_safetensors_is_data(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file(TABLE, path, metadata={"<b>alias</b>": "quantize.embedding.weight", "format": "pt"})
    assert len(open_checkpoint(path).codebooks) == 1
