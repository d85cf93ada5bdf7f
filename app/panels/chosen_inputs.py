"""Which inputs the examples show of what is chosen, and where in them it lies. Knows no layout."""

# M monitor vectors, I monitor inputs, h × w places of one input

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqcore.history import Ints
from vqcore.snapshot import Snapshot


class Place(NamedTuple):
    """Where a monitor vector comes from."""

    input: int
    row: int
    column: int


def place_of(vector: int, snapshot: Snapshot) -> Place:
    """The input of monitor vector `vector`, and its row and column among that input's vectors.

    An input that gives one vector has it at row 0, column 0.
    """
    found, place = divmod(vector, snapshot.vectors_per_input)
    row, column = divmod(place, snapshot.code_maps.shape[-1]) if snapshot.code_maps.ndim == 3 else (0, place)
    return Place(found, row, column)


@dataclass(frozen=True, slots=True)
class ChosenInputs:
    """The inputs that chosen vectors come from, as far as they fit."""

    snapshot: Snapshot
    """The moment, with these inputs shown."""

    inputs: Ints
    """(B,) which they are, ascending."""

    of: int
    """How many inputs there are that any of the vectors comes from."""

    chosen: NDArray[np.bool_]
    """(B, …) which of their places are chosen."""


def inputs_of(vectors: Ints, snapshot: Snapshot, most: int) -> ChosenInputs:
    """At most `most` inputs that `vectors` come from: those that most of them come from, the first of equals.

    A source that keeps no other inputs than those shown has its own.
    """
    found, counts = np.unique(vectors // snapshot.vectors_per_input, return_counts=True)
    shown = np.sort(found[np.argsort(-counts, kind="stable")[:most]])
    if snapshot.monitor_inputs is None or snapshot.monitor_outputs is None:
        shown = np.arange(len(snapshot.inputs))
    chosen = np.zeros(len(snapshot.codes), dtype=bool)
    chosen[vectors] = True
    of_inputs: NDArray[np.bool_] = chosen.reshape(-1, *snapshot.code_maps.shape[1:])[shown]
    return ChosenInputs(_with_inputs(snapshot, shown), shown, len(found), of_inputs)


def _with_inputs(snapshot: Snapshot, inputs: Ints) -> Snapshot:
    if snapshot.monitor_inputs is None or snapshot.monitor_outputs is None:
        return snapshot
    given, labels = snapshot.monitor_inputs[inputs], snapshot.labels
    return replace(
        snapshot,
        inputs=given,
        outputs=snapshot.monitor_outputs[inputs],
        targets=given if labels is None or snapshot.targets.ndim == given.ndim else labels[inputs],
        code_maps=snapshot.codes.reshape(-1, *snapshot.code_maps.shape[1:])[inputs],
    )
