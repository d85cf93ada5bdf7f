import numpy as np
import pytest

from vqcore.checkpoints.search_order import Arrangement
from vqcore.diagnostics.limits import vectors_needed
from vqcore.doctor.measuring import (
    HOPELESS_WORK,
    SAMPLE,
    SEARCH_WORK,
    measure,
    measure_arranged,
    measure_levels,
    vectors_to_search,
)

ONE = Arrangement(((0,),), (False,))


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
    with pytest.raises(ValueError, match="no latents to measure"):
        measure([], 0, np.zeros((4, 2), np.float32))


def test_a_random_part_of_many_vectors_is_searched_and_all_of_them_are_summed_up(generator):
    z_e = (generator.standard_normal((30_000, 4)) * [1, 2, 3, 4]).astype(np.float32)
    codebook = z_e[:40]
    (found,) = measure_arranged(blocks_of(z_e, 999), len(z_e), ONE, [codebook], searched=7_000)
    rows = np.sort(np.random.default_rng(0).choice(len(z_e), 7_000, replace=False, shuffle=False))
    squared = np.square(z_e[rows, None].astype(np.float64) - codebook).sum(2)
    np.testing.assert_array_equal(found.counts, np.bincount(squared.argmin(1), minlength=40))
    assert found.searched == 7_000
    assert found.latents.error == pytest.approx(squared.min(1).mean(), rel=1e-5)
    assert found.latents.num_vectors == 30_000
    np.testing.assert_allclose(found.latents.mean, z_e.mean(0, dtype=np.float64), rtol=1e-9)
    np.testing.assert_allclose(found.latents.variance, z_e.var(0, dtype=np.float64), rtol=1e-9)
    searched = {row.tobytes() for row in z_e[rows]}
    assert all(row.tobytes() in searched for row in found.latents.sample)


def test_as_many_are_searched_as_there_is_work_for_but_never_too_few_to_judge():
    tables = [np.zeros((16_384, 256), np.float32)]
    assert vectors_to_search(10_000, ONE, tables) == 10_000
    some = vectors_to_search(10**6, ONE, tables)
    assert vectors_needed(16_384) <= some < 10**6
    assert 2 * some * 16_384 * 256 <= SEARCH_WORK
    huge = [np.zeros((262_144, 16), np.float32)]  # usage of so many codes takes 5 million vectors
    assert 2 * vectors_to_search(10**6, ONE, huge) * 262_144 * 16 <= HOPELESS_WORK
    wide = [np.zeros((16_384, 4_096), np.float32)]
    assert vectors_to_search(10**9, ONE, wide) == vectors_needed(16_384)


def test_a_codebook_that_serves_two_levels_is_measured_over_both(generator):
    z_e, codebook = generator.standard_normal((600, 3)), generator.standard_normal((9, 3))
    shared = Arrangement(((0, 0),), (False,))
    vectors, table = z_e.astype(np.float32), codebook.astype(np.float32)
    (found,) = measure_arranged(blocks_of(vectors, 250), 600, shared, [table], searched=600)
    first = np.square(vectors[:, None] - table).sum(2).argmin(1)
    left = vectors - table[first]
    second = np.square(left[:, None] - table).sum(2).argmin(1)
    np.testing.assert_array_equal(found.counts, np.bincount(first, minlength=9) + np.bincount(second, minlength=9))
    asked = np.concatenate([vectors, left])
    np.testing.assert_allclose(found.latents.mean, asked.mean(0), atol=1e-6)
    np.testing.assert_allclose(found.latents.variance, asked.var(0), rtol=1e-5)


def test_progress_is_told_and_can_end_the_work(generator):
    z_e = generator.standard_normal((1_000, 3)).astype(np.float32)
    told = []
    measure_arranged(
        blocks_of(z_e, 400), 1_000, ONE, [z_e[:5]], searched=100, progress=lambda *done: told.append(done)
    )
    assert list(dict.fromkeys(told)) == [(400, 1_000), (800, 1_000), (1_000, 1_000)]

    def enough(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        measure_arranged(blocks_of(z_e, 400), 1_000, ONE, [z_e[:5]], searched=100, progress=enough)
