"""Bounded curves, against the same rows kept whole in numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vqcore.history import History, Points
from vqcore.training import envelope
from vqcore.training.envelope import MOST_BUCKETS, GrowingEnvelope
from vqcore.training.history import EXACT_ROWS, LOSSES, MEASURED, Recorder

MEGABYTE = 10**6
values = st.floats(-1e6, 1e6, width=32) | st.sampled_from([np.nan, np.inf, -np.inf])


def recorded(rows: np.ndarray, **settings) -> Recorder:
    recorder = Recorder(1, **settings)
    for step, row in enumerate(torch.from_numpy(rows), start=1):
        recorder.add_losses(step, *row)
    return recorder


def expected(values: np.ndarray, points: Points) -> np.ndarray:
    """Least, mean and greatest finite value of the rows that each point stands for; steps count from 1."""
    found, start = [], 0
    for stop in points.last_step:
        rows = values[start:stop].astype(np.float64)
        rows = rows[np.isfinite(rows)]
        found.append((rows.min(), rows.mean(), rows.max()) if len(rows) else (np.nan,) * 3)
        start = stop
    return np.array(found)


@settings(max_examples=40, deadline=None)
@given(
    rows=hnp.arrays(np.float32, st.tuples(st.integers(1, 300), st.just(2)), elements=values),
    cuts=st.lists(st.integers(1, 60), min_size=1, max_size=20),
)
def test_every_bucket_is_the_least_mean_and_greatest_finite_value_of_its_rows(rows, cuts):
    steps, start = np.arange(1, len(rows) + 1), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(envelope, "MOST_BUCKETS", 16)
        growing = GrowingEnvelope(("a", "b"))
        for cut in (*cuts, len(rows)):
            stop = min(start + cut, len(rows))
            if stop > start:
                growing.add(steps[start:stop], rows[start:stop])
            start = stop
        found = growing.envelope()
    assert found.rows.sum() == len(rows)
    assert len(found.rows) <= 16
    assert len(set(found.rows[:-1])) <= 1  # one size, a power of two, but for the newest
    assert all(int(size).bit_count() == 1 for size in found.rows[:-1])
    assert np.array_equal(found.last_step, np.cumsum(found.rows))
    assert np.array_equal(found.first_step[1:], found.last_step[:-1] + 1)
    for index, name in enumerate("ab"):
        points = Points(
            found.last_step, found.rows, found.finite[name], found.low[name], found.mean[name], found.high[name]
        )
        low, mean, high = expected(rows[:, index], points).T
        np.testing.assert_array_equal(points.low, low.astype(np.float32))
        np.testing.assert_array_equal(points.high, high.astype(np.float32))
        np.testing.assert_allclose(points.mean, mean, rtol=1e-5, atol=1e-3)
        ends = zip(found.last_step - found.rows, found.last_step, strict=True)
        assert points.finite.tolist() == [np.isfinite(rows[a:b, index]).sum() for a, b in ends]


def test_the_newest_rows_are_kept_bit_for_bit_and_older_ones_join_them_without_a_gap():
    rows = np.random.default_rng(0).lognormal(size=(40_000, 3)).astype(np.float32)
    rows[::997, 1] = np.nan
    history = recorded(rows).history()
    assert EXACT_ROWS <= len(history.step) <= 2 * EXACT_ROWS
    for index, name in enumerate(LOSSES):
        np.testing.assert_array_equal(history.losses[name], rows[-len(history.step) :, index])
        points = history.points(name)
        assert points.last_step[-1] == points.rows.sum() == len(rows)
        assert (np.cumsum(points.rows) == points.last_step).all()
        np.testing.assert_allclose(np.stack(points[3:], 1), expected(rows[:, index], points), rtol=1e-6)
        assert points.finite.sum() == np.isfinite(rows[:, index]).sum()


def test_a_history_handed_out_does_not_change():
    rows = np.random.default_rng(1).normal(size=(3000, 3)).astype(np.float32)
    recorder = recorded(rows, exact_rows=256)
    before = recorder.history()
    then = [np.copy(part) for part in before.points("task_loss")]
    for step, row in enumerate(torch.from_numpy(rows), start=len(rows) + 1):
        recorder.add_losses(step, *row)
    for part, was in zip(before.points("task_loss"), then, strict=True):
        np.testing.assert_array_equal(part, was)
    for array in (before.step, before.losses["task_loss"], before.past_losses.mean["task_loss"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@given(st.integers(0, 3100))
def test_a_history_cut_at_a_step_holds_nothing_later(step):
    cut = THREE_THOUSAND.until(step)
    points = cut.points("task_loss")
    assert (points.last_step <= step).all()
    bucket = THREE_THOUSAND.past_losses.rows.max()
    assert points.rows.sum() > min(step, 3000) - bucket
    assert len(cut.step) == max(0, min(step, 3000) - 3000 + len(THREE_THOUSAND.step))


def the_three_thousand() -> History:
    rows = np.random.default_rng(2).normal(size=(3000, 3)).astype(np.float32)
    return recorded(rows, exact_rows=256).history()


THREE_THOUSAND = the_three_thousand()


def test_the_curves_of_a_million_steps_stay_below_twenty_megabytes():
    """As `Trainer` records them: losses at every step, measurements at every fifth."""
    recorder, steps = Recorder(1), 10**6
    some, measured = torch.randn(997, len(LOSSES)), list(torch.randn(len(MEASURED)))
    scalars = [list(row) for row in some]
    for step in range(1, steps + 1):
        recorder.add_losses(step, *scalars[step % 997])
        if step % 5 == 0:
            recorder.add_measured(step, [measured])
    history, level = recorder.history(), recorder._measured[0].nbytes
    print(f"\n{recorder.nbytes / MEGABYTE:.2f} MB; with 3 levels {(recorder.nbytes + 2 * level) / MEGABYTE:.2f} MB")
    assert recorder.nbytes + 2 * level <= 20 * MEGABYTE
    assert history.points("task_loss").rows.sum() == steps
    assert history.points("perplexity").rows.sum() == steps // 5
    assert len(history.past_losses.rows) <= MOST_BUCKETS
    np.testing.assert_array_equal(history.losses["task_loss"], some[history.step % 997, 0].numpy())
