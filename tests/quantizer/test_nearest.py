import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vqcore.quantizer import nearest
from vqcore.quantizer.nearest import Block, nearest_codes


def distances(vectors: torch.Tensor, codebook: torch.Tensor) -> np.ndarray:
    """All N · K Euclidean distances in float64, from the definition."""
    difference = vectors.double().numpy()[:, None] - codebook.double().numpy()[None]
    return np.sqrt(np.square(difference).sum(-1))


def drawn(n: int, k: int, d: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator), torch.randn(k, d, generator=generator)


def assert_nearest(codes: torch.Tensor, vectors: torch.Tensor, codebook: torch.Tensor) -> None:
    """Each code is the brute force's, or as near as float32 can tell."""
    assert codes.shape == (len(vectors),)
    assert codes.dtype == torch.int64
    if len(vectors) == 0:
        return
    every = distances(vectors, codebook)
    found, nearest_of_all = every[np.arange(len(vectors)), codes.numpy()], every.min(1)
    largest = max(vectors.double().abs().max().item(), codebook.double().abs().max().item())
    # float32 keeps about 7 digits of the coordinates themselves
    tolerance = 1e-5 * largest * vectors.shape[1] ** 0.5
    assert (found <= nearest_of_all + tolerance).all()


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(nearest, "block_for", lambda device: Block(2, 7, 5))


