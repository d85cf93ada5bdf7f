"""What is no regular file ends at once with a sentence, at every place that opens a file of the user."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vqcore.checkpoints.reader import open_checkpoint
from vqcore.files.codes import open_codes
from vqcore.files.errors import CheckpointError
from vqcore.files.latents import open_latents
from vqcore.files.opening import open_contents
from vqcore.files.regular_files import RegularFile
from vqcore.quantizer.layer import VectorQuantizer

OPENERS = {
    "checkpoint": open_checkpoint,
    "contents": open_contents,
    "latents": lambda path: open_latents(path, 4),
    "codes": open_codes,
}


def special(kind: str, folder: Path) -> Path:
    path = folder / "x.pt"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "endless device" else "/dev/tty")
    return path


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("kind", ["pipe", "socket", "folder", "endless device", "terminal"])
def test_what_is_no_file_is_refused_at_once(kind, opener, tmp_path):
    with pytest.raises(CheckpointError, match=r"x\.pt` is a (pipe|socket|folder|device)"):
        OPENERS[opener](special(kind, tmp_path))


def test_a_file_that_becomes_a_pipe_before_it_is_opened_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "x.pt"
    path.write_bytes(b"as it was")
    status = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(Path, "stat", lambda *_, **__: status)
    with pytest.raises(CheckpointError, match="is a pipe"):
        RegularFile(path)


OPEN_AGAIN_AND_AGAIN = """
import os, sys
from pathlib import Path
from vqcore.checkpoints.reader import open_checkpoint
weights, report = Path(sys.argv[1]), Path(sys.argv[1]).with_name("report.json")
for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.touch, Path.mkdir):
    make(report)
    checkpoint = open_checkpoint(weights)
    assert len(checkpoint.codebooks) == 1 and checkpoint.known.options is None
    report.rmdir() if report.is_dir() else report.unlink()
"""


def test_a_report_beside_the_weights_that_is_no_file_is_left_alone(tmp_path):
    weights = tmp_path / "weights.pt"
    torch.save({f"vq.{key}": value for key, value in VectorQuantizer(8, 2).state_dict().items()}, weights)
    subprocess.run([sys.executable, "-c", OPEN_AGAIN_AND_AGAIN, weights], check=True, timeout=120)


def test_no_handle_is_kept_once_a_file_is_forgotten(tmp_path):
    path = tmp_path / "x.pt"
    torch.save({"quantize.embedding.weight": torch.zeros(16, 4)}, path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        open_checkpoint(path)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1
