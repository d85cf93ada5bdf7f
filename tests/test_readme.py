"""What the README tells a reader to type works."""

import re
from pathlib import Path

import pytest
import torch

from vqcore import load_run
from vqcore.cli import main
from vqcore.nn import VectorQuant
from vqcore.starts.catalogue import PHOTOGRAPH
from vqcore.training.trainer import Trainer

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_probe_in_it_records_the_run_that_it_names(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, _ = blocks("python")
    layer = VectorQuant(feature_size=4, num_codes=8)

    def train_on(batch):
        _, info = layer(batch)
        return info["loss"].item()

    batches = torch.randn(51, 16, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    exec(code, {"model": torch.nn.Sequential(layer), "batches": batches, "train_on": train_on})
    (folder,) = re.findall(r'out="([^"]+)"', code)
    assert list(load_run(folder).snapshots) == [0, 50]


def test_the_python_in_it_runs():
    _, code = blocks("python")
    names: dict = {}
    exec(code, names)
    assert names["z_q"].shape == (64, 8, 8, 32)
    assert names["codes"].shape == (64, 8, 8)
    assert names["commitment_loss"].shape == ()
    assert names["quantizer"].options.sync == 0.5
    assert names["features"].shape == (64, 32, 8, 8)
    assert names["info"]["q"].shape == (64, 8, 8, 1)


def test_its_training_commands_are_understood(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    lines = [line for block in blocks("bash") for line in block.splitlines() if "-m vqcore train" in line]
    assert len(lines) == 3
    for line in lines:
        words = re.sub(r"--(steps|at) \d+", r"--\1 3", line.split("-m vqcore ")[1]).split()
        assert main(words) == 0, line
    assert capsys.readouterr().err == ""


def test_the_collapse_that_it_tells_of_is_the_one_a_reader_sees():
    steps, of = re.search(r"after (\d+) steps the run\s+stands still with two of (\d+) codes in use", README).groups()
    trainer = Trainer(PHOTOGRAPH.recipe(device="cpu"))
    assert (PHOTOGRAPH.pause_at, trainer.recipe.num_codes) == (int(steps), int(of))
    for _ in range(PHOTOGRAPH.pause_at):
        trainer.step()
    assert trainer.snapshot().held_out.in_use == pytest.approx(2, abs=1)  # another processor rounds otherwise


@pytest.mark.parametrize(
    "path", [*re.findall(r"\((\.github/[^)]+)\)", README), "LICENSE", "tests/run.sh", "app/main.py"]
)
def test_the_files_it_names_are_there(path):
    assert (ROOT / path).is_file()
