"""Centres that were found are not sought again, and are what a search finds."""

import numpy as np
import pytest

from vqcore.quantizer.kmeans import kmeans_codebook
from vqcore.training import kmeans_memory
from vqcore.training.kmeans_memory import remembered_codebook
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer

VECTORS = np.random.default_rng(0).standard_normal((200, 3)).astype(np.float32)


@pytest.fixture
def searches(monkeypatch) -> list[int]:
    """Of how many vectors each search was, from an empty memory on."""
    sought: list[int] = []

    def seek(vectors, num_codes, *, seed):
        sought.append(len(vectors))
        return kmeans_codebook(vectors, num_codes, seed=seed)

    monkeypatch.setattr(kmeans_memory, "_found", {})
    monkeypatch.setattr(kmeans_memory, "kmeans_codebook", seek)
    return sought


def test_the_same_is_sought_once_and_nobody_can_spoil_it_for_the_next(searches):
    remembered_codebook(VECTORS, 8, seed=0)[:] = np.nan
    np.testing.assert_array_equal(remembered_codebook(VECTORS.copy(), 8, seed=0), kmeans_codebook(VECTORS, 8, seed=0))
    assert searches == [200]


@pytest.mark.parametrize(
    "other", [(VECTORS + 1, 8, 0), (VECTORS.reshape(100, 6), 8, 0), (VECTORS, 9, 0), (VECTORS, 8, 1)]
)
def test_anything_else_is_sought(searches, other):
    vectors, num_codes, seed = other
    remembered_codebook(VECTORS, 8, seed=0)
    found = remembered_codebook(vectors, num_codes, seed=seed)
    np.testing.assert_array_equal(found, kmeans_codebook(vectors, num_codes, seed=seed))
    assert len(searches) == 2


def test_a_refusal_is_not_remembered_and_only_the_last_few_are(searches):
    for _ in range(2):
        with pytest.raises(ValueError, match="distinct"):
            remembered_codebook(VECTORS, 300, seed=0)
    for seed in (*range(10), 9, 0):
        remembered_codebook(VECTORS, 4, seed=seed)
    assert len(searches) == 2 + 10 + 1  # the ninth was known, the first no more
    assert len(kmeans_memory._found) == kmeans_memory._MOST


def test_variants_of_one_seed_start_from_one_search(searches):
    recipe = default_recipe("plane", device="cpu", code_init="kmeans")
    one, other = Trainer(recipe), Trainer(default_recipe("plane", device="cpu", code_init="kmeans", sync=0.5))
    assert len(searches) == 1
    assert np.array_equal(one.snapshots()[0].codebook, other.snapshots()[0].codebook)
