import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vqcore.quantizer import nearest
from vqcore.quantizer.nearest import nearest_codes


def distances(vectors: torch.Tensor, codebook: torch.Tensor) -> np.ndarray:
    """All N · K Euclidean distances in float64, from the definition."""
    difference = vectors.double().numpy()[:, None] - codebook.double().numpy()[None]
    return np.sqrt(np.square(difference).sum(-1))


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 40),
    k=st.integers(1, 40),
    d=st.integers(1, 9),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    offset=st.sampled_from([0.0, 100.0]),
    seed=st.integers(0, 2**16),
)
def test_no_other_code_is_nearer_than_the_one_found(n, k, d, scale, offset, seed):
    generator = torch.Generator().manual_seed(seed)
    vectors = scale * (torch.randn(n, d, generator=generator) + offset)
    codebook = scale * (torch.randn(k, d, generator=generator) + offset)
    codes = nearest_codes(vectors, codebook)
    assert codes.shape == (n,)
    assert codes.dtype == torch.int64
    if n:
        all_distances = distances(vectors, codebook)
        found = all_distances[np.arange(n), codes.numpy()]
        # float32 keeps about 7 digits of the coordinates themselves
        tolerance = 1e-5 * scale * (1 + abs(offset)) * d**0.5
        assert (found <= all_distances.min(1) + tolerance).all()


def test_codes_agree_with_brute_force_across_block_borders(monkeypatch):
    monkeypatch.setattr(nearest, "VECTORS_PER_BLOCK", 7)
    monkeypatch.setattr(nearest, "CODES_PER_BLOCK", 5)
    generator = torch.Generator().manual_seed(3)
    vectors, codebook = torch.randn(50, 4, generator=generator), torch.randn(23, 4, generator=generator)
    assert nearest_codes(vectors, codebook).tolist() == distances(vectors, codebook).argmin(1).tolist()


def test_among_equal_codes_the_lowest_index_wins(monkeypatch):
    monkeypatch.setattr(nearest, "CODES_PER_BLOCK", 2)
    codebook = torch.tensor([[5.0, 5.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    assert nearest_codes(torch.tensor([[0.0, 0.9]]), codebook).tolist() == [1]


def test_half_precision_is_searched_in_float32():
    codebook = torch.tensor([[1000.0], [1001.0]])
    vectors = torch.tensor([[1000.0]], dtype=torch.float16)
    assert nearest_codes(vectors, codebook).tolist() == [0]


@pytest.mark.parametrize(
    ("vectors", "codebook"),
    [
        (torch.zeros(3, 2), torch.zeros(4, 3)),
        (torch.zeros(3, 2), torch.zeros(0, 2)),
        (torch.zeros(3), torch.zeros(4, 3)),
    ],
)
def test_shapes_that_do_not_fit_are_refused_with_both_named(vectors, codebook):
    with pytest.raises(ValueError, match=r"`vectors` must be \(N, D\).*got shapes"):
        nearest_codes(vectors, codebook)
