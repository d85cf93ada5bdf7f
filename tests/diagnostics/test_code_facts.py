"""What is said of one code, against plain sums over the snapshot of a real run."""

import numpy as np
import pytest

from vqcore.diagnostics.code_facts import class_of_codes, code_facts, codes_by_age, codes_by_use, errors_of
from vqcore.snapshot import Snapshot
from vqcore.training.commands import StepCommand
from vqcore.training.recipe import default_recipe
from vqcore.training.session import Session
from vqcore.training.trainer import Trainer

STEPS = 4


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    trainer = Trainer(default_recipe("digits", num_codes=24, code_init="kmeans", replace_every=2))
    for _ in range(STEPS):
        trainer.step()
    return trainer.snapshot()


def test_every_number_of_every_code_is_that_of_the_snapshot(snapshot):
    labels = [int(snapshot.labels[i // 16]) for i in range(len(snapshot.codes))]
    for code in range(snapshot.num_codes):
        facts = code_facts(snapshot, code)
        c = snapshot.codebook[code].astype(float)
        members = [i for i in range(len(snapshot.codes)) if snapshot.codes[i] == code]
        assert facts.count == snapshot.counts[code]
        assert facts.share == pytest.approx(snapshot.counts[code] / snapshot.counts.sum())
        assert facts.rank == 1 + sum(count > snapshot.counts[code] for count in snapshot.counts)
        assert facts.steps_unused == snapshot.steps_unused[code]
        assert facts.placed_at == snapshot.placed_at[code]
        assert facts.norm == pytest.approx(sum(x * x for x in c) ** 0.5)
        assert facts.gradient_norm == pytest.approx(float(snapshot.gradient_norm[code]))
        assert facts.members == len(members)
        if members:
            errors = [sum((z - x) ** 2 for z, x in zip(snapshot.z_e[i], c, strict=True)) for i in members]
            assert facts.member_error == pytest.approx(sum(errors) / len(errors))
        else:
            assert np.isnan(facts.member_error)
        assert facts.classes == tuple(sum(labels[i] == name for i in members) for name in range(10))


def test_nearest_codes_are_the_nearest_of_all_others(snapshot):
    for code in range(snapshot.num_codes):
        pairs = sorted(
            (float(((snapshot.codebook[other].astype(float) - snapshot.codebook[code]) ** 2).sum()) ** 0.5, other)
            for other in range(snapshot.num_codes)
            if other != code
        )
        found = code_facts(snapshot, code).neighbours
        assert [near.id for near in found] == [other for _, other in pairs[: len(found)]]
        np.testing.assert_allclose([near.distance for near in found], [d for d, _ in pairs[: len(found)]])


def test_nearest_vectors_are_the_best_of_as_many_inputs(snapshot):
    distances = np.linalg.norm(snapshot.z_e.astype(float) - snapshot.codebook[5], axis=1)
    best = {}
    for i in np.argsort(distances, kind="stable").tolist():
        best.setdefault(i // 16, i)
    found = code_facts(snapshot, 5).nearest
    assert [near.id for near in found] == list(best.values())[: len(found)]
    np.testing.assert_allclose([near.distance for near in found], distances[[near.id for near in found]])


@pytest.mark.parametrize("code", [-1, 24])
def test_a_code_that_is_none_is_refused(snapshot, code):
    with pytest.raises(ValueError, match=rf"`code` must be in 0…23, but is {code}\."):
        code_facts(snapshot, code)


def test_orders_begin_with_the_extreme(snapshot):
    assert snapshot.counts[codes_by_use(snapshot.counts, most=True)[0]] == snapshot.counts.max()
    assert snapshot.counts[codes_by_use(snapshot.counts, most=False)[0]] == snapshot.counts.min()
    assert codes_by_age(np.array([0, 7, 3, 7])).tolist() == [1, 3, 2, 0]


def test_a_codes_class_is_the_most_frequent_of_its_vectors(snapshot):
    of_codes = class_of_codes(snapshot.codes, snapshot.vector_labels, snapshot.num_codes)
    for code in range(snapshot.num_codes):
        classes = code_facts(snapshot, code).classes
        assert of_codes[code] == (classes.index(max(classes)) if any(classes) else -1)


def test_errors_sum_to_the_whole(snapshot):
    of_vectors, of_codes = errors_of(snapshot)
    difference = snapshot.z_e - snapshot.codebook[snapshot.codes]
    assert of_vectors.sum() == pytest.approx(np.square(difference).sum(), rel=1e-5)
    members = np.bincount(snapshot.codes, minlength=snapshot.num_codes)
    assert np.nansum(of_codes * members) == pytest.approx(of_vectors.sum(), rel=1e-5)


def test_labels_and_inputs_belong_to_the_vectors():
    """The monitor inputs are held-out digits, each with the class that the data file gives it."""
    trainer = Trainer(default_recipe("digits-classifier", num_codes=8))
    snapshot = trainer.snapshot()
    held_out = trainer.problem.load(0).held_out
    known = {image.numpy().tobytes(): int(label) for image, label in zip(*held_out[:2], strict=True)}
    assert [known[given.tobytes()] for given in snapshot.monitor_inputs] == snapshot.labels.tolist()
    assert snapshot.vector_labels.tolist() == np.repeat(snapshot.labels, 16).tolist()
    assert trainer.snapshot().monitor_inputs is snapshot.monitor_inputs  # shared, not copied at every look


def test_use_through_time_ends_with_now():
    session = Session(default_recipe("plane", num_codes=8), paused=True)
    session.start()
    try:
        for _ in range(3):
            ticket = session.send(StepCommand())
            assert session.wait(lambda session, ticket=ticket: session.status().commands_done >= ticket)
        snapshot = session.latest()
        facts = code_facts(snapshot, 2)
        assert len(facts.counts_through_time) == 4  # before the first step, and after each
        assert facts.counts_through_time[0] == 0
        assert facts.counts_through_time[-1] == snapshot.counts[2]
        assert list(facts.counts_through_time) == sorted(facts.counts_through_time)  # the window is still filling
    finally:
        session.stop()
