"""What is foretold of a remedy, against computations of its own and against live modules."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
import vector_quantize_pytorch as vqp
from saving import save, save_module
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans

from vqcore.checkpoints.effective import Known
from vqcore.checkpoints.order_in_file import quantizers_of, widths_of
from vqcore.checkpoints.reader import open_checkpoint
from vqcore.checkpoints.search_order import Arrangement
from vqcore.files.errors import CheckpointError
from vqcore.quantizer.grouped import GroupedQuantizer
from vqcore.quantizer.kmeans import kmeans_start_
from vqcore.quantizer.residual import ResidualQuantizer
from vqcore.remedies.halves import InMemory, halves_of, latents_in_memory
from vqcore.remedies.moves import REMEDIES, fitted
from vqcore.remedies.what_if import what_if, what_if_of

K, D = 48, 6
ALONE = Arrangement(((0,),), (False,))


def spread_latents(number: int = 6000, dim: int = D) -> np.ndarray:
    """Far from the origin, with a spread of its own in each feature."""
    generator = np.random.default_rng(number)
    return (generator.normal(size=(number, dim)) * np.linspace(0.3, 3, dim) + 4).astype(np.float32)


def far_codebook(num_codes: int = K, dim: int = D) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(num_codes, dim)).astype(np.float32)


class Stream:
    """Latents in blocks of uneven size, as a file gives them."""

    def __init__(self, vectors: np.ndarray, size: int) -> None:
        self.vectors, self.size, self.dim, self.num_vectors = vectors, size, vectors.shape[1], len(vectors)

    def blocks(self) -> Iterator[np.ndarray]:
        yield from (self.vectors[at : at + self.size] for at in range(0, len(self.vectors), self.size))


@pytest.mark.parametrize("number", [2, 3, 129, 4000, 20_001])
@pytest.mark.parametrize("most", [1, 50, 10**6])
def test_the_halves_share_no_vector_and_leave_none_out_that_fits(number, most):
    vectors = np.arange(number, dtype=np.float32)[:, None]
    halves = halves_of(latents_in_memory(vectors), most, seed=0)
    both = np.concatenate([halves.fit, halves.held_out]).ravel()
    assert len(np.unique(both)) == len(both) == sum(min(most, len(half)) for half in (halves.fit, halves.held_out))
    if most >= number:
        assert len(both) == number
    assert halves.num_vectors == number


def test_the_halves_take_turns_in_stretches():
    vectors = np.arange(64_000, dtype=np.float32)[:, None]
    halves = halves_of(latents_in_memory(vectors), 10**6, seed=0)
    assert set(halves.fit.ravel() // 1000 % 2) == {0}
    assert set(halves.held_out.ravel() // 1000 % 2) == {1}


def test_blocks_of_any_size_give_the_same_sample():
    vectors = spread_latents(5000)
    samples = [halves_of(Stream(vectors, size), 700, seed=3) for size in (1, 33, 5000)]
    for sample in samples[1:]:
        np.testing.assert_array_equal(sample.fit, samples[0].fit)
        np.testing.assert_array_equal(sample.held_out, samples[0].held_out)
    assert len(samples[0].fit) == 700
    assert abs(samples[0].fit.mean() - vectors.mean()) < 0.2


def test_usage_and_error_are_those_of_a_full_search():
    vectors, table = spread_latents(), far_codebook()
    found = what_if_of(ALONE, [table], latents_in_memory(vectors))
    held_out = halves_of(latents_in_memory(vectors), 10**6, seed=0).held_out
    for outcome in (found.before, *found.after.values()):
        squares = cdist(held_out.astype(np.float64), outcome.tables[0].astype(np.float64), "sqeuclidean")
        shares = np.bincount(squares.argmin(1), minlength=K) / len(held_out)
        (measured,) = outcome.codebooks
        assert measured.active == (shares > 0).sum()
        np.testing.assert_allclose(measured.perplexity, np.prod(shares[shares > 0] ** -shares[shares > 0]))
        np.testing.assert_allclose(outcome.error, squares.min(1).mean(), rtol=1e-4)
        np.testing.assert_allclose(outcome.relative_error, outcome.error / held_out.var(0).sum(), rtol=1e-3)


def test_a_restart_comes_near_to_k_means_of_all_codes():
    vectors, table = spread_latents(), far_codebook()
    found = what_if_of(ALONE, [table], latents_in_memory(vectors), remedies=["restart"])
    halves = halves_of(latents_in_memory(vectors), 10**6, seed=0)
    best = KMeans(K, n_init=3, random_state=0).fit(halves.fit)
    reference = np.square(halves.held_out - best.cluster_centers_[best.predict(halves.held_out)]).sum(1).mean()
    assert found.before.error > 10 * reference
    assert found.after["restart"].error < 1.15 * reference


def test_a_replacement_moves_the_dead_codes_alone():
    vectors, table = spread_latents(), far_codebook()
    after, moved = fitted("replace", table, vectors, False, np.random.default_rng(0))
    used = np.unique(cdist(vectors, table).argmin(1))
    np.testing.assert_array_equal(np.flatnonzero(~moved), used)
    np.testing.assert_array_equal(after[used], table[used])


def test_a_restart_moves_the_dead_codes_and_those_that_lose_all_they_had():
    vectors, table = spread_latents(), far_codebook()
    after, moved = fitted("restart", table, vectors, False, np.random.default_rng(0))
    dead = np.setdiff1d(np.arange(K), cdist(vectors, table).argmin(1))
    assert moved[dead].all()
    np.testing.assert_array_equal(after[~moved], table[~moved])
    assert len(np.unique(cdist(vectors, after).argmin(1))) == K
    healthy = spread_latents(K)
    assert not fitted("restart", healthy, vectors, False, np.random.default_rng(0)).moved.any()


def test_replaced_codes_are_different_latents():
    vectors = np.repeat(spread_latents(200), 30, axis=0)
    after, moved = fitted("replace", far_codebook(), vectors, False, np.random.default_rng(0))
    assert len(np.unique(after[moved], axis=0)) == moved.sum()
    assert (cdist(after[moved], vectors).min(1) == 0).all()


@pytest.mark.parametrize("remedy", ["restart", "replace"])
def test_no_more_codes_move_than_there_are_different_latents(remedy):
    vectors = np.repeat(spread_latents(7), 1000, axis=0)
    after, moved = fitted(remedy, far_codebook(), vectors, False, np.random.default_rng(0))
    assert moved.sum() <= 7
    assert len(np.unique(after, axis=0)) == K


def test_an_alignment_gives_the_codebook_the_moments_of_the_latents():
    vectors, table = spread_latents(), far_codebook()
    table[:, 2] = 7  # no spread to rescale
    after, moved = fitted("align", table, vectors, False, np.random.default_rng(0))
    assert moved.all()
    np.testing.assert_allclose(after.mean(0), vectors.mean(0), rtol=1e-4)
    spread = vectors.std(0)
    spread[2] = 0
    np.testing.assert_allclose(after.std(0), spread, rtol=1e-4, atol=1e-5)


def test_codes_that_are_not_finite_are_dead_and_come_back():
    vectors, table = spread_latents(), spread_latents(K)
    table[3], table[5] = np.nan, np.inf
    found = what_if_of(ALONE, [table], latents_in_memory(vectors))
    assert found.before.codebooks[0].active <= K - 2
    for remedy in ("restart", "replace"):
        assert found.after[remedy].moved[0][[3, 5]].all()
        assert np.isfinite(found.after[remedy].tables[0]).all()
    assert "not finite" in found.unsuited["align"]


def test_cosine_codes_stay_at_unit_length_and_are_not_aligned():
    table = far_codebook() / np.linalg.norm(far_codebook(), axis=1, keepdims=True)
    found = what_if_of(Arrangement(((0,),), (True,)), [table], latents_in_memory(spread_latents()))
    assert set(found.after) == {"restart", "replace"}
    assert set(found.unsuited) == {"align"}
    for outcome in found.after.values():
        np.testing.assert_allclose(np.linalg.norm(outcome.tables[0], axis=1), 1, atol=1e-5)


def test_too_few_vectors_to_judge_is_said():
    few = what_if_of(ALONE, [far_codebook()], latents_in_memory(spread_latents(100)), remedies=["replace"])
    many = what_if_of(ALONE, [far_codebook()], latents_in_memory(spread_latents(1000)), remedies=["replace"])
    assert (few.enough, many.enough) == (False, True)


MODULES = {
    "euclidean": (lambda: vqp.VectorQuantize(dim=D, codebook_size=K), 1),
    "cosine": (lambda: vqp.VectorQuantize(dim=D, codebook_size=K, use_cosine_sim=True), 1),
    "affine": (lambda: vqp.VectorQuantize(dim=D, codebook_size=K, affine_param=True), 1),
    "heads": (
        lambda: vqp.VectorQuantize(dim=D, codebook_dim=3, codebook_size=K, heads=2, separate_codebook_per_head=True),
        2,
    ),
    "shared heads": (lambda: vqp.VectorQuantize(dim=D, codebook_dim=3, codebook_size=K, heads=2), 2),
    "residual": (lambda: vqp.ResidualVQ(dim=D, codebook_size=K, num_quantizers=3), 3),
    "cosine residual": (lambda: vqp.ResidualVQ(dim=D, codebook_size=K, num_quantizers=3, use_cosine_sim=True), 3),
    "shared": (lambda: vqp.ResidualVQ(dim=D, codebook_size=K, num_quantizers=3, shared_codebook=True), 3),
    "grouped residual": (
        lambda: vqp.GroupedResidualVQ(dim=D, groups=2, codebook_size=K, num_quantizers=2),
        4,
    ),
}


@pytest.mark.parametrize("kind", MODULES)
def test_what_is_searched_is_what_the_live_module_searches(kind, tmp_path):
    make, num_searches = MODULES[kind]
    torch.manual_seed(0)
    module = make()
    vectors = spread_latents(4000)
    module.train()
    for at in range(0, 4000, 1000):
        module(torch.from_numpy(vectors[None, at : at + 1000]))
    module.eval()
    (quantizer,) = quantizers_of(open_checkpoint(save_module(module, tmp_path)).codebooks)
    assert D in {multiple * width for width in widths_of(quantizer) for multiple in (1, 2)}
    found = what_if(quantizer, vectors, remedies=[])
    held_out = torch.from_numpy(halves_of(latents_in_memory(vectors), 10**6, seed=0).held_out)
    with torch.no_grad():
        z_q, codes, *_ = module(held_out[None])
    codes = codes.movedim(0, -1) if kind == "grouped residual" else codes[..., None]  # (1, N, …)
    per_search = codes.reshape(len(held_out), -1)
    assert per_search.shape[1] == num_searches
    if len(found.before.codebooks) == num_searches:
        in_order = per_search.unflatten(1, (2, 2)).mT.flatten(1) if kind == "grouped residual" else per_search
        used = [len(torch.unique(some)) for some in in_order.T]
        assert [one.active for one in found.before.codebooks] == used
    else:  # one codebook for all searches
        assert found.before.codebooks[0].active == len(torch.unique(codes))
    compared = torch.nn.functional.normalize(held_out) if kind == "cosine" else held_out
    error = float((compared - z_q[0]).square().sum(1).mean())
    np.testing.assert_allclose(found.before.error, error, rtol=1e-4)


def layered(structure: str) -> dict[str, torch.Tensor]:
    return {f"quantizer.{structure}.{level}.codebook.weight": torch.from_numpy(far_codebook()) for level in range(2)}


def test_residual_levels_are_treated_one_after_the_other(tmp_path):
    checkpoint = open_checkpoint(save("bare", layered("layers"), tmp_path))
    found = what_if(checkpoint.codebooks, spread_latents())
    first, second = found.after["restart"].codebooks
    assert second.error < first.error < found.before.error
    assert found.after["restart"].error == pytest.approx(second.error, rel=1e-6)


def test_a_shared_codebook_has_vectors_for_its_later_levels_too(tmp_path):
    module = vqp.ResidualVQ(dim=D, codebook_size=K, num_quantizers=3, shared_codebook=True)
    (quantizer,) = quantizers_of(open_checkpoint(save_module(module, tmp_path)).codebooks)
    foretold = what_if(quantizer, spread_latents())
    found = foretold.after["restart"]
    assert "spreads differ" in foretold.unsuited["align"]
    halves = halves_of(latents_in_memory(spread_latents()), 10**6, seed=0)
    reference = ResidualQuantizer(K, D, 3, share=True).eval()
    kmeans_start_(reference, torch.from_numpy(halves.fit), seed=0)
    best = float(reference.error_of(reference.quantize(torch.from_numpy(halves.held_out))[1]))
    assert found.error < 1.3 * best
    assert foretold.before.error > 10 * best


def test_levels_with_projections_of_their_own_are_quantizers_of_their_own(tmp_path):
    state = layered("quantizers") | {
        f"quantizer.quantizers.{level}.in_proj.{leaf}": torch.ones(D)
        for level in range(2)
        for leaf in ("bias", "weight")
    }
    found = quantizers_of(open_checkpoint(save("bare", state, tmp_path)).codebooks)
    assert [len(books) for books in found] == [1, 1]


def test_groups_or_levels_are_told_by_the_width_of_the_latents(tmp_path):
    quantizer = GroupedQuantizer(K, 2 * D, 2)
    (books,) = quantizers_of(open_checkpoint(save_module(quantizer, tmp_path)).codebooks)
    assert widths_of(books) == (2 * D, D)
    as_groups = what_if(books, spread_latents(dim=2 * D), remedies=[])
    z_e = torch.from_numpy(halves_of(latents_in_memory(spread_latents(dim=2 * D)), 10**6, seed=0).held_out)
    error = float(quantizer.eval().error_of(quantizer.quantize(z_e)[1]))
    assert as_groups.before.error == pytest.approx(error, rel=1e-4)
    as_levels = what_if(books, spread_latents(), remedies=[])
    assert as_levels.before.error != pytest.approx(error, rel=0.1)


def refusal(state: dict[str, torch.Tensor], latents: np.ndarray, folder, known: Known | None = None) -> str:
    with pytest.raises(CheckpointError) as caught:
        what_if(open_checkpoint(save("bare", state, folder)).codebooks, latents, known=known)
    return str(caught.value)


QUANTIZE = {"quantize.embedding.weight": torch.from_numpy(far_codebook())}


@pytest.mark.parametrize(
    ("latents", "words"),
    [
        (spread_latents(dim=D + 1), f"must have {D} features"),
        (np.full((100, D), np.nan), "must be finite"),
        (np.zeros((100, D), np.int64), "must be floats"),
        (np.zeros((1, D), np.float32), "at least two vectors"),
    ],
)
def test_latents_that_do_not_fit_get_a_sentence(latents, words, tmp_path):
    assert words in refusal(QUANTIZE, latents, tmp_path)


def test_codes_that_are_not_chosen_by_distance_are_not_foretold(tmp_path):
    state = {
        "quantize.embed.weight": torch.from_numpy(far_codebook()),
        "quantize.proj.weight": torch.ones(K, 9, 1, 1),
    }
    assert "searched by selector" in refusal(state, spread_latents(), tmp_path)


def test_a_codebook_that_is_known_not_to_be_searched_is_not_foretold(tmp_path):
    state = {"vq.codebook.weight": torch.from_numpy(far_codebook())}
    state |= {f"vq.affine_transform.{name}": torch.ones(1, D) for name in ("scale", "bias")}
    assert "is not what is searched" in refusal(state, spread_latents(), tmp_path)
    book = open_checkpoint(save("bare", state, tmp_path)).codebooks
    assert set(what_if(book, spread_latents(), known=Known(affine_lr=0.1)).after) == set(REMEDIES)


def test_the_interval_of_an_error_is_that_of_students_t_over_parts_and_holds_the_truth():
    """Independent latents of a fixed codebook: nineteen of twenty intervals hold the error of all."""
    generator = np.random.default_rng(0)
    table = generator.standard_normal((16, 2)).astype(np.float32)
    arrangement = Arrangement(((0,),), (False,))
    held, everything = 0, generator.standard_normal((200_000, 2)).astype(np.float32)
    truth = np.square(everything[:, None] - table).sum(2).min(1).mean()
    for seed in range(60):
        some = np.random.default_rng(seed + 1).standard_normal((2_000, 2)).astype(np.float32)
        before = what_if_of(arrangement, [table], InMemory(some), remedies=[]).before
        errors = before.group_errors
        assert before.margin == pytest.approx(2.0395 * errors.std(ddof=1) / 32**0.5, rel=1e-3)
        held += abs(before.error - truth) <= before.margin
    assert 50 <= held <= 60
    assert not before.differs_from(before)
