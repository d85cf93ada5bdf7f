import numpy as np
import pytest
import torch

from vqcore.quantizer.kmeans import kmeans_codebook, kmeans_start_
from vqcore.quantizer.layer import VectorQuantizer
from vqcore.quantizer.residual import ResidualQuantizer


def test_well_separated_clusters_are_found():
    centres = np.array([[0, 0], [10, 0], [0, 10]], dtype=np.float32)
    generator = np.random.default_rng(0)
    vectors = (centres[generator.integers(3, size=300)] + 0.1 * generator.standard_normal((300, 2))).astype(
        np.float32
    )
    found = kmeans_codebook(vectors, 3, seed=0)
    gaps = np.linalg.norm(found[:, None] - centres[None], axis=2)
    assert sorted(gaps.argmin(1)) == [0, 1, 2]
    assert gaps.min(1).max() < 0.1


@pytest.mark.parametrize("vectors", [np.zeros((99, 4)), np.repeat(np.arange(396.0).reshape(99, 4), 5, axis=0)])
def test_fewer_distinct_vectors_than_codes_is_an_error_never_a_smaller_codebook(vectors):
    with pytest.raises(ValueError, match=r"as many distinct vectors as codes, but got \d+ for num_codes=100"):
        kmeans_codebook(vectors.astype(np.float32), 100, seed=0)


def test_as_many_vectors_as_codes_gives_back_the_vectors():
    vectors = np.random.default_rng(1).standard_normal((20, 3)).astype(np.float32)
    found = kmeans_codebook(vectors, 20, seed=0)
    np.testing.assert_allclose(np.sort(found, axis=0), np.sort(vectors, axis=0), rtol=1e-5)


@pytest.mark.parametrize("share", [False, True])
def test_a_residual_start_leaves_less_over_at_every_level(share):
    vectors = 5 + torch.randn(800, 8, generator=torch.Generator().manual_seed(0))
    layer = ResidualQuantizer(64, 8, 4, share=share).eval()
    kmeans_start_(layer, vectors, seed=0)
    _, levels = layer.quantize(vectors)
    left = [float((level.z_e - level.z_q).square().sum(1).mean()) for level in levels]
    assert left == sorted(left, reverse=True)
    plain = VectorQuantizer(64, 8).eval()
    kmeans_start_(plain, vectors, seed=0)
    _, (only,) = plain.quantize(vectors)
    assert left[-1] < 0.6 * float((only.z_e - only.z_q).square().sum(1).mean())


def test_a_failed_start_changes_no_level():
    layer = ResidualQuantizer(8, 2, 2)
    before = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    vectors = torch.randn(8, 2).repeat(4, 1)  # eight places for the first level, one for the second
    with pytest.raises(ValueError, match="distinct"):
        kmeans_start_(layer, vectors, seed=0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in layer.state_dict().items())
