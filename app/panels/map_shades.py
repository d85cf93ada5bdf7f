"""What the map can be coloured by: a value for every vector and every code."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.figures.map_layers import Shade
from vqcore.diagnostics.code_facts import class_of_codes, errors_of
from vqcore.diagnostics.usage import count_codes
from vqcore.problems.problem import Problem
from vqcore.snapshot import Snapshot


def shade(by: str, snapshot: Snapshot, problem: Problem) -> Shade | None:
    """Colours for `class`, `usage`, `age`, `error` or `gradient`; None: by role, also if classes are unknown."""
    if by == "class":
        return _by_class(snapshot, problem)
    if by == "error":
        of_vectors, of_codes = errors_of(snapshot)
        return Shade(title="‖z_e − z_q‖², the mean for codes", p=of_vectors, c=of_codes, log=True)
    measured: dict[str, tuple[NDArray[Any], str]] = {
        "usage": (count_codes(snapshot.codes, snapshot.num_codes), "held-out vectors of the code"),
        "age": (snapshot.steps_unused, "steps since the code's last use"),
        "gradient": (snapshot.gradient_norm, "‖∂L/∂c_raw‖ of the code"),
    }
    if by not in measured:
        return None
    of_codes, title = measured[by]
    values = of_codes.astype(np.float32)
    return Shade(title=title, p=values[snapshot.codes], c=values, log=by != "age")


def _by_class(snapshot: Snapshot, problem: Problem) -> Shade | None:
    labels = snapshot.vector_labels
    if labels is None:
        return None
    of_codes = class_of_codes(snapshot.codes, labels, snapshot.num_codes)
    return Shade(
        title="class of the input, the most frequent for codes",
        p=labels.astype(np.float32),
        c=np.where(of_codes < 0, np.nan, of_codes).astype(np.float32),
        classes=problem.classes,
    )
