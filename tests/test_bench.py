import json

from vqcore import bench
from vqcore.cli import main


def test_the_ratio_is_of_two_rates_measured_in_this_run():
    row = bench.bench_session("plane", rounds=3, seconds=0.4)
    assert row["bare_steps_per_second"] > 0
    assert row["watched_steps_per_second"] > 0
    assert row["ratio_lowest"] <= row["ratio"] <= row["ratio_highest"]


def test_the_verb_reports_every_problem_asked_for(monkeypatch, capsys):
    measured = {"bare_steps_per_second": 10.0, "watched_steps_per_second": 9.5, "rounds": 1, "device": "cpu"}
    ratios = {"ratio": 0.95, "ratio_lowest": 0.9, "ratio_highest": 1.0}
    monkeypatch.setattr("vqcore.cli.bench_session", lambda problem: {"problem": problem, **measured, **ratios})
    assert main(["bench", "session", "plane", "digits", "--json"]) == 0
    assert [row["problem"] for row in json.loads(capsys.readouterr().out)] == ["plane", "digits"]
    assert main(["bench", "session"]) == 0
    assert "ratio 0.950 (0.900 to 1.000 over 1 rounds)" in capsys.readouterr().out


def test_a_problem_that_is_not_there_is_refused(capsys):
    assert main(["bench", "session", "nope"]) == 2
    assert "`problem` must be one of" in capsys.readouterr().err
