import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from vqcore.diagnostics.usage import active_codes, count_codes, enough_to_judge, expected_active, perplexity


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=50).filter(any))
def test_perplexity_is_the_exponential_of_scipys_entropy(counts):
    assert perplexity(counts) == pytest.approx(np.exp(entropy(counts)))
    assert 1 - 1e-9 <= perplexity(counts) <= len(counts) + 1e-9


def test_without_an_assignment_there_is_no_perplexity():
    assert np.isnan(perplexity([0, 0]))
    assert active_codes([0, 0]) == 0


def test_expected_active_agrees_with_drawing_codes_at_random():
    generator = np.random.default_rng(0)
    for vectors, codes in ((10, 50), (200, 64), (4096, 512)):
        drawn = np.mean(
            [active_codes(count_codes(generator.integers(codes, size=vectors), codes)) for _ in range(400)]
        )
        assert expected_active(vectors, codes) == pytest.approx(drawn, rel=0.02)
    assert expected_active(7, 1) == 1.0


def test_a_verdict_needs_enough_vectors():
    assert not enough_to_judge(0, 1)
    assert enough_to_judge(1, 1)
    assert not enough_to_judge(1000, 512)
    assert enough_to_judge(204_800, 512)


def test_codes_are_counted_whatever_their_shape():
    assert count_codes([[0, 2], [2, 2]], 4).tolist() == [1, 0, 3, 0]
