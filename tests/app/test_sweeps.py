"""Seeds beside each other: quartiles, tables and sentences, against numbers written here."""

import numpy as np
import pytest

from app.sessions.sweeps import MethodResult, Sweep, comparisons, curve, table
from vqcore.trajectories.lockstep import trajectories
from vqcore.trajectories.setting import Setting

SECONDS = 120


def result(
    gap: float, reached: float = 5.0, loss: tuple[float, ...] = (1.0, 2.0), diverged: bool = False
) -> MethodResult:
    summary = {"reached": reached, "final loss": gap, "gradient gap": gap, "delay": -gap}
    return MethodResult(summary, {"loss": np.array(loss, dtype=np.float32)}, diverged)


def test_a_curve_has_the_quartiles_of_what_is_finite_at_each_step() -> None:
    results = [{"STE": result(1, loss=(value, np.nan, value))} for value in (1.0, 2.0, 3.0, 4.0, 5.0)]
    results.append({"STE": result(1, loss=(np.nan, np.nan, np.inf))})
    found = curve(results, "STE", "loss")
    for part, expected in ((found.low, 2.0), (found.median, 3.0), (found.high, 4.0)):
        np.testing.assert_array_equal(part, np.array([expected, np.nan, expected], dtype=np.float32))


def test_the_table_says_how_often_the_minimum_was_not_reached_and_a_path_diverged() -> None:
    results = [{"STE": result(1, reached=step)} for step in (4.0, 6.0, np.nan)]
    results.append({"STE": result(1, reached=np.nan, diverged=True)})
    (row,) = table(results)
    assert row["reached"] == "5 (4.5 – 5.5), not reached 2 of 4"
    assert row["diverged"] == "1 of 4"
    (row,) = table([{"STE": result(1, reached=np.nan)}])
    assert row["reached"] == "not reached 1 of 1"


def test_the_sentences_count_the_seeds_and_leave_out_those_without_a_number() -> None:
    gaps = [(1.0, 2.0), (2.0, 1.0), (1.0, np.nan)]
    results = [{"STE": result(ste), "sync": result(own)} for own, ste in gaps]
    (said,) = comparisons(results)
    assert said.startswith(
        "Compared with STE, sync reduced the gradient gap in 1 of 2 seeds, the delay in 1 of 2 seeds"
    )
    assert comparisons([{"sync": result(1)}]) == []


def test_a_sweep_is_each_seeds_own_paths() -> None:
    setting = Setting(steps=4, methods=("STE", "sync"), codes=((0.0, 0.0),) * 12, seed=7)
    sweep = Sweep(setting, seeds=2)
    sweep.start()
    assert sweep.wait(SECONDS)
    assert not sweep.is_running
    assert not sweep.problem
    for number, found in enumerate(sweep.results):
        for path in trajectories(Setting(steps=4, methods=("STE", "sync"), seed=7 + number)):
            assert found[path.method].summary == pytest.approx(path.summary(), nan_ok=True)
    sweep.stop()


def test_a_sweep_that_is_stopped_ends_and_keeps_what_is_done() -> None:
    sweep = Sweep(Setting(steps=3, methods=("STE",)), seeds=100_000)
    sweep.start()
    sweep.stop()
    assert not sweep.is_running
    assert len(sweep.results) < 100_000


def test_paths_that_diverge_leave_gaps() -> None:
    sweep = Sweep(Setting(steps=6, methods=("STE",), learning_rate=100.0), seeds=1)
    sweep.start()
    assert sweep.wait(SECONDS)
    (found,) = sweep.results
    assert found["STE"].diverged
    assert len(found["STE"].measures["loss"]) == 6
    assert np.isnan(found["STE"].measures["loss"][-1])
    sweep.stop()
