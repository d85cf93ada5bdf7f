import numpy as np
import pytest

from vqcore.quantizer.kmeans import kmeans_codebook


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
