from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from fake_projection import FakeProjection
from sklearn.manifold import trustworthiness

from app.sessions import planes
from app.sessions.planes import MapMemories, MapMemory
from vqcore.history import History
from vqcore.projection.service import State, Status
from vqcore.projection.streams import Layout
from vqcore.snapshot import HeldOutMetrics, Metrics, Snapshot, Trail

M, K = 60, 8
NO_HISTORY = History(
    step=np.empty(0, int), losses=MappingProxyType({}), measured_at=np.empty(0, int), measured=MappingProxyType({})
)
NO_METRICS = Metrics(**dict.fromkeys(Metrics.__slots__, 0))
STREAM = "a session"


def cloud(*spread: float, seed: int = 0) -> np.ndarray:
    """M vectors and K codes, with this standard deviation along each feature."""
    return (np.random.default_rng(seed).normal(size=(M + K, len(spread))) * spread).astype(np.float32)


def snapshot(points: np.ndarray, *, step: int = 0, level: int = 0, trail: tuple[Trail, ...] = (), placed_at=None):
    return Snapshot(
        variant="main",
        level=level,
        levels=(),
        step=step,
        metrics=NO_METRICS,
        held_out=HeldOutMetrics(
            in_use=K, perplexity=K, relative_error=0, quantization_error=0, task_loss=0, accuracy=float("nan")
        ),
        history=NO_HISTORY,
        events=(),
        z_e=points[:M],
        codes=np.arange(M) % K,
        monitor_of=M,
        codebook=points[M:],
        counts=np.arange(K),
        window_batches=1,
        steps_unused=np.zeros(K, int),
        placed_at=np.full(K, -1) if placed_at is None else np.array(placed_at),
        gradient_norm=np.zeros(K, np.float32),
        inputs=points[:1],
        outputs=points[:1],
        targets=points[:1],
        code_maps=np.zeros((1, 1), int),
        trail=trail,
    )


FLAT = cloud(5, 3, 0.1, 0.1)
"""Most of the variance lies along the first two features."""

TURNED = cloud(0.1, 0.1, 5, 3)


def pca(moment: Snapshot, memory: MapMemory) -> planes.Shown:
    return planes.show("PCA", moment, memory, FakeProjection(), STREAM)


def same_basis(memory: MapMemory, points: np.ndarray, shown: planes.Shown) -> bool:
    return np.array_equal(shown.plane.p, memory.basis.project(points[:M]))


def test_the_plane_stays_frozen_from_one_moment_to_the_next():
    memory = MapMemory()
    pca(snapshot(FLAT, step=5), memory)
    basis, later = memory.basis, cloud(5, 3, 1, 0.1, seed=1)
    shown = pca(snapshot(later, step=900), memory)
    assert memory.basis is basis
    assert np.array_equal(shown.plane.p, basis.project(later[:M]))
    assert np.array_equal(shown.plane.c, basis.project(later[M:]))
    assert shown.note == "plane fitted at step 5"


def test_it_is_the_plane_of_most_variance():
    shown = pca(snapshot(FLAT), MapMemory())
    centred = np.float64(FLAT) - FLAT.mean(0)
    _, singular, _ = np.linalg.svd(centred, full_matrices=False)
    both = np.concatenate([shown.plane.p, shown.plane.c])
    assert np.allclose(np.square(both).sum(0), singular[:2] ** 2, rtol=1e-4)
    assert shown.plane.keeps_distances
    shares = singular[:2] ** 2 / (singular**2).sum()
    assert shown.plane.axis_titles == tuple(f"PC {i} · {share:.0%} of variance" for i, share in enumerate(shares, 1))


def test_it_is_fitted_anew_on_request_and_only_once():
    memory = MapMemory()
    pca(snapshot(FLAT, step=5), memory)
    memory.ask_for_refit()
    later = cloud(5, 3, 1, 0.1, seed=1)
    assert pca(snapshot(later, step=6), memory).note == "plane fitted at step 6"
    assert pca(snapshot(later, step=7), memory).note == "plane fitted at step 6"


def test_it_is_fitted_anew_where_it_shows_too_little():
    memory = MapMemory()
    pca(snapshot(FLAT, step=5), memory)
    assert memory.basis.captured_share(TURNED) < planes.REFIT_BELOW
    shown = pca(snapshot(TURNED, step=6), memory)
    assert shown.note == "plane fitted at step 6"
    assert same_basis(memory, TURNED, shown)


