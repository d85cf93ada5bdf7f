"""Folders of checkpoints of one training."""

import pytest
import torch

from vqcore.checkpoints.reader import open_checkpoint
from vqcore.files.errors import CheckpointError
from vqcore.files.series import open_series

STATE = {"quantize.embedding.weight": torch.zeros(16, 4)}


def write(folder, *names, **inside):
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        torch.save({"state_dict": STATE, **inside}, folder / name)


@pytest.mark.parametrize(
    "names",
    [
        ["epoch=0-step=90.ckpt", "epoch=1-step=1000.ckpt", "epoch=9-step=200.ckpt"],
        ["checkpoint-90/model.bin", "checkpoint-200/model.bin", "checkpoint-1000/model.bin"],
        ["vqvae_step_90.pt", "vqvae_step_0200.pt", "vqvae_step_1000.pt"],
        ["iter1000.pth", "iter90.pth", "iter200.pth"],
        ["90.pt", "200.pt", "1000.pt"],
    ],
)
def test_the_steps_are_read_from_the_names_and_order_the_files(names, tmp_path):
    write(tmp_path, *names)
    (tmp_path / "notes.txt").write_text("step 5")
    series = open_series(tmp_path)
    assert [point.step for point in series.points] == [90, 200, 1000]
    assert all(len(open_checkpoint(point.path).codebooks) == 1 for point in series.points)


def test_a_name_without_a_step_is_looked_into(tmp_path):
    write(tmp_path, "step=100.ckpt")
    write(tmp_path, "last.ckpt", global_step=300)
    write(tmp_path, "also.ckpt", step=torch.tensor(200))
    series = open_series(tmp_path)
    assert [(point.step, point.path.name) for point in series.points] == [
        (100, "step=100.ckpt"),
        (200, "also.ckpt"),
        (300, "last.ckpt"),
    ]


def test_what_cannot_be_ordered_is_skipped_with_a_reason(tmp_path):
    write(tmp_path, "step=1.pt", "step=2.pt", "epoch=7.pt", "best.pt", "model-00001-of-00002.bin")
    (tmp_path / "broken.pt").write_bytes(b"PK\x03\x04")
    series = open_series(tmp_path)
    assert [point.step for point in series.points] == [1, 2]
    reasons = {one.path.name: one.reason for one in series.skipped}
    assert set(reasons) == {"epoch=7.pt", "best.pt", "model-00001-of-00002.bin", "broken.pt"}
    assert "epochs" in reasons["epoch=7.pt"]
    assert "shard" in reasons["model-00001-of-00002.bin"]


def test_a_folder_without_checkpoints_gets_a_sentence(tmp_path):
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        open_series(tmp_path)
    write(tmp_path, "best.pt")
    with pytest.raises(CheckpointError, match="whose step is known"):
        open_series(tmp_path)
    with pytest.raises(CheckpointError, match="not a folder"):
        open_series(tmp_path / "best.pt")
