"""A training that is killed and gone on with, against one that nobody stopped."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_equal

from vqcore.cli import main
from vqcore.runs.reading import load_run
from vqcore.training.checkpoint import load_checkpoint, save_checkpoint
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer

LIVELY = {
    "plane": default_recipe("plane", device="cpu", replace_every=7, affine="running", sync=0.5, code_init="kmeans"),
    "learned": default_recipe(
        "plane", device="cpu", affine="learned", inner_steps=2, warmup_steps=9, cosine_steps=50
    ),
    "residual": default_recipe(
        "digits", device="cpu", structure="residual", levels=2, codebook_update="ema", replace_every=5
    ),
    "norms": default_recipe("vqvae", device="cpu", data="digits", width=4, image_size=8, batch_size=8, num_codes=32),
}


def train(trainer: Trainer, until: int) -> None:
    while trainer.steps_done < until:
        trainer.step()
        if trainer.steps_done == 12:
            trainer.apply({"replace": "now", "beta": 0.5})


def everything(trainer: Trainer) -> dict[str, np.ndarray]:
    seen = trainer.snapshot()
    columns = {**seen.history.losses, **seen.history.measured}
    columns |= {f"held_out.{name}": values for name, values in seen.history.held_out.items()}
    columns |= {name: value.numpy() for name, value in trainer.model.state_dict().items()}
    columns |= {name: value.numpy() for name, value in trainer.quantizer.state_dict().items()}
    columns |= {"counts": seen.counts, "placed": seen.placed_at, "through time": seen.history.usage.counts}
    return columns


@pytest.mark.parametrize(
    ("name", "at"), [("plane", 0), ("plane", 23), ("learned", 12), ("residual", 12), ("norms", 23)]
)
def test_what_is_gone_on_with_is_bit_for_bit_what_was_never_stopped(name: str, at: int, tmp_path: Path) -> None:
    whole, stopped = Trainer(LIVELY[name]), Trainer(LIVELY[name])
    train(whole, 40)
    train(stopped, at)
    save_checkpoint(tmp_path / "run.pt", stopped, {"steps": 40})
    again, told = load_checkpoint(tmp_path / "run.pt")
    assert (told, again.recipe, again.options) == ({"steps": 40}, stopped.recipe, stopped.options)
    train(again, 40)
    assert again.events == whole.events
    expected, found = everything(whole), everything(again)
    assert expected.keys() == found.keys()
    different = [key for key in expected if not np.array_equal(expected[key], found[key], equal_nan=True)]
    assert different == []


def losses(folder: Path) -> list[str]:
    return [row["task_loss"] for row in csv.DictReader((folder / "losses.csv").read_text().splitlines())]


def untimed(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "time"}


def test_a_run_killed_at_any_moment_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    """A process of its own, ended by SIGKILL while it saves as often as it can, then gone on with here."""
    words = ["train", "plane", "--steps", "200", "--device", "cpu", "--at", "100", "sync=0.5", "--out"]
    folder = tmp_path / "killed"
    command = [sys.executable, "-m", "vqcore", *words, str(folder), "--save-every", "0.05"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ends = time.monotonic() + 60
    while not (folder / "checkpoint.pt").exists() and time.monotonic() < ends and process.poll() is None:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = torch.load(folder / "checkpoint.pt", weights_only=True)["remembered"]["steps_done"]
    assert done < 200
    assert main(["train", "--resume", str(folder)]) == 0
    assert main([*words, str(tmp_path / "whole")]) == 0
    assert losses(folder) == losses(tmp_path / "whole")
    assert len(losses(folder)) == 200
    ended, whole = load_run(folder), load_run(tmp_path / "whole")
    assert [one["step"] for one in ended.lines] == [*range(0, 201, 10)]
    assert [untimed(one) for one in ended.lines] == [untimed(one) for one in whole.lines]
    assert (ended.state, ended.events, ended.snapshots) == ("finished", whole.events, whole.snapshots)
    for step in whole.snapshots:
        assert_equal(ended.snapshot(step)["quantizer"]._asdict(), whole.snapshot(step)["quantizer"]._asdict())


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch) -> None:
    trainer = Trainer(LIVELY["plane"])
    save_checkpoint(tmp_path / "run.pt", trainer, {})
    before = (tmp_path / "run.pt").read_bytes()
    trainer.step()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(tmp_path / "run.pt", trainer, {})
    assert (tmp_path / "run.pt").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train"], "needs a problem, or a run to go on with"),
        (["train", "--resume", "{}"], "holds none"),
        (["train", "plane", "--resume", "{}"], "beside it stands at most --steps"),
        (["train", "plane", "--epochs", "1", "--steps", "9"], "without --steps"),
        (["train", "plane", "--warmup-epochs", "1"], "needs --epochs"),
    ],
)
def test_bad_words_are_one_sentence(words: list[str], said: str, tmp_path: Path, capsys) -> None:
    assert main([word.format(tmp_path) for word in words]) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_no_checkpoint_runs_nothing(tmp_path: Path, capsys) -> None:
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"format": 1, "recipe": Evil()}, tmp_path / "checkpoint.pt")
    assert main(["train", "--resume", str(tmp_path)]) == 2
    assert "must name a run that this version has kept" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()


def test_epochs_are_passes_over_the_training_inputs_and_their_warm_up_ends_in_a_cosine(capsys) -> None:
    assert main(["train", "plane", "--epochs", "2", "--warmup-epochs", "1", "--device", "cpu", "--json"]) == 0
    assert '"steps": 32' in (out := capsys.readouterr().out)
    assert '"warmup_steps": 16' in out
    assert '"cosine_steps": 32' in out