@settings(max_examples=100, deadline=None)
@given(
    n=st.integers(0, 40),
    k=st.integers(1, 40),
    d=st.integers(1, 9),
    scale=st.sampled_from([1e-30, 1e-18, 1e-6, 1.0, 1e6, 1e18, 1e30]),
    offset=st.sampled_from([0.0, 100.0]),
    duplicates=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_no_other_code_is_nearer_than_the_one_found(n, k, d, scale, offset, duplicates, seed):
    vectors, codebook = (scale * (values + offset) for values in drawn(n, k, d, seed))
    if duplicates:
        codebook[k // 2 :] = codebook[0].clone()
    codes = nearest_codes(vectors, codebook)
    assert_nearest(codes, vectors, codebook)
    if duplicates and n:
        assert codes.max() < max(1, k // 2)


@pytest.mark.parametrize("is_of_one_length", [False, True])
@pytest.mark.parametrize(("n", "k", "d"), [(3, 8, 4), (2, 600, 9), (5_000, 513, 64), (64, 4_100, 16)])
def test_of_equal_codes_the_first_is_found(n, k, d, is_of_one_length):
    vectors, base = drawn(n, k // 3, d)
    if is_of_one_length:  # unequal codes whose norms are equal, too
        base = torch.nn.functional.normalize(base)
    codebook = base[torch.arange(k) % len(base)]
    codes = nearest_codes(vectors, codebook)
    assert codes.max() < len(base)
    assert_nearest(codes, vectors, codebook)


@pytest.mark.parametrize(("n", "k"), list(itertools.product([1, 13, 14, 15, 28, 50], [1, 4, 5, 6, 23])))
def test_codes_agree_with_brute_force_across_block_borders(small_blocks, n, k):
    vectors, codebook = drawn(n, k, 4)
    assert nearest_codes(vectors, codebook).tolist() == distances(vectors, codebook).argmin(1).tolist()


def test_codes_agree_with_brute_force_at_real_block_sizes():
    vectors, codebook = drawn(4_099, 1_100, 8)
    expected = torch.cdist(vectors.double(), codebook.double()).argmin(1)
    assert (nearest_codes(vectors, codebook) == expected).float().mean() > 0.999
    assert_nearest(nearest_codes(vectors[:500], codebook), vectors[:500], codebook)


def test_the_way_of_an_accelerator_finds_the_same_codes():
    scores = torch.randn(3, 20, 6)
    scores[:, 11] = scores[:, 4]
    values, indices = nearest._largest(scores)
    assert torch.equal(values, scores.amax(1).flatten())
    assert torch.equal(indices, scores.argmax(1).flatten())


def test_among_equal_codes_the_lowest_index_wins(small_blocks):
    codebook = torch.tensor([[5.0, 5.0], *[[0.0, 1.0]] * 12])
    assert nearest_codes(torch.tensor([[0.0, 0.9]]), codebook).tolist() == [1]


@pytest.mark.parametrize("scale", [2.0**-120, 2.0**-60, 2.0**60, 2.0**120])
def test_a_power_of_two_changes_no_code(scale):
    vectors, codebook = drawn(200, 60, 5)
    assert torch.equal(nearest_codes(vectors * scale, codebook * scale), nearest_codes(vectors, codebook))


def test_vectors_far_larger_or_smaller_than_the_codebook_still_get_their_code():
    codebook = torch.tensor([[-1.0], [0.0], [1.0]])
    for huge, small in ((1e25, 1.0), (1e18, 1e-6), (1.0, 1e-18)):
        vectors = huge * torch.tensor([[-1.0], [1.0]])
        assert nearest_codes(vectors, small * codebook).tolist() == [0, 2]
    assert nearest_codes(torch.tensor([[1e-30]]), codebook).tolist() == [1]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_vector_that_is_not_finite_gets_some_code_of_the_codebook(small_blocks, value):
    vectors, codebook = drawn(9, 23, 4)
    vectors[4] = value
    codes = nearest_codes(vectors, codebook)
    assert ((codes >= 0) & (codes < 23)).all()
    others = torch.arange(9) != 4
    assert codes[others].tolist() == distances(vectors[others], codebook).argmin(1).tolist()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_searched_in_float32(dtype):
    codebook = torch.tensor([[1000.0], [1001.0]])
    assert nearest_codes(torch.tensor([[1000.0]], dtype=dtype), codebook).tolist() == [0]
    vectors, codes = (values.to(dtype) for values in drawn(300, 70, 6))
    assert torch.equal(nearest_codes(vectors, codes), nearest_codes(vectors.float(), codes.float()))


def test_float64_is_searched_in_float64():
    codebook = torch.tensor([[1.0], [1.0 + 1e-12]], dtype=torch.float64)
    assert nearest_codes(codebook + 1e-14, codebook).tolist() == [0, 1]


def test_autocast_changes_nothing():
    vectors, codebook = drawn(300, 70, 6)
    with torch.autocast("cpu", torch.bfloat16):
        codes = nearest_codes(vectors, codebook)
    assert torch.equal(codes, nearest_codes(vectors, codebook))


def test_where_short_products_are_allowed_float32_is_split_into_parts_they_hold(monkeypatch):
    vectors, codebook = drawn(2_000, 300, 16)
    parts = nearest._parts(vectors)
    assert all(torch.equal(part.bfloat16().float(), part) for part in parts)
    assert torch.equal(sum(part.double() for part in parts), vectors.double())

    real, seen = torch.bmm, []

    def short_bmm(left, right, *, out):
        """What tensor cores do with float32 when told to hurry."""
        seen.append(left.shape[-1])
        return real(left.bfloat16().float(), right.bfloat16().float(), out=out)

    expected = nearest_codes(vectors, codebook)
    monkeypatch.setattr(torch, "bmm", short_bmm)
    torch.set_float32_matmul_precision("medium")
    try:
        codes = nearest_codes(vectors, codebook)
    finally:
        torch.set_float32_matmul_precision("highest")
    assert set(seen) == {6 * 17}
    assert_nearest(codes, vectors, codebook)
    assert (codes == expected).float().mean() > 0.999


def test_no_gradient_is_kept():
    vectors, codebook = (values.requires_grad_() for values in drawn(9, 4, 3))
    assert not nearest_codes(vectors, codebook).requires_grad


class LargestTensor(TorchDispatchMode):
    """Remembers the storage of the largest tensor that any operation returned."""

    nbytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor):
                self.nbytes = max(self.nbytes, leaf.untyped_storage().nbytes())
        return out


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nothing_beyond_codes_and_a_block_is_held_at_any_n(monkeypatch, dtype):
    monkeypatch.setattr(nearest, "block_for", lambda device: Block(2, 32, 32))
    block = 2 * 32 * 32 * 4
    for n in (1_000, 4_000):
        vectors, codebook = (values.to(dtype) for values in drawn(n, 500, 3))
        with LargestTensor() as largest:
            # The operator itself, since a mode does not look inside it.
            nearest.search(vectors, codebook)
        inputs = vectors.untyped_storage().nbytes()
        assert block <= largest.nbytes <= max(block, 8 * n, inputs)


def test_the_operator_keeps_what_torch_asks_of_one():
    vectors, codebook = drawn(9, 4, 3)
    torch.library.opcheck(torch.ops.vqcore.nearest_codes.default, (vectors, codebook))


def test_compile_takes_the_search_as_one_operation():
    compiled = torch.compile(
        lambda vectors, codes: nearest_codes(vectors, codes) + 1, fullgraph=True, backend="eager"
    )
    vectors, codebook = drawn(50, 20, 4)
    assert torch.equal(compiled(vectors, codebook), nearest_codes(vectors, codebook) + 1)


def test_neither_import_nor_call_loads_the_compiler():
    """Loading torch._dynamo takes seconds, and the dashboard would wait for them."""
    source = (
        "import sys, torch\n"
        "from vqcore.quantizer.nearest import nearest_codes\n"
        "nearest_codes(torch.zeros(3, 2), torch.zeros(4, 2))\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", source], check=True, timeout=120, env=os.environ)


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
