"""`vqscope watch` on a folder of checkpoints that a training fills, which needs no line of code in it."""

import json
import os
from pathlib import Path

import pytest
import torch

from vqcore.cli import main
from vqcore.runs import telling

K, D = 64, 8


def save(folder: Path, step: int, used: int = K, name: str = "checkpoint-{}.pt") -> Path:
    """An EMA codebook as vector-quantize-pytorch saves it, `used` of its codes in use."""
    table = 3 * torch.rand(1, K, D, generator=torch.Generator().manual_seed(0)) + 0.01 * step
    counts = torch.zeros(1, K)
    counts[:, :used] = 20_000 / used
    state = {"embed": table, "cluster_size": counts, "embed_avg": table * counts[..., None], "initted": torch.ones(1)}
    folder.mkdir(exist_ok=True)
    path = folder / name.format(step)
    torch.save({f"vq._codebook.{key}": value for key, value in state.items()}, path)
    return path


@pytest.fixture
def between(monkeypatch):
    """What happens at each wait between two looks; then somebody presses Ctrl-C."""
    things = []

    def wait(_: float) -> None:
        if not things:
            raise KeyboardInterrupt
        things.pop(0)()

    monkeypatch.setattr(telling.time, "sleep", wait)
    return things


def test_each_checkpoint_is_examined_once_when_it_has_come(tmp_path, capsys, between):
    folder = tmp_path / "checkpoints"
    save(folder, 0)
    whole = save(tmp_path / "elsewhere", 100, used=1).read_bytes()

    def half() -> None:
        (folder / "checkpoint-100.pt").write_bytes(whole[: len(whole) // 2])

    def complete() -> None:
        (folder / "checkpoint-100.pt").write_bytes(whole)

    between += [half, lambda: None, lambda: None, complete, lambda: None, lambda: save(folder, 200)]
    assert main(["watch", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" · ")[1] for line in lines if line.startswith("step ")] == [
        "checkpoint-0.pt",
        "checkpoint-100.pt",
        "checkpoint-200.pt",
    ]
    assert sum(line.startswith("skipped") for line in lines) == 1  # half a file that stayed so for a look
    began = [line for line in lines if line.startswith("  SEVERE")]
    assert began
    assert all(line.endswith("since step 0 to 100") for line in began)
    assert any(line.startswith("  gone") and "index-collapse" in line for line in lines)
    assert lines[-1].endswith("newest step 200")


def test_once_ends_with_the_doctors_exit_code_and_names_what_it_skipped(tmp_path, capsys):
    for step, used in ((0, K), (100, 1)):
        save(tmp_path, step, used)
    (tmp_path / "checkpoint-50.pt").write_bytes(b"PK\x03\x04 torn")
    assert main(["watch", str(tmp_path), "--once", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["steps"] == [0, 100]
    assert [Path(one["file"]).name for one in report["skipped"]] == ["checkpoint-50.pt"]
    assert report["verdict"]["condition"] == "index-collapse"
    (alert,) = [one for one in report["alerts"] if one["condition"] == "index-collapse"]
    assert (alert["after"], alert["by"]) == (0, 100)
    assert main(["doctor", str(tmp_path), "--json"]) == 1


def test_a_file_written_over_is_new_and_a_lower_step_begins_again(tmp_path, capsys, between):
    save(tmp_path, 300)
    between += [lambda: os.utime(tmp_path / "checkpoint-300.pt", (1, 1)), lambda: save(tmp_path, 100, used=1)]
    assert main(["watch", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line[:14] for line in lines if line.startswith("step ")] == ["step       300"] * 2 + ["step       100"]
    assert "a training begins again at step 100" in lines
    assert not any("since step" in line for line in lines)


def test_a_folder_with_nothing_to_watch_gives_one_sentence(tmp_path, capsys):
    assert main(["watch", str(tmp_path)]) == 2
    assert "no run, no checkpoint and no event file" in capsys.readouterr().err
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "run.json").write_text("{}")
    assert main(["watch", str(tmp_path)]) == 2
    assert "holds a run. Name it: one." in capsys.readouterr().err
