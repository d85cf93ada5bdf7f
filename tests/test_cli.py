import csv
import json
import subprocess
import sys

import pytest
import torch

from vqcore.cli import main
from vqcore.models.problems import NETWORKS
from vqcore.problems.catalogue import PROBLEMS
from vqcore.runs.reading import load_run
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer


def said(capsys, *words: str) -> dict:
    assert main([*words, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


def steps_in(path) -> list[int]:
    return [int(row["step"]) for row in csv.DictReader(path.read_text().splitlines())]


def test_problems_are_listed_with_their_options(capsys):
    report = said(capsys, "problems")
    assert [entry["name"] for entry in report] == ["patches", "digits", "digits-classifier", "plane", *NETWORKS]
    assert report[0]["settings"]["num_codes"] == 512
    assert report[0]["options"]["affine"] == "off"
    assert main(["problems"]) == 0
    assert "digits-classifier" in capsys.readouterr().out


def test_train_reports_what_the_design_promises(capsys):
    report = said(
        capsys,
        *["train", "digits", "--steps", "12", "--seed", "3", "--device", "cpu", "--set", "num_codes=40", "sync=0.5"],
        *["--at", "5", "affine=running", "--at", "8", "replace=now", "beta=0.5"],
    )
    assert (report["problem"], report["steps"], report["seed"], report["device"]) == ("digits", 12, 3, "cpu")
    assert (report["options"]["sync"], report["options"]["affine"], report["options"]["beta"]) == (
        0.5,
        "running",
        0.5,
    )
    assert report["settings"]["num_codes"] == report["metrics"]["num_codes"] == 40
    assert {"task_loss", "quantization_error", "perplexity", "active_codes"} <= set(report["metrics"])
    assert [event["step"] for event in report["events"]] == [5, 8, 8]
    assert report["seconds"] > 0


def test_levels_are_summed_up_in_a_line_each(capsys):
    words = ["train", "digits", "--steps", "10", "--device", "cpu", "--set", "structure=residual", "levels=3"]
    metrics = said(capsys, *words)["metrics"]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"in use          {metrics['active_codes']} of 384, all levels together" in lines
    for order, level in enumerate(metrics["levels"], start=1):
        assert (
            f"level {order}         perplexity {level['perplexity']:.1f}, in use {level['active_codes']}, "
            f"relative error {level['relative_error']:.3g}"
        ) in lines
    assert main([*words[:6], "--set", "structure=grouped", "levels=2"]) == 0
    assert "group 2         perplexity" in capsys.readouterr().out


def test_the_same_words_give_the_same_numbers(capsys):
    words = ["train", "digits", "--steps", "10", "--device", "cpu", "--at", "4", "replace_every=2"]
    one, two = said(capsys, *words), said(capsys, *words)
    assert one["metrics"] == two["metrics"]


def test_a_run_is_written_in_files_that_others_read_and_never_over_another(capsys, tmp_path):
    folder = tmp_path / "run"
    report = said(capsys, *["train", "digits-classifier", "--steps", "10", "--device", "cpu", "--out"], str(folder))
    assert json.loads((folder / "report.json").read_text()) == report
    assert steps_in(folder / "losses.csv") == list(range(1, 11))
    assert steps_in(folder / "measured.csv") == [5, 10]
    weights = torch.load(folder / "weights.pt", weights_only=True)
    assert weights["quantizer.raw_codebook"].shape == (128, 16)
    run = load_run(folder)
    assert (run.state, run.snapshots, run.about["recipe"]["seed"]) == ("finished", (0, 10), 0)
    of_run, of_page = run.lines[-1]["codebooks"]["quantizer"], report["page"]["held_out"]
    assert {name: of_run[name] for name in ("in_use", "perplexity")} == {
        name: of_page[name] for name in ("in_use", "perplexity")
    }
    assert main(["train", "digits", "--out", str(folder)]) == 2
    assert "already holds a run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            "train nope",
            f"`problem` must be one of {', '.join(PROBLEMS)}, but got 'nope'",
        ),
        ("train patches --set beta=2", "`beta` must be a number from 0 to 1, but got 2"),
        (
            "train patches --set affine=maybe",
            "`affine` must be one of off, learned, running, matrix, but got 'maybe'",
        ),
        ("train patches --steps -1", "`--steps` must be a whole number from 0 up, but got -1"),
        ("train patches --set num_codes=0", "`num_codes` must be a whole number from 1 to 65536, but got 0"),
        ("train digits --set num_codes=60000 code_init=kmeans", "k-means needs at least as many distinct vectors"),
        ("train digits --device cuda:97", "`device` must be auto or one this machine has"),
        ("train digits --at 5 num_codes=3", "`num_codes` is not a switch"),
        ("train digits --at 900 sync=1", "`--at` must begin with a step from 0 to --steps 200, but got '900'"),
        ("train digits --at 9", "`--at 9` must name what changes there"),
        ("train digits --steps many", "invalid int value: 'many'"),
        ("frobnicate", "invalid choice: 'frobnicate'"),
        ("train digits --steps 60 --set learning_rate=1e6", "became NaN or infinite at step"),
    ],
)
def test_bad_input_is_one_sentence_on_stderr_and_exit_code_2(capsys, words, sentence):
    try:
        code = main(words.split())
    except SystemExit as exit_:
        code = exit_.code
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert sentence in err
    assert len(err.strip().splitlines()) == 1


def test_the_module_runs_and_prints_no_progress_bar_into_a_pipe():
    done = subprocess.run(
        [sys.executable, "-m", "vqcore", "train", "plane", "--steps", "5", "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr == ""
    assert json.loads(done.stdout)["steps"] == 5


def test_a_seed_has_an_option_of_its_own(capsys):
    assert main(["train", "plane", "--steps", "1", "--set", "seed=3"]) == 2
    assert "Write --seed 3" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["train", "plane", "--out", ""], ["doctor", ""], ["doctor", "m.pt", "--repair", ""]], ids=" ".join
)
def test_an_empty_path_is_refused_and_nothing_is_written(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert "a path is needed, but it is empty" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_reader_who_has_read_enough_brings_no_traceback():
    command = [sys.executable, "-m", "vqcore", "problems"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_train_says_what_the_live_page_shows_at_that_step(capsys):
    assert main(["train", "digits-classifier", "--steps", "25", "--seed", "3", "--json"]) == 0
    page = json.loads(capsys.readouterr().out)["page"]
    trainer = Trainer(default_recipe("digits-classifier", seed=3))
    for _ in range(25):
        trainer.step()
    seen = trainer.snapshot()
    assert page["held_out"]["in_use"] == len(set(seen.codes.tolist()))
    right = seen.monitor_outputs.argmax(1) == seen.labels
    assert page["held_out"]["accuracy"] == pytest.approx(right.mean())
    assert page["touched"] == {"codes": int((seen.counts > 0).sum()), "batches": 25}
    assert page["newest_batch"]["task_loss"] == seen.history.losses["task_loss"][-1]
