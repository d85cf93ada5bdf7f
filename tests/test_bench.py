import importlib.util
import json
import resource
import statistics
import subprocess
import sys

import pytest
import torch

from vqcore.bench import probe, quantizer, run_files, session, variants
from vqcore.bench.doctor_cost import cost_table
from vqcore.cli import main


def test_the_ratio_is_of_two_rates_measured_in_this_run():
    row = session.bench_session("plane", rounds=3, seconds=0.4)
    assert row["bare_steps_per_second"] > 0
    assert row["watched_steps_per_second"] > 0
    assert row["ratio_lowest"] <= row["ratio"] <= row["ratio_highest"]


def test_variants_side_by_side_are_counted_all_together():
    row = variants.bench_variants("plane", rounds=3, seconds=0.4)
    assert row["variants"] == 4
    assert row["ratio_lowest"] <= row["ratio"] <= row["ratio_highest"]
    assert 0.3 < row["cpu_ratio"] < 2  # counted once instead of four times it would be a quarter of that


def test_the_verb_reports_every_problem_asked_for(monkeypatch, capsys):
    measured = {"bare_steps_per_second": 10.0, "watched_steps_per_second": 9.5, "rounds": 1, "device": "cpu"}
    ratios = {"ratio": 0.95, "ratio_lowest": 0.9, "ratio_highest": 1.0}
    monkeypatch.setattr("vqcore.cli.bench_session", lambda problem: {"problem": problem, **measured, **ratios})
    together = {"variants": 4, "session_steps_per_second": 9.5, "cpu_ratio": 0.97}
    monkeypatch.setattr("vqcore.cli.bench_variants", lambda problem: {**measured, **ratios, **together})
    assert main(["bench", "session", "plane", "digits", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["problem"] for row in rows] == ["plane", "digits"]
    assert [row["side_by_side"]["cpu_ratio"] for row in rows] == [0.97, 0.97]
    assert main(["bench", "session"]) == 0
    assert "ratio 0.950 (0.900 to 1.000 over 1 rounds)" in capsys.readouterr().out


def test_a_problem_that_is_not_there_is_refused(capsys):
    assert main(["bench", "session", "nope"]) == 2
    assert "`problem` must be one of" in capsys.readouterr().err


@pytest.fixture
def no_peers(monkeypatch):
    """As where neither peer is installed; importing one is an error then."""
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in quantizer.PEERS else real(name))
    for module in quantizer.PEERS:
        monkeypatch.setitem(sys.modules, module, None)


def test_the_quantizer_is_measured_in_one_document(no_peers, capsys):
    assert main(["bench", "quantizer", "--quick", "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    report = json.loads(out)
    on_cpu = [row for row in report["rows"] if row["device"] == "cpu"]
    assert [row["what"] for row in on_cpu] == ["layer", "search", "growth"]
    search = on_cpu[1]
    assert (search["n"], search["d"], search["k"]) == (64, 4, 16)
    assert set(search["seconds"]) == set(search["peak_bytes"]) == {"ours", "z @ C.T, argmin"}
    assert search["peak_bytes"]["z @ C.T, argmin"] >= 64 * 16 * 4
    assert set(search["ratios"]) == {"z @ C.T, argmin"}


def test_a_peer_that_is_not_installed_is_said_in_one_sentence(no_peers, capsys):
    assert main(["bench", "quantizer", "--quick"]) == 0
    out = capsys.readouterr().out
    assert "faiss-cpu is not installed; its columns are left out." in out
    assert "vector-quantize-pytorch is not installed; its columns are left out." in out
    assert "FAISS" not in out
    assert "search on cpu, N=64 D=4 K=16" in out


def test_ratios_are_of_the_two_times_of_one_repeat(monkeypatch):
    times = {"ours": iter([1.0, 2.0, 6.0]), "peer": iter([2.0, 8.0, 4.0])}
    runs = {name: (lambda name=name: name) for name in times}
    monkeypatch.setattr(quantizer, "_seconds", lambda run, device: next(times[run()]))
    row = quantizer._compare(runs, "cpu", 3)
    assert row["seconds"] == {"ours": 2.0, "peer": 4.0}
    assert row["ratios"]["peer"] == {"median": statistics.median([0.5, 0.25, 1.5]), "lowest": 0.25, "highest": 1.5}


def test_peak_memory_is_the_most_held_at_once():
    def run():
        for _ in range(3):
            torch.ones(1000).add(1.0)

    assert quantizer._peak_bytes(run, "cpu") == pytest.approx(8000, abs=200)


def test_what_does_not_fit_in_memory_is_said_and_not_timed():
    def too_large():
        raise torch.OutOfMemoryError

    row = quantizer._compare({"ours": lambda: None, "peer": too_large}, "cpu", 1)
    assert row["seconds"]["peer"] is None
    assert row["ratios"] == {}
    size = {"what": "search", "device": "cpu", "n": 1, "d": 1, "k": 1}
    report = {"torch": "2", "threads": 1, "repeats": 1, "missing": [], "rows": [{**size, **row}]}
    assert "does not fit in memory" in quantizer.table(report)


def test_the_quantizer_bench_takes_no_problem(capsys):
    assert main(["bench", "quantizer", "plane"]) == 2
    assert "`bench quantizer` takes no problem" in capsys.readouterr().err


def test_the_page_bench_says_what_it_lacks(monkeypatch, capsys):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "playwright" else real(name))
    assert main(["bench", "page"]) == 2
    assert "`bench page` needs playwright: pip install" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("plane digits", "`bench page` takes one problem, but got plane digits"),
        ("nope", "`problem` must be one of"),
        ("plane --browsers 0", "`--browsers` from 1"),
        ("plane --no-picture --minutes 1", "leave out `--no-picture`"),
    ],
)
def test_the_page_bench_refuses_in_a_sentence(words, sentence, capsys):
    assert main(["bench", "page", *words.split()]) == 2
    assert sentence in capsys.readouterr().err


