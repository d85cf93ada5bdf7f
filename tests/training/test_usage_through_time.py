"""Usage in equal spans since the first step, against counts of all codes kept whole."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vqcore.training import usage_window
from vqcore.training.usage_window import MOST_COLUMNS, UsageWindow

K = 5


def counted(batches: np.ndarray, num_codes: int = K) -> UsageWindow:
    window = UsageWindow(num_codes, torch.device("cpu"))
    for codes in torch.from_numpy(batches):
        window.add(codes)
    return window


@settings(max_examples=30, deadline=None)
@given(num_steps=st.integers(0, 300), seed=st.integers(0, 100))
def test_every_span_counts_its_own_steps_and_together_they_are_all(num_steps, seed):
    batches = np.random.default_rng(seed).integers(K, size=(num_steps, 7))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(usage_window, "MOST_COLUMNS", 16)
        found = counted(batches).through_time()
    assert len(found.counts) <= 16
    lengths = found.last_step - found.first_step + 1
    assert lengths.sum() == num_steps
    assert all(int(length).bit_count() == 1 for length in lengths[:-1])
    assert len(set(lengths[:-1])) <= 1
    for first, last, counts in zip(found.first_step, found.last_step, found.counts, strict=True):
        assert counts.tolist() == np.bincount(batches[first - 1 : last].ravel(), minlength=K).tolist()
    longest = lengths.max(initial=1)
    for code, born in enumerate(found.born.tolist()):
        used_at = 1 + np.flatnonzero((batches == code).any(1))
        if len(used_at) == 0:
            assert born == -1
        else:
            assert born <= used_at[0] < born + longest
            assert born == used_at[0] or used_at[0] > 16  # exact while a span is a step


def test_what_was_handed_out_does_not_change_and_cannot_be_written_to():
    batches = np.random.default_rng(0).integers(K, size=(2 * MOST_COLUMNS, 7))
    window = counted(batches[:-5])
    before = window.through_time()
    then = before.counts.copy()
    for codes in torch.from_numpy(batches[-5:]):
        window.add(codes)
    np.testing.assert_array_equal(before.counts, then)
    with pytest.raises(ValueError, match="read-only"):
        before.counts[0] = 0


def test_many_codes_have_fewer_spans():
    window = counted(np.zeros((300, 1), int), num_codes=65_536)
    assert window.through_time().counts.nbytes <= 4 * usage_window.MOST_CELLS