def test_each_level_has_a_plane_of_its_own_and_finds_it_again():
    memories = MapMemories()
    first, second = snapshot(FLAT, step=5), snapshot(TURNED, step=6, level=1)
    assert pca(first, memories.of(first, 0)).note == "plane fitted at step 5"
    assert pca(second, memories.of(second, 0)).note == "plane fitted at step 6"
    later = snapshot(cloud(5, 3, 1, 0.1, seed=1), step=7)
    assert memories.of(later, 0) is not memories.of(second, 0)
    assert pca(later, memories.of(later, 0)).note == "plane fitted at step 5"


def test_a_restart_gives_up_the_planes_of_all_levels_though_only_one_is_looked_at():
    memories = MapMemories()
    for level in (0, 1):
        moment = snapshot(FLAT, step=50, level=level)
        pca(moment, memories.of(moment, 0))
    again = snapshot(FLAT, step=3)
    assert pca(again, memories.of(again, 1)).note == "plane fitted at step 3"
    other = snapshot(FLAT, step=60, level=1)
    assert pca(other, memories.of(other, 1)).note == "plane fitted at step 60"


def test_going_back_in_time_shows_the_past_in_the_plane_that_is_there_unless_asked():
    memory = MapMemory()
    pca(snapshot(FLAT, step=50), memory)
    past = snapshot(TURNED, step=5)
    shown = planes.show("PCA", past, memory, FakeProjection(), STREAM, is_past=True)
    assert shown.note == "plane fitted at step 50, shows little of this moment: fit it again"
    assert memory.fitted_at == 50
    memory.ask_for_refit()
    shown = planes.show("PCA", past, memory, FakeProjection(), STREAM, is_past=True)
    assert shown.note == "plane fitted at step 5"
    assert same_basis(memory, TURNED, shown)


def test_another_number_of_features_gets_another_plane():
    memory = MapMemory()
    pca(snapshot(FLAT, step=0), memory)
    wider = cloud(5, 3, 1, 1, 1, 1)  # another problem, begun before its first step
    assert pca(snapshot(wider, step=0), memory).plane.p.shape == (M, 2)


@pytest.mark.parametrize("view", ["raw", "PCA", "UMAP"])
def test_two_features_are_drawn_as_they_are(view):
    moment, projection = snapshot(cloud(1, 2)), FakeProjection()
    assert planes.views_of(moment) == ("raw",)
    shown = planes.show(view, moment, MapMemory(), projection, STREAM)
    assert np.array_equal(shown.plane.p, moment.z_e)
    assert np.array_equal(shown.plane.c, moment.codebook)
    assert shown.plane.axis_titles == ("feature 1", "feature 2")
    assert projection.requests == []


def test_a_group_of_one_feature_is_drawn_on_a_line():
    moment = snapshot(cloud(1))
    assert planes.views_of(moment) == ("raw",)
    shown = planes.show("PCA", moment, MapMemory(), FakeProjection(), STREAM)
    assert np.array_equal(shown.plane.p, np.pad(moment.z_e, ((0, 0), (0, 1))))
    assert shown.plane.axis_titles == ("feature 1", "")


def test_more_features_can_be_shown_in_three_ways():
    assert planes.views_of(snapshot(FLAT)) == ("PCA", "UMAP", "two codes")


def two_codes(moment: Snapshot, memory: MapMemory | None = None, **chosen: int) -> planes.Shown:
    settings = planes.MapSettings(**chosen)
    return planes.show("two codes", moment, memory or MapMemory(), FakeProjection(), STREAM, settings)


def test_the_two_code_plane_keeps_the_lengths_between_its_codes_and_the_mean_of_p():
    shown = two_codes(snapshot(FLAT), code_a=1, code_b=6)
    first, second, mean = FLAT[M + 1], FLAT[M + 6], FLAT[:M].mean(0)
    drawn = {1: shown.plane.c[1], 6: shown.plane.c[6], "mean": shown.plane.p.mean(0)}
    assert np.allclose(drawn[1], 0, atol=1e-5)
    assert np.allclose(drawn[6], [np.linalg.norm(second - first), 0], atol=1e-4)
    assert np.linalg.norm(drawn["mean"]) == pytest.approx(np.linalg.norm(mean - first), rel=1e-4)
    assert np.linalg.norm(drawn["mean"] - drawn[6]) == pytest.approx(np.linalg.norm(mean - second), rel=1e-4)
    assert drawn["mean"][1] > 0
    assert shown.plane.axis_titles == ("code 1 → code 6", "towards the mean of P")
    longest = np.linalg.norm(FLAT[M:] - first, axis=1) + 1e-4
    assert (np.linalg.norm(shown.plane.c, axis=1) <= longest).all()  # what stands off the plane only gets shorter


