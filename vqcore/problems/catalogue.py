"""Every problem by name."""

from vqcore.models.problems import OWN, PAPER_PROBLEMS, chosen
from vqcore.problems.autoencoders import DIGITS, PATCHES
from vqcore.problems.classifiers import DIGITS_CLASSIFIER
from vqcore.problems.plane import PLANE
from vqcore.problems.problem import Problem

PROBLEMS = {problem.name: problem for problem in (PATCHES, DIGITS, DIGITS_CLASSIFIER, PLANE, *PAPER_PROBLEMS)}


def find_problem(
    name: str, *, data: str = OWN, image_size: int = 0, width: int = 0, quantize_at: str = OWN
) -> Problem:
    """The problem called `name`, with what is chosen of its images and its network; see `chosen`.

    Raises:
        ValueError: if there is none, naming the existing ones; for a choice that it does not leave.
    """
    if name not in PROBLEMS:
        raise ValueError(f"`problem` must be one of {', '.join(PROBLEMS)}, but got {name!r}.")
    return chosen(PROBLEMS[name], data=data, image_size=image_size, width=width, quantize_at=quantize_at)
