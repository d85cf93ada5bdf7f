"""Laws of the fit itself, in this process, and of the worker as a program."""

import io
import signal
import subprocess
import sys

import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from vqcore.projection.align import align_layout
from vqcore.projection.child import WORKER, _environment
from vqcore.projection.neighbours import nearest_neighbours
from vqcore.projection.wire import (
    Alive,
    Cancel,
    Cancelled,
    FitError,
    FitRequest,
    FitResult,
    Progress,
    Ready,
    read_message,
    write_message,
)
from vqcore.projection.worker import COLD_EPOCHS, WARM_LEARNING_RATE, Inbox, answer, lay_out

pytestmark = pytest.mark.filterwarnings("ignore:Tensorflow not installed:ImportWarning")


def clusters(count=200, width=8, seed=0):
    rng = np.random.default_rng(seed)
    centres = 3 * rng.normal(size=(6, width))
    return (centres[rng.integers(6, size=count)] + rng.normal(size=(count, width))).astype(np.float32)


def heard(process):
    """The next message that says more than that the worker is alive."""
    while isinstance(message := read_message(process.stdout), Alive):
        pass
    return message


def last_answer(process):
    """The next message that is no progress."""
    while isinstance(message := heard(process), Progress):
        pass
    return message


def run_worker():
    return subprocess.Popen(
        WORKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment()
    )


@pytest.mark.filterwarnings("ignore:.*knn_search_index.*:UserWarning")
def test_the_layout_is_the_one_umap_gives_from_the_same_start():
    import umap

    # On grids that neither program's scaling rounds: UMAP draws its random numbers from the bits of `start`
    rng = np.random.default_rng(0)
    half = np.round(64 * rng.uniform(-1, 1, size=(100, 8))) / 64
    half[0, 0] = 1
    points = np.concatenate([half, -half]).astype(np.float32)
    start = (np.round(64 * rng.uniform(0, 10, size=(200, 2))) / 64).astype(np.float32)
    start[:2] = [[0, 10], [10, 0]]
    theirs = umap.UMAP(
        n_neighbors=15,
        n_epochs=12,
        learning_rate=WARM_LEARNING_RATE,
        init=start,
        random_state=3,
        n_jobs=1,
        precomputed_knn=tuple(nearest_neighbours(points, 15)),
    ).fit_transform(points)
    ours, warm = lay_out(FitRequest(id=0, points=points, start=start, n_epochs=12, seed=3))
    assert warm
    np.testing.assert_allclose(ours, align_layout(theirs, start), atol=1e-3)  # ours in single precision


def test_the_same_request_gives_the_same_layout():
    request = FitRequest(id=0, points=clusters(), seed=5)
    assert np.array_equal(lay_out(request)[0], lay_out(request)[0])


def test_neighbours_stay_neighbours():
    points = clusters()
    cold, _ = lay_out(FitRequest(id=0, points=points))
    warm, _ = lay_out(FitRequest(id=0, points=points, start=cold))
    assert trustworthiness(points, cold, n_neighbors=10) > 0.85
    assert trustworthiness(points, warm, n_neighbors=10) > 0.85


def test_a_warm_start_moves_points_little_where_a_cold_one_moves_them_much():
    points = clusters()
    drifted = points + 0.1 * np.random.default_rng(1).normal(size=points.shape).astype(np.float32)
    before, _ = lay_out(FitRequest(id=0, points=points))

    def movement(request):
        return np.linalg.norm(lay_out(request)[0] - before, axis=1).mean() / before.std()

    warm = movement(FitRequest(id=0, points=drifted, start=before))
    cold = movement(FitRequest(id=0, points=drifted, seed=1))
    assert warm < 0.2
    assert warm < cold / 2


def test_the_minimum_distance_sets_neighbours_apart():
    points = clusters()

    def to_nearest(min_dist):
        picture, _ = lay_out(FitRequest(id=0, points=points, min_dist=min_dist))
        return nearest_neighbours(picture, 2).distances[:, 1].mean()

    assert to_nearest(0.8) > 2 * to_nearest(0.0)


def test_more_neighbours_make_another_picture():
    points = clusters()
    few, _ = lay_out(FitRequest(id=0, points=points, n_neighbors=5))
    many, _ = lay_out(FitRequest(id=0, points=points, n_neighbors=60))
    centres = np.stack([few, many]).mean(axis=1)
    assert not np.allclose(few - centres[0], many - centres[1], atol=1)


def test_with_other_parameters_a_layout_settles_as_long_as_a_first_one():
    points, told = clusters(), []
    before, _ = lay_out(FitRequest(id=0, points=points))
    request = FitRequest(id=0, points=points, start=before, min_dist=0.9, resettle=True)
    _, warm = lay_out(request, lambda done, total: told.append((done, total)))
    assert warm
    assert told[0] == (0, COLD_EPOCHS)
    assert told[-1] == (COLD_EPOCHS, COLD_EPOCHS)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_layout_comes_with_its_trustworthiness():
    points = clusters()
    result = answer(FitRequest(id=0, points=points))
    value, k, sample, of = result.trust
    assert (k, sample, of) == (15, 200, 200)
    assert value == pytest.approx(trustworthiness(points, result.coordinates, n_neighbors=15), abs=1e-9)


