import json

import numpy as np
import pytest

from vqcore.cli import main
from vqcore.runs import following
from vqcore.runs.evidence import MOST_STEPS, evidence_at
from vqcore.runs.reading import load_run
from vqcore.runs.writing import RunWriter

K = 16
BOOK = {"name": "quantize", "num_codes": K, "dim": 2, "structure": "whole", "level": 0, "moved_by": "ema"}


def record(writer: RunWriter, step: int, used: int, vectors: int = 200, book: str = "quantize") -> None:
    codes = np.arange(vectors, dtype=np.int32) % used
    table = np.random.default_rng(0).normal(size=(K, 2)).astype(np.float32)
    arrays = {
        f"{book}/table": table,
        f"{book}/z_e": table[codes] + np.random.default_rng(step).normal(0, 0.1, (vectors, 2)).astype(np.float32),
        f"{book}/codes": codes,
        f"{book}/counts": np.bincount(codes, minlength=K),
    }
    writer.save(step, {name: np.ascontiguousarray(one) for name, one in arrays.items()}, {})
    numbers = {"in_use": used, "perplexity": float(used), "relative_error": 0.01}
    writer.append({"step": step, "loss": 0.5, "codebooks": {book: numbers}})


@pytest.fixture
def writer(tmp_path) -> RunWriter:
    return RunWriter(tmp_path / "run", {"codebooks": [BOOK]})


def test_a_run_is_followed_until_it_ends(writer, capsys, monkeypatch):
    """The wait between two looks is the moment at which the training goes on."""
    record(writer, 0, used=K)
    later = iter(
        [lambda: record(writer, 50, used=1), lambda: writer.append({"ended": 1.0, "error": "ValueError: <b>"})]
    )
    monkeypatch.setattr(following.time, "sleep", lambda seconds: next(later)())
    assert main(["watch", str(writer.folder)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("step")] == [
        "step         0 · loss 0.5 · quantize: 16 of 16 in use, perplexity 16, relative error 0.01",
        "step        50 · loss 0.5 · quantize: 1 of 16 in use, perplexity 1, relative error 0.01",
    ]
    assert any(line.startswith("  SEVERE") and "since step 0 to 50" in line for line in lines)
    assert lines[-1] == f"run      {writer.folder}, died: ValueError: <b>"


def test_once_does_not_wait_and_a_healthy_run_ends_with_0(writer, capsys):
    record(writer, 0, used=K)
    assert main(["watch", str(writer.folder), "--once", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["state"], report["steps"], report["verdict"]["severity"]) == ("running", [0], "healthy")


def test_a_folder_without_a_run_or_a_snapshot_gives_one_sentence(writer, tmp_path, capsys):
    assert main(["watch", str(tmp_path)]) == 2
    assert main(["watch", str(writer.folder), "--once"]) == 2
    assert capsys.readouterr().err.count("\n") == 2


@pytest.mark.parametrize(("used", "steps"), [(1, 3), (K, MOST_STEPS)])
def test_usage_is_summed_until_a_collapse_shows_or_to_be_sure_of_none(writer, used, steps):
    for step in range(0, 100, 10):
        record(writer, step, used=used, vectors=K)  # one vector a code: too few alone
    usage = evidence_at(load_run(writer.folder))["quantize"].usage
    assert usage.window == f"at least once in {steps} recorded steps, {100 - 10 * steps} to 90"
    assert usage.counts.tolist() == [steps * K // used] * used + [0] * (K - used)
