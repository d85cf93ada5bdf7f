import numpy as np
import pytest

from vqcore.doctor.measuring import SAMPLE, measure, measure_levels


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def blocks_of(vectors, size):
    return (vectors[start : start + size] for start in range(0, len(vectors), size))


def test_blocks_give_what_all_at_once_would(generator):
    z_e = (5 + generator.standard_normal((20_000, 6)) * [1, 2, 3, 4, 5, 6]).astype(np.float32)
    codebook = z_e[:50]
    one, many = measure([z_e], len(z_e), codebook), measure(blocks_of(z_e, 777), len(z_e), codebook)
    np.testing.assert_array_equal(one.counts, many.counts)
    np.testing.assert_array_equal(one.latents.sample, many.latents.sample)
    np.testing.assert_allclose(many.latents.mean, z_e.mean(0, dtype=np.float64), rtol=1e-9)
    np.testing.assert_allclose(many.latents.variance, z_e.var(0, dtype=np.float64), rtol=1e-9)
    assert many.latents.error == pytest.approx(one.latents.error)
    assert len(many.latents.sample) == SAMPLE
    rows = {row.tobytes() for row in z_e}
    assert all(row.tobytes() in rows for row in many.latents.sample)


def test_different_vectors_are_counted_up_to_ten_a_code(generator):
    kinds = generator.standard_normal((37, 4)).astype(np.float32)
    z_e = kinds[generator.integers(37, size=5_000)]
    assert measure(blocks_of(z_e, 100), len(z_e), kinds[:20]).latents.distinct == 37
    assert measure(blocks_of(z_e, 100), len(z_e), kinds[:2]).latents.distinct == 20


def test_cosine_sees_directions_alone(generator):
    z_e, codebook = generator.standard_normal((2, 500, 4)).astype(np.float32)
    lengths = generator.uniform(0.1, 10, (500, 1)).astype(np.float32)
    plain, scaled = (measure([vectors], 500, codebook[:9], cosine=True) for vectors in (z_e, z_e * lengths))
    np.testing.assert_array_equal(plain.counts, scaled.counts)
    unit = [vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (z_e, codebook[:9])]
    np.testing.assert_array_equal(plain.counts, np.bincount((unit[0] @ unit[1].T).argmax(1), minlength=9))


def test_each_level_measures_what_the_one_before_left_over(generator):
    z_e = generator.standard_normal((1_000, 3)).astype(np.float32)
    first, second = generator.standard_normal((2, 8, 3)).astype(np.float32)
    levels = measure_levels(blocks_of(z_e, 300), len(z_e), [first, second])
    nearest = np.square(z_e[:, None] - first).sum(2).argmin(1)
    left = z_e - first[nearest]
    assert levels[1].latents.energy == pytest.approx(levels[0].latents.error, rel=1e-5)
    alone = measure([left], len(left), second)
    np.testing.assert_array_equal(levels[1].counts, alone.counts)


def test_no_vector_is_refused():
    with pytest.raises(ValueError, match="not one latent"):
        measure([], 0, np.zeros((4, 2), np.float32))