def test_without_a_choice_the_plane_passes_through_the_most_used_codes_and_stays_there():
    memory = MapMemory()
    assert "codes 7 and 6" in two_codes(snapshot(FLAT), memory).note  # counts are 0…7
    later = replace(snapshot(FLAT, step=9), counts=np.arange(K)[::-1])
    assert "codes 7 and 6" in two_codes(later, memory).note
    assert "codes 3 and 7" in two_codes(later, memory, code_a=3).note
    memory.ask_for_refit()
    assert "codes 0 and 1" in two_codes(later, memory).note


def test_with_the_mean_of_p_on_the_line_the_third_code_gives_the_second_direction():
    points = np.array(FLAT)
    points[:M] = (points[M + 1] + points[M + 6]) / 2
    shown = two_codes(snapshot(points), code_a=1, code_b=6)
    assert shown.plane.axis_titles[1] == "towards code 7"
    assert np.linalg.norm(shown.plane.c[7]) == pytest.approx(np.linalg.norm(points[M + 7] - points[M + 1]), rel=1e-4)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"code_a": 3, "code_b": 3}, "Both codes are 3."),
        ({"code_a": 8}, "Code 8 is not among 0…7."),
        ({"code_a": 0, "code_b": 1}, "lie in one place"),
    ],
)
def test_two_codes_without_a_line_through_them_are_said_in_place(chosen, words):
    points = np.array(FLAT)
    points[M + 1] = points[M]
    shown = two_codes(snapshot(points), **chosen)
    assert shown.note.startswith("PCA instead:")
    assert words in shown.note


def test_a_codebook_of_one_code_has_no_such_plane():
    one = replace(snapshot(FLAT), codebook=FLAT[:1], counts=np.ones(1, int), codes=np.zeros(M, int))
    assert "one code has no plane" in two_codes(replace(one, placed_at=np.full(1, -1))).note


def test_every_picture_that_is_no_copy_comes_with_its_trust():
    for shown in (pca(snapshot(FLAT), MapMemory()), two_codes(snapshot(FLAT))):
        both = np.concatenate([shown.plane.p, shown.plane.c])
        assert shown.trust.value == pytest.approx(trustworthiness(FLAT, both, n_neighbors=15))
        assert shown.trust[1:] == (15, M + K, M + K)


def test_the_parameters_reach_umap_and_a_layout_of_others_is_said_to_be_settling():
    moment = snapshot(FLAT, step=4)
    projection, _ = laid_out(moment)
    settings = planes.MapSettings(n_neighbors=40, min_dist=0.5)
    shown = planes.show("UMAP", moment, MapMemory(), projection, STREAM, settings)
    assert projection.parameters == (40, 0.5)
    assert shown.plane.axis_titles == ("UMAP 1", "UMAP 2")
    assert shown.note.endswith("Laying out again.")


def test_asking_anew_resets_the_layout_once_also_of_the_same_moment():
    moment, memory = snapshot(FLAT, step=4), MapMemory()
    projection, _ = laid_out(moment)
    memory.ask_for_refit()
    for _ in range(2):
        planes.show("UMAP", moment, memory, projection, STREAM)
    assert projection.resets == [STREAM]
    assert len(projection.requests) == 1


def test_until_umap_answers_pca_shows_and_says_so():
    moment, projection = snapshot(FLAT, step=4), FakeProjection()
    projection.status = Status(State.WARMING_UP, "UMAP is compiling.")
    shown = planes.show("UMAP", moment, MapMemory(), projection, STREAM)
    assert shown.note == "PCA for now: UMAP is compiling."
    assert shown.plane.axis_titles[0].startswith("PC 1")
    ((stream, points, tag),) = projection.requests
    assert (stream, tag) == (STREAM, moment)
    assert np.array_equal(points, FLAT)


