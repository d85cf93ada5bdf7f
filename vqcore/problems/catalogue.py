"""Every problem by name."""

from vqcore.problems.autoencoders import DIGITS, PATCHES
from vqcore.problems.classifiers import DIGITS_CLASSIFIER
from vqcore.problems.plane import PLANE
from vqcore.problems.problem import Problem

PROBLEMS = {problem.name: problem for problem in (PATCHES, DIGITS, DIGITS_CLASSIFIER, PLANE)}


def find_problem(name: str) -> Problem:
    """The problem called `name`.

    Raises:
        ValueError: if there is none, naming the existing ones.
    """
    if name not in PROBLEMS:
        raise ValueError(f"`problem` must be one of {', '.join(PROBLEMS)}, but got {name!r}.")
    return PROBLEMS[name]
