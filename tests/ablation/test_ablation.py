"""An ablation's numbers against trainings of its own, its judgement against scipy, and its resume."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from vqcore.ablation import cell, running, tables
from vqcore.ablation.cell import gradient_gap
from vqcore.ablation.grid import default_rows, read_rows
from vqcore.ablation.published import relations
from vqcore.ablation.results import ResultRow, Results, read_results
from vqcore.ablation.significance import compared
from vqcore.cli import main
from vqcore.runs.listing import RunList
from vqcore.runs.reading import load_run
from vqcore.training.checkpoint import save_checkpoint
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer

GRID = [
    {"name": "plain", "set": {}},
    {"name": "a_b & 50%", "set": {"sync": 0.5}},
    {"name": "third", "set": {"beta": 0.5}},
]


def run(folder: Path, *more: str) -> int:
    grid = folder.parent / "grid.json"
    grid.write_text(json.dumps(GRID))
    words = ["ablation", "plane", "--seeds", "2", "--steps", "6", "--device", "cpu"]
    return main([*words, "--grid", str(grid), "--out", str(folder), *more])


def test_every_number_is_that_of_a_training_of_its_own(tmp_path: Path, capsys) -> None:
    assert run(tmp_path / "out", "--json") == 0
    capsys.readouterr()
    results = read_results((tmp_path / "out" / "results.json").read_bytes(), "results.json")
    assert [row.name for row in results.rows] == [row["name"] for row in GRID]
    for row in results.rows:
        for seed in (0, 1):
            trainer = Trainer(default_recipe("plane", device="cpu", seed=seed, **row.changes))
            for _ in range(6):
                trainer.step()
            expected = {name: value for name, value in trainer.evaluate()._asdict().items() if name != "levels"}
            found = dict(row.cells[seed]["metrics"])
            assert found.pop("gradient_gap") == pytest.approx(gradient_gap(trainer))
            assert found == expected
            assert row.cells[seed]["curves"]["task_loss"]["value"] == pytest.approx(
                trainer.snapshot().history.losses["task_loss"].tolist(), rel=1e-4
            )
    lines = [*csv.DictReader(io.StringIO((tmp_path / "out" / "table.csv").read_text()))]
    assert [float(line["task_loss"]) for line in lines] == [
        value for row in results.rows for value in row.values("task_loss").values()
    ]


def test_what_is_cancelled_goes_on_where_it_stopped(tmp_path: Path, monkeypatch, capsys) -> None:
    real, trained = running.trained, []

    def until_third(recipe, *rest):
        if len(trained) == 3:
            raise KeyboardInterrupt
        trained.append(recipe)
        return real(recipe, *rest)

    monkeypatch.setattr(running, "trained", until_third)
    assert run(tmp_path / "out") == 130
    out, err = capsys.readouterr()
    assert "Cancelled. The same command goes on from here" in err
    assert "| plain |" in out
    half = read_results((tmp_path / "out" / "results.json").read_bytes(), "")
    monkeypatch.setattr(running, "trained", lambda recipe, *rest: trained.append(recipe) or real(recipe, *rest))
    assert run(tmp_path / "out") == 0
    assert len(trained) == len(set(map(repr, trained))) == 6
    whole = read_results((tmp_path / "out" / "results.json").read_bytes(), "")
    assert whole.rows[0] == half.rows[0]
    assert all(len(row.cells) == 2 for row in whole.rows)


def test_a_row_is_judged_by_paired_seeds_and_never_by_one() -> None:
    draw = np.random.default_rng(0)
    first, second = ({seed: float(value) for seed, value in enumerate(draw.normal(size=5))} for _ in range(2))
    (found,) = compared(first, [second])
    expected = stats.ttest_rel([*second.values()], [*first.values()])
    assert found.p == pytest.approx(float(expected.pvalue))
    assert found.difference == pytest.approx(np.mean([*second.values()]) - np.mean([*first.values()]))
    assert np.isnan(compared({0: 1.0}, [{0: 2.0}])[0].p)
    shared = compared(first, [{seed: value for seed, value in second.items() if seed > 1}])
    assert shared[0].difference == pytest.approx(np.mean([second[seed] - first[seed] for seed in (2, 3, 4)]))


def test_the_gradient_gap_is_what_differences_of_the_loss_say() -> None:
    """On the plane the decoder is the identity and the loss ½·Σhᵢ·(zᵢ − xᵢ)², so the slope is hᵢ·(zᵢ − xᵢ)."""
    trainer = Trainer(default_recipe("plane", device="cpu"))
    curvature, inputs = torch.tensor([1.0, 10.0]), trainer.held_out.inputs[:256]
    with torch.no_grad():
        z_e = trainer.model.encode(inputs)
        z_q = trainer.quantizer(z_e).z_q
    gaps = [
        float((curvature * (q - e)).norm() / (curvature * (e - x)).norm())
        for e, q, x in zip(z_e.split(64), z_q.split(64), inputs.split(64), strict=True)
    ]
    assert gradient_gap(trainer) == pytest.approx(np.mean(gaps), rel=1e-5)


def test_tables_say_what_n_and_k_are_and_escape_names(tmp_path: Path, capsys) -> None:
    run(tmp_path / "out")
    capsys.readouterr()
    results = read_results((tmp_path / "out" / "results.json").read_bytes(), "")
    markdown, latex = tables.markdown(results), tables.latex(results)
    (tmp_path / "again.json").write_text(tables.grid(results))
    assert [(row.name, row.changes) for row in read_rows(tmp_path / "again.json")] == [
        (row["name"], row["set"]) for row in GRID
    ]
    assert "in use of 32" in markdown
    assert "N = 1,024 vectors" in markdown
    assert r"a\_b \& 50\%" in latex
    assert len({line.count("|") for line in markdown.splitlines() if line.startswith("|")}) == 1


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"format": 1, "about": {}, "rows": [{"name": "a"}]}', b"[" * 100_000, b"\xff\x00"]
)
def test_a_file_that_is_no_result_is_one_sentence(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"is what `python -m vqcore ablation` writes, but a\.json is not"):
        read_results(data, "a.json")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seeds", "0"], "`--seeds` must be a whole number from 1 to 100"),
        (["--set", "seed=3"], "`seed` is given by --seeds"),
        (["--epochs", "1", "--steps", "3"], "without --steps"),
    ],
)
def test_bad_words_train_nothing(words: list[str], said: str, tmp_path: Path, capsys) -> None:
    assert main(["ablation", "plane", "--out", str(tmp_path / "out"), *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_papers_ladder_has_a_row_for_each_remedy_alone_and_all_together() -> None:
    base = default_recipe("digits-classifier")
    recipes = {row.name: row.recipe(base, 0) for row in default_rows()}
    assert len(recipes) >= 10
    alone = [
        sum(getattr(r.options, n) != getattr(base.options, n) for n in ("affine", "sync", "replace_every"))
        for r in recipes.values()
    ]
    assert {0, 1, 3} <= set(alone)


def test_recorded_trainings_are_runs_and_change_no_number(tmp_path: Path, monkeypatch, capsys) -> None:
    """One of them is cut off at step 15 and goes on; another was there for other settings and is replaced."""
    words = ["ablation", "plane", "--seeds", "1", "--device", "cpu"]
    (tmp_path / "grid.json").write_text(json.dumps([{"name": "plain"}, {"name": "sync", "set": {"sync": 0.5}}]))
    words += ["--grid", str(tmp_path / "grid.json")]
    assert main([*words, "--steps", "20", "--out", str(tmp_path / "bare")]) == 0
    recorded = [*words, "--out", str(tmp_path / "out"), "--record"]
    assert main([*recorded, "--steps", "10"]) == 0

    def cut_off(path: Path, trainer: Trainer, told: dict) -> None:
        save_checkpoint(path, trainer, told)
        if trainer.steps_done == 15:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cell, "SAVE_SECONDS", -1.0)
        patch.setattr(cell, "save_checkpoint", cut_off)
        assert main([*recorded, "--steps", "20"]) == 130
    assert main([*recorded, "--steps", "20"]) == 0
    capsys.readouterr()
    bare, results = (read_results((tmp_path / of / "results.json").read_bytes(), "") for of in ("bare", "out"))
    for row, expected in zip(results.rows, bare.rows, strict=True):
        assert row.cells[0]["metrics"] == expected.cells[0]["metrics"]
    listed = RunList(tmp_path / "out").look()
    assert {one.name for one in listed} == {"cells/00-seed-0", "cells/01-seed-0"}
    for one, row in zip(sorted(listed, key=lambda one: one.name), results.rows, strict=True):
        run = load_run(one.folder)
        assert (run.state, run.about["steps"], [line["step"] for line in run.lines]) == ("finished", 20, [0, 10, 20])
        trainer = Trainer(default_recipe("plane", device="cpu", seed=0, **row.changes))
        for _ in range(20):
            trainer.step()
        assert np.array_equal(run.snapshot(20)["quantizer"].table, trainer.snapshot().codebook)


LADDER = (
    ({"beta": 0.99}, 90, 0.032),
    ({"beta": 0.9}, 7, 0.05),
    ({"affine": "learned", "inner_steps": 1, "sync": 0.5, "replace_every": 20}, 1000, 0.025),
)


def ladder(rows: Sequence[tuple[Mapping[str, Any], int, float]], problem: str = "vqvae") -> Results:
    def cells(in_use: int, loss: float) -> dict[int, dict[str, Any]]:
        metrics = {"task_loss": loss, "active_codes": in_use, "num_codes": 1024}
        return {seed: {"metrics": {**metrics, "task_loss": share * loss}} for seed, share in enumerate((0.9, 1.1))}

    named = (ResultRow(str(changes), changes, cells(in_use, loss)) for changes, in_use, loss in rows)
    return Results({"problem": problem}, tuple(named))


def test_the_papers_relations_are_held_against_what_was_found() -> None:
    found = relations(ladder(LADDER))
    assert [each.found for each in found] == ["0.7% at β = 0.9", "0.7%, 8.8% at 0.9, 0.99", "97.7%", "2.00 times"]
    assert all(each.holds for each in found)


@pytest.mark.parametrize(
    ("row", "in_use", "loss", "holds"),
    [
        (1, 72, 0.05, [False, True, True, True]),
        (0, 7, 0.032, [True, False, True, True]),
        (2, 921, 0.025, [True, True, False, True]),
        (2, 1000, 0.0313, [True, True, True, False]),
    ],
)
def test_a_relation_that_does_not_hold_is_said(row: int, in_use: int, loss: float, holds: list[bool]) -> None:
    rows = [*LADDER]
    rows[row] = (rows[row][0], in_use, loss)
    assert [each.holds for each in relations(ladder(rows))] == holds


@pytest.mark.parametrize(
    "results",
    [
        ladder(LADDER, "digits"),
        ladder([({"beta": "<b>"}, 7, 0.05), ({"beta": None}, 7, 0.05)]),
        ladder([({"beta": 0.9}, 7, 0.0)]),
        Results({}, ()),
        Results({"problem": "vqvae"}, (ResultRow("", {"beta": 0.9}, {}),)),
    ],
)
def test_nothing_is_said_of_what_cannot_be_compared(results: Results) -> None:
    assert relations(results) == []
