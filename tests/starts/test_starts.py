import json

import pytest

from vqcore import cli
from vqcore.starts import command
from vqcore.starts.catalogue import STARTS
from vqcore.starts.checking import failed, judged, rows_of
from vqcore.starts.recorded import recorded
from vqcore.starts.start import Claims, Experiment, Start
from vqcore.training.recipe import changed
from vqcore.training.trainer import Trainer

TINY = Start(
    name="tiny",
    title="Tiny",
    about="",
    look_at="",
    problem="plane",
    settings={"num_codes": 16},
    pause_at=7,
    steps=9,
    experiments=(
        Experiment(name="Do nothing", changes={}),
        Experiment(
            name="Replacement",
            changes={"replace_every": 3},
            claims=Claims(task_loss_ratio_below=1e9, active_codes_ratio_above=1e9),
        ),
    ),
)


def test_an_experiment_is_the_same_training_with_its_switches_thrown_at_the_pause():
    rows = rows_of(TINY, 3)
    assert [row.experiment for row in rows] == ["Do nothing", "Replacement"]
    for row, experiment in zip(rows, TINY.experiments, strict=True):
        trainer = Trainer(TINY.recipe(3, device="cpu"))
        for step in range(TINY.pause_at + TINY.steps):
            if step == TINY.pause_at:
                assert trainer.evaluate().task_loss == row.at_pause.task_loss
                trainer.apply(experiment.changes)
            trainer.step()
        found = trainer.evaluate()
        assert row.outcome == (found.task_loss, found.active_codes, found.perplexity, None)


def test_a_claim_is_counted_against_the_same_seed_left_alone_and_fails_on_more_than_a_tenth():
    rows = [row for seed in range(10) for row in rows_of(TINY, seed)[:1]]
    better = [
        row._replace(
            experiment="Replacement",
            outcome=row.outcome._replace(task_loss=row.outcome.task_loss * (0.5 if row.seed else 2e9)),
        )
        for row in rows
    ]
    table = judged(TINY, [*rows, *better])
    (_, experiment) = table["experiments"]
    assert [(claim["claim"], claim["held"], claim["of"]) for claim in experiment["claims"]] == [
        ("task_loss_ratio_below", 9, 10),
        ("active_codes_ratio_above", 0, 10),
    ]
    assert [each["against"]["task_loss_ratio_below"] for each in experiment["seeds"][1:]] == pytest.approx([0.5] * 9)
    (sentence,) = failed(table)
    assert "active_codes_ratio_above" in sentence


def test_a_failed_claim_ends_with_exit_code_1_and_a_report_in_json(monkeypatch, capsys):
    monkeypatch.setattr(command, "STARTS", (TINY,))
    assert cli.main(["starts", "--check", "--seeds", "0-1", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["command"] == "python -m vqcore starts --check --seeds 0-1"
    assert report["starts"][0]["seeds"] == [0, 1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--check", "nope"], "`start` must be one of"),
        (["--seeds", "1-2"], "`--seeds` needs --check"),
        (["--check", "--seeds", "9-1"], "`--seeds` must be"),
    ],
)
def test_bad_words_give_one_sentence(words, said, capsys):
    assert cli.main(["starts", *words]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_the_list_says_all_that_another_program_needs_to_repeat_an_experiment(capsys):
    assert cli.main(["starts", "--json"]) == 0
    (name,) = report = json.loads(capsys.readouterr().out)
    assert name == "starts"
    assert [each["name"] for each in report["starts"]] == [start.name for start in STARTS]
    for each in report["starts"]:
        assert list(each) == ["name", "title", "problem", "settings", "pause_at", "steps", "experiments"]
        nothing = each["experiments"][0]
        assert (nothing["changes"], nothing["claims"]) == ({}, {})
        for experiment in each["experiments"]:
            assert list(experiment) == ["name", "changes", "claims"]
            assert set(experiment["claims"]) <= {
                "task_loss_ratio_below",
                "active_codes_ratio_above",
                "accuracy_above",
            }


@pytest.mark.parametrize("start", STARTS, ids=lambda start: start.name)
def test_experiments_are_live_changes_of_the_start_and_its_record_is_of_them(start):
    for experiment in start.experiments:
        changed(start.recipe(), experiment.changes)
    found = recorded(start.name)
    assert found is not None
    assert found.table["seeds"] == list(range(100, 120))
    for experiment, kept in zip(start.experiments, found.table["experiments"], strict=True):
        assert kept["name"] == experiment.name
        assert {claim["claim"]: claim["threshold"] for claim in kept["claims"]} == experiment.claims.made()
    assert failed(found.table) == []