def test_a_request_is_called_off_once_and_those_after_it_are_not():
    inbox = Inbox()
    inbox.put(Cancel(id=3))
    inbox.put(FitRequest(id=4, points=clusters(9)))
    assert inbox.is_cancelled(FitRequest(id=3, points=clusters(9)))
    assert not inbox.is_cancelled(inbox.get())


@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_the_unit_of_the_points_does_not_matter(factor):
    points = clusters()
    near, _ = lay_out(FitRequest(id=0, points=points * np.float32(factor)))
    assert trustworthiness(points, near, n_neighbors=10) > 0.85


@pytest.mark.parametrize(("count", "width"), [(3, 2), (4, 1), (16, 40), (15, 3)])
def test_few_points_get_a_layout_with_fewer_neighbours(count, width):
    result = answer(FitRequest(id=0, points=clusters(count, width)))
    assert isinstance(result, FitResult)
    assert np.isfinite(result.coordinates).all()


def test_points_that_coincide_are_drawn_as_one_and_part_again_later():
    points = np.full((50, 4), 0.1, np.float32)
    together, _ = lay_out(FitRequest(id=0, points=points))
    assert not together.any()
    apart, warm = lay_out(FitRequest(id=0, points=clusters(50, 4), start=together))
    assert not warm
    assert len(np.unique(apart, axis=0)) == 50


def test_many_duplicates_get_a_finite_layout():
    points = np.repeat(clusters(10, 4), 30, axis=0)
    assert np.isfinite(lay_out(FitRequest(id=0, points=points))[0]).all()


@pytest.mark.parametrize(
    ("points", "start", "words"),
    [
        (clusters(2), None, "at least three points"),
        (np.where(np.arange(8) == 3, np.nan, clusters(9)), None, "9 of 9 contain NaN or infinity"),
        (np.zeros((9, 0)), None, "at least three points"),
        (clusters(9), np.zeros((8, 2)), "`start` must hold two"),
        (clusters(9), np.full((9, 2), np.inf), "`start` must hold two"),
    ],
)
def test_what_cannot_be_laid_out_gets_a_sentence(points, start, words):
    result = answer(FitRequest(id=7, points=points.astype(np.float32), start=start))
    assert isinstance(result, FitError)
    assert result.id == 7
    assert words in result.sentence


def test_an_unforeseen_error_is_an_answer_too():
    result = answer(FitRequest(id=1, points=clusters(9), seed="seven"))
    assert isinstance(result, FitError)
    assert result.sentence.startswith("UMAP failed: ")


def test_a_worker_that_is_interrupted_says_nothing_but_its_answers():
    with run_worker() as process:
        assert isinstance(heard(process), Ready)
        write_message(process.stdin, FitRequest(id=1, points=clusters(60)))
        assert isinstance(last_answer(process), FitResult)
        process.send_signal(signal.SIGINT)
        said, complained = process.communicate(timeout=10)
        assert complained == b""
        pipe = io.BytesIO(said)
        assert all(isinstance(message, Alive) for message in iter(lambda: read_message(pipe), None))


def test_a_worker_gives_up_what_is_cancelled_and_goes_on_with_the_next():
    with run_worker() as process:
        assert isinstance(heard(process), Ready)
        write_message(process.stdin, FitRequest(id=1, points=clusters(3000, 16), n_epochs=1_000_000))
        assert heard(process).total == 1_000_000
        write_message(process.stdin, Cancel(id=1))
        write_message(process.stdin, FitRequest(id=2, points=clusters(60)))
        cancelled = last_answer(process)
        assert (type(cancelled), cancelled.id) == (Cancelled, 1)
        found = last_answer(process)
        assert (type(found), found.id) == (FitResult, 2)
        process.communicate(timeout=10)


def test_a_worker_that_is_terminated_says_nothing():
    with run_worker() as process:
        process.terminate()
        assert process.communicate(timeout=10) == (b"", b"")


def test_a_worker_ends_with_its_input_even_while_it_compiles():
    with run_worker() as process:
        assert process.communicate(timeout=10) == (b"", b"")
    assert process.returncode == 0


def test_a_worker_that_hears_nonsense_ends_with_a_sentence():
    with run_worker() as process:
        _, complained = process.communicate(b"What are you doing?", timeout=60)
    assert process.returncode == 2
    assert b"beyond the limit" in complained


def test_the_worker_loads_no_torch_and_keeps_to_one_thread():
    code = (
        "import sys, numba, umap.umap_, vqcore.projection.worker;"
        "print('torch' in sys.modules, numba.get_num_threads())"
    )
    run = subprocess.run((sys.executable, "-c", code), env=_environment(), capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "1"]
