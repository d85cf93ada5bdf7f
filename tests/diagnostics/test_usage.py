import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from vqcore.diagnostics.usage import active_codes, count_codes, enough_to_judge, expected_active, perplexity
from vqcore.quantizer.usage import perplexity as perplexity_on_device


def on_the_device(counts):
    return perplexity_on_device(torch.tensor(counts)).item()


both = pytest.mark.parametrize(("measure", "rel"), [(perplexity, 1e-9), (on_the_device, 1e-5)])


@both
@given(counts=st.lists(st.integers(0, 1000), min_size=1, max_size=50).filter(any))
def test_perplexity_is_the_exponential_of_scipys_entropy(counts, measure, rel):
    assert measure(counts) == pytest.approx(np.exp(entropy(counts)), rel=rel)
    assert 1 - rel <= measure(counts) <= len(counts) * (1 + rel)


@both
@given(counts=st.lists(st.integers(0, 1000), min_size=1, max_size=50).filter(any))
def test_perplexity_sees_shares_alone_and_neither_order_nor_unused_codes(counts, measure, rel):
    alike = [0, *(3 * count for count in reversed(counts))]
    assert measure(alike) == pytest.approx(measure(counts), rel=2 * rel)


@both
@pytest.mark.parametrize("num_codes", [1, 2, 7, 4096])
def test_of_codes_used_alike_perplexity_counts_them(num_codes, measure, rel):
    assert measure([12] * num_codes + [0, 0]) == pytest.approx(num_codes, rel=rel)


@both
def test_without_an_assignment_there_is_no_perplexity(measure, rel):
    assert np.isnan(measure([0, 0]))


def test_without_an_assignment_no_code_is_active():
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