def test_the_page_bench_reports_what_the_dashboards_own_found(monkeypatch, capsys):
    asked = []

    def run(command, **_):
        asked.append(command[1:4])
        return subprocess.CompletedProcess(command, 0, json.dumps({"refreshes": 7, "summary": "7 refreshes"}), "")

    monkeypatch.setattr(subprocess, "run", run)
    assert main(["bench", "page", "plane", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["refreshes"] == 7
    assert asked == [["-m", "app.bench", "plane"]]


def test_the_projection_bench_takes_no_problem(capsys):
    assert main(["bench", "projection", "plane"]) == 2
    assert "`bench projection` takes no problem" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")  # umap's own, of what it is imported with
def test_ratios_of_layouts_are_of_one_moment_and_movements_know_no_turn():
    from vqcore.bench import projection

    assert projection._ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]
    layout = torch.randn(50, 2, generator=torch.Generator().manual_seed(0)).numpy()
    turned = layout[:, ::-1] + 3
    moved = layout.copy()
    moved[:25] += 0.2
    still, some = projection._movements([layout, turned, moved])
    assert still == pytest.approx(0, abs=1e-5)
    assert 0 < some < 0.2


@pytest.mark.filterwarnings("ignore")
def test_the_projection_is_measured_in_one_document(capsys):
    assert main(["bench", "projection", "--quick", "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    report = json.loads(out)
    (row,), (grown,) = report["rows"], report["growth"]
    assert (row["n"], row["d"], grown["n"]) == (120, 16, 120)
    for name in ("first_ratio", "refresh_ratio", "peer_seconds"):
        assert 0 < row[name]["lowest"] <= row[name]["median"] <= row[name]["highest"]
    assert 0.5 < row["refresh_trust"]["median"] <= 1
    assert row["movement"]["median"] < row["peer_movement"]["median"]


@pytest.mark.parametrize("name", probe.MODELS)
def test_models_of_the_probes_bench_give_back_the_shape_of_their_batch(name):
    make, shape = probe.MODELS[name]
    small = (1, shape[1], *(size // 8 for size in shape[2:]))
    trained = probe.Trained(make, small)
    assert torch.isfinite(trained.step())
    encoder, quantizer, decoder = trained.model.children()
    assert decoder(quantizer(encoder(torch.zeros(small)))[0]).shape == small


def test_a_long_run_on_disk_has_all_of_its_lines(tmp_path):
    found = run_files.long_run(tmp_path / "run", 1000)
    assert (found["recorded"], found["steps"]) == (10, 1000)
    assert 10 < found["megabytes"] < 100


def test_every_run_that_is_listed_is_judged(tmp_path):
    found = run_files.listed(tmp_path, 3)
    assert (found["runs"], found["judged"]) == (3, 3)


def test_an_examinations_cost_is_that_of_a_process_of_its_own(capsys):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert main(["bench", "doctor", "cost", "--quick", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["cost"]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    assert (row["num_codes"], row["dim"], row["num_latents"], row["exit_code"]) == (8, 4, 10_000, 0)
    assert 0 < row["cpu_seconds"] == pytest.approx(spent, abs=0.05)
    assert row["first_line_seconds"] <= row["seconds"]
    assert 50e6 < row["peak_bytes"] <= used.ru_maxrss * 1024
    assert "bounds: first line within 2 s" in cost_table([row])


def test_what_the_doctors_bench_cannot_measure_is_refused(capsys):
    assert main(["bench", "doctor", "patches"]) == 2
    assert "takes gallery, cost or both" in capsys.readouterr().err
