"""Which inputs are shown of what is chosen, and where in them it lies, against counting one by one."""

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from app.figures.examples import TILE, outline
from app.panels.chosen_inputs import inputs_of, place_of
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer

RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module", params=["digits", "digits-classifier"])
def moment(request):
    return Trainer(default_recipe(request.param, device="cpu")).snapshot()


@pytest.fixture(scope="module")
def points():
    return Trainer(default_recipe("plane", device="cpu")).snapshot()


def test_a_vectors_place_is_where_the_code_map_of_its_input_has_its_code(moment):
    rows, columns = moment.code_maps.shape[1:]
    found = [place_of(vector, moment) for vector in range(moment.code_maps.size)]
    assert [tuple(place) for place in found] == [
        (given, row, column)
        for given in range(len(moment.inputs))
        for row in range(rows)
        for column in range(columns)
    ]
    for vector, (given, row, column) in enumerate(found):
        assert moment.code_maps[given, row, column] == moment.codes[vector]


def test_a_point_is_its_own_input(points):
    assert tuple(place_of(7, points)) == (7, 0, 0)


@pytest.mark.parametrize("count", [1, 5, 300])
def test_the_inputs_shown_are_those_that_most_of_the_chosen_come_from(moment, count):
    vectors = np.sort(RANDOM.choice(len(moment.codes), count, replace=False))
    found = inputs_of(vectors, moment, 6)
    hits = Counter(place_of(int(vector), moment).input for vector in vectors)
    best = sorted(hits, key=lambda given: (-hits[given], given))[:6]
    assert found.inputs.tolist() == sorted(best)
    assert found.of == len(hits)
    assert found.chosen.shape == (len(best), *moment.code_maps.shape[1:])
    marked = {(found.inputs[at], row, column) for at, row, column in np.argwhere(found.chosen).tolist()}
    assert marked == {place for place in (place_of(int(vector), moment) for vector in vectors) if place.input in best}


def test_the_moment_shown_has_those_inputs_with_their_own_outputs_targets_and_codes(moment):
    found = inputs_of(np.array([16 * 9, 16 * 40 + 3]), moment, 6)
    shown = found.snapshot
    assert found.inputs.tolist() == [9, 40]
    np.testing.assert_array_equal(shown.inputs, moment.monitor_inputs[[9, 40]])
    np.testing.assert_array_equal(shown.outputs, moment.monitor_outputs[[9, 40]])
    np.testing.assert_array_equal(shown.code_maps[1].ravel(), moment.codes[16 * 40 : 16 * 41])
    is_classifier = moment.targets.ndim == 1
    np.testing.assert_array_equal(shown.targets, moment.labels[[9, 40]] if is_classifier else shown.inputs)


def test_the_first_inputs_chosen_are_shown_as_they_are_without_a_choice(moment):
    found = inputs_of(np.arange(moment.code_maps.size), moment, len(moment.inputs)).snapshot
    for name in ("inputs", "outputs", "targets", "code_maps"):
        np.testing.assert_array_equal(getattr(found, name), getattr(moment, name))


def test_a_source_that_keeps_no_other_inputs_shows_its_own(moment):
    alone = replace(moment, monitor_inputs=None, monitor_outputs=None)
    found = inputs_of(np.array([17, 16 * 40]), alone, 6)
    assert found.snapshot is alone
    assert np.argwhere(found.chosen).tolist() == [[1, 0, 1]]


def test_an_outline_runs_where_chosen_meets_unchosen_and_nowhere_else():
    chosen = RANDOM.random((4, 3)) < 0.5
    lines = outline(chosen).reshape(-1, 3, 2)
    assert np.isnan(lines[:, 2]).all()
    cell = np.array([TILE / 3, TILE / 4])
    drawn = []
    for start, end, _ in lines / cell:  # of one or several cells' edges
        steps = round(np.abs(end - start).sum())
        points = [
            tuple(np.round(start + (end - start) * step / steps).astype(int).tolist()) for step in range(steps + 1)
        ]
        drawn += [frozenset(edge) for edge in itertools.pairwise(points)]

    def is_chosen(row: int, column: int) -> bool:
        return 0 <= row < 4 and 0 <= column < 3 and bool(chosen[row, column])

    expected = set()
    for row in range(5):
        for column in range(4):
            here = (column, row)
            if is_chosen(row, column) != is_chosen(row - 1, column):
                expected.add(frozenset([here, (column + 1, row)]))
            if is_chosen(row, column) != is_chosen(row, column - 1):
                expected.add(frozenset([here, (column, row + 1)]))
    assert set(drawn) == expected
    assert len(drawn) == len(expected)  # none is drawn twice
