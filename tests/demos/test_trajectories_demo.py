"""The command line of the toy: what it prints is what the paths say."""

import json

import numpy as np
import pytest

from demos.trajectories import main
from vqcore.trajectories.lockstep import trajectories
from vqcore.trajectories.setting import Setting

FEW = ["--seeds", "3", "--steps", "40"]


def report(capsys, *words: str) -> dict:
    assert main([*FEW, "--json", *words]) == 0
    out, _ = capsys.readouterr()
    return json.loads(out)


def test_it_prints_quartiles_over_seeds_and_counts_what_was_not_reached(capsys):
    printed = report(capsys, "--loss", "rosenbrock")
    runs = [trajectories(Setting(landscape="rosenbrock", steps=40, seed=seed)) for seed in range(3)]
    for index, (method, columns) in enumerate(printed["methods"].items()):
        rows = [paths[index].summary() for paths in runs]
        assert runs[0][index].method == method
        for measure in ("final loss", "gradient gap", "delay"):
            assert columns[measure][1] == pytest.approx(np.median([row[measure] for row in rows]))
        assert columns["not reached"] == [sum(np.isnan(row["reached"]) for row in rows)]


def test_a_claim_is_counted_on_the_seeds_not_written_down(capsys):
    printed = report(capsys)
    runs = [{path.method: path.summary() for path in trajectories(Setting(steps=40, seed=s))} for s in range(3)]
    for claim in printed["claims"]:
        method, other = claim["claim"].split(" has less ")[0], claim["claim"].split(" than ")[1]
        measure = claim["claim"].split(" has less ")[1].split(" than ")[0]
        assert claim["held"] == sum(run[method][measure] < run[other][measure] for run in runs)


def test_the_sweep_counts_from_the_seed_given_with_as_many_points_and_that_nu(capsys, monkeypatch):
    monkeypatch.setattr("demos.trajectories.POINTS", (3,))
    monkeypatch.setattr("demos.trajectories.NUS", (0.3, 2.0))
    printed = report(capsys, "--sweep", "--seed-from", "7")
    assert [(row["points"], row["nu"]) for row in printed["sweep"]] == [(3, 0.3), (3, 2.0)]
    for row in printed["sweep"]:
        (claim,) = [claim for claim in row["claims"] if claim["claim"] == "sync has less delay than STE"]
        held = 0
        for seed in (7, 8, 9):
            setting = Setting(steps=40, seed=seed, points=3, nu=row["nu"], methods=("sync", "STE"))
            sync, plain = (path.summary()["delay"] for path in trajectories(setting))
            held += sync < plain
        assert (claim["held"], claim["seeds"]) == (held, 3)


def test_the_table_names_every_method(capsys):
    assert main([*FEW, "--all"]) == 0
    out, _ = capsys.readouterr()
    for method in ("no quantization", "alternating + sync", "EMA", "rotation"):
        assert f"\n{method} " in out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--loss", "bowl"], "'bowl'"),
        (["--codes", "0"], "num_codes"),
        (["--seeds", "0"], "--seeds"),
        (["--seed-from", "-1"], "--seed-from"),
        (["--html", "x.html"], "`vqscope trajectories --html OUT`"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_exit_code_2(capsys, words, named):
    assert main([*FEW, *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert named in err
    assert err.count("\n") == 1
