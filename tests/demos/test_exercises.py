"""Exercises: each solution follows from the numbers that are printed."""

import json
import re

import numpy as np
import pytest

from demos.__main__ import main
from demos.catalogue import lessons
from demos.exercises import Solved, exercises

NUMBER = r"[-−]?\d+(?:\.\d+)?"


def numbers(text: str) -> list[float]:
    return [float(each) for each in re.findall(NUMBER, text)]


def vectors(text: str) -> list[np.ndarray]:
    return [np.array(numbers(each)) for each in re.findall(r"\((-?[\d.]+, -?[\d.]+)\)", text)]


@pytest.fixture(scope="module")
def solved() -> list[Solved]:
    return exercises(3)


def test_there_is_one_for_every_lesson_and_another_seed_gives_other_numbers(solved: list[Solved]) -> None:
    assert {each.lesson for each in solved} == {lesson.name for lesson in lessons()[0]}
    assert exercises(3) == solved
    assert exercises(4)[0] != solved[0]


def test_the_nearest_code_is_that_of_the_printed_vectors(solved: list[Solved]) -> None:
    z_e, *codes = vectors(solved[0].asks)
    squares = [float(((code - z_e) ** 2).sum()) for code in codes]
    assert solved[0].solution.endswith(f"code {np.argmin(squares)}, {min(squares):.4f}.")


def test_the_perplexity_is_that_of_the_printed_counts(solved: list[Solved]) -> None:
    counts = np.array(numbers(re.search(r"chosen (.*?) times", solved[1].asks)[1]))
    shares = counts[counts > 0] / counts.sum()
    assert f"= {np.prod(shares**-shares):.3f}. At most" in solved[1].solution


def test_the_map_gives_c_the_printed_moments_of_p(solved: list[Solved]) -> None:
    mean_p, std_p, mean_c, std_c = vectors(solved[4].asks)
    scale, shift = vectors(solved[4].solution)
    np.testing.assert_allclose(scale * std_c, std_p, atol=0.01 * std_c.max() + 1e-9)
    np.testing.assert_allclose(scale * mean_c + shift, mean_p, atol=0.01 + 0.01 * np.abs(mean_c).max())


def test_diveqs_two_parts_are_along_and_across_the_step_and_add_up(solved: list[Solved]) -> None:
    z_e, z_q, gradient = vectors(solved[7].asks)
    along, across = vectors(solved[7].solution)
    np.testing.assert_allclose(along + across, gradient, atol=0.011)
    way = (z_q - z_e) / np.linalg.norm(z_q - z_e)
    assert abs(across @ way) < 0.02
    assert abs(np.linalg.det([along, way])) < 0.02


def test_each_feature_is_rounded_to_the_nearest_value(solved: list[Solved]) -> None:
    (bounded,), (rounded,) = vectors(solved[8].asks), vectors(solved[8].solution)
    values = np.array([-1, -0.5, 0, 0.5, 1])
    np.testing.assert_array_equal(rounded, [values[abs(values - each).argmin()] for each in bounded])


def test_the_command_prints_them_with_or_without_solutions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exercises", "--seed", "3"]) == 0
    whole = capsys.readouterr().out
    assert main(["exercises", "--seed", "3", "--sheet"]) == 0
    sheet = capsys.readouterr().out
    for each in exercises(3):
        assert each.asks in whole
        assert each.solution in whole
        assert each.asks in sheet
        assert each.solution not in sheet
    assert main(["exercises", "--seed", "3", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 9
    assert main(["exercises", "--seed", "-1"]) == 2
    assert "`--seed`" in capsys.readouterr().err