def laid_out(moment: Snapshot) -> tuple[FakeProjection, np.ndarray]:
    projection, places = FakeProjection(), np.random.default_rng(2).normal(size=(M + K, 2)).astype(np.float32)
    projection.status = Status(State.READY, "UMAP is ready.")
    projection.layouts[STREAM] = Layout(coordinates=places, tag=moment, seconds=0.3, warm=False)
    return projection, places


def test_a_layout_is_shown_with_the_moment_that_it_lays_out():
    then, now = snapshot(FLAT, step=4), snapshot(TURNED, step=9)
    projection, places = laid_out(then)
    shown = planes.show("UMAP", now, MapMemory(), projection, STREAM)
    assert shown.snapshot is then
    assert np.array_equal(np.concatenate([shown.plane.p, shown.plane.c]), places)
    assert shown.plane.axis_titles == ("UMAP 1", "UMAP 2")
    assert not shown.plane.keeps_distances
    assert not shown.plane.paths
    assert "step 4" in shown.note
    assert [tag for _, _, tag in projection.requests] == [now]


def test_the_same_moment_is_not_laid_out_twice():
    moment = snapshot(FLAT, step=4)
    projection, _ = laid_out(moment)
    planes.show("UMAP", moment, MapMemory(), projection, STREAM)
    assert projection.requests == []


@pytest.mark.parametrize("state", [State.RESTARTING, State.FAILED])
def test_while_umap_is_down_pca_shows_and_says_why(state):
    moment = snapshot(FLAT, step=4)
    projection, _ = laid_out(moment)
    projection.status = Status(state, "The UMAP process ended.")
    shown = planes.show("UMAP", moment, MapMemory(), projection, STREAM)
    assert shown.note == "PCA for now: The UMAP process ended."
    assert shown.plane.axis_titles[0].startswith("PC 1")


def test_what_umap_refused_is_said():
    projection = FakeProjection()
    projection.errors[STREAM] = "Too few points."
    shown = planes.show("UMAP", snapshot(FLAT), MapMemory(), projection, STREAM)
    assert shown.note == "PCA for now: Too few points."


def test_a_layout_of_another_codebook_is_not_shown():
    projection, _ = laid_out(snapshot(FLAT, step=4))
    now = snapshot(cloud(5, 3, 0.1, 0.1)[: M + K - 2], step=0)
    shown = planes.show("UMAP", now, MapMemory(), projection, STREAM)
    assert shown.note.startswith("PCA for now")


def test_paths_are_cut_where_codes_were_placed():
    earlier = (Trail(2, FLAT[M:] + 1, FLAT[0]), Trail(6, FLAT[M:] + 2, FLAT[1]), Trail(9, FLAT[M:], FLAT[2]))
    placed_at = [-1, 5, 6, 7, -1, -1, -1, -1]
    memory = MapMemory()
    shown = pca(snapshot(FLAT, step=9, trail=earlier, placed_at=placed_at), memory)
    first, second = shown.plane.paths  # the present is no path
    cut_from_first, cut_from_second = np.isnan(first).all(1), np.isnan(second).all(1)
    assert np.flatnonzero(cut_from_first).tolist() == [1, 2, 3]
    assert np.flatnonzero(cut_from_second).tolist() == [3]
    assert np.allclose(first[0], memory.basis.project(FLAT[M : M + 1] + 1))
    assert len(shown.plane.mean_path) == 3


def test_paths_lie_in_the_plane_of_their_moment_whatever_was_drawn_before():
    earlier = (Trail(2, FLAT[M:] + 1, FLAT[0]), Trail(6, FLAT[M:] + 2, FLAT[1]))
    memory = MapMemory()
    for step, points in ((9, FLAT), (10, FLAT), (11, TURNED)):  # the last is fitted again
        shown = pca(snapshot(points, step=step, trail=earlier), memory)
        for path, trail in zip(shown.plane.paths, earlier, strict=True):
            assert np.array_equal(path, memory.basis.project(trail.codebook))
        memory.ask_for_refit()
    codebook = FLAT[M:] * 3
    shown = pca(snapshot(FLAT, step=12, trail=(*earlier, Trail(11, codebook, FLAT[0]))), memory)
    assert np.array_equal(shown.plane.paths[-1], memory.basis.project(codebook))
