"""The examples of the Live page: held-out inputs, those that the chosen vectors come from, or one vector."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from app import wording
from app.figures.examples import examples
from app.figures.vector_picture import vector_picture
from app.panels.chart import LOWER, Chart, file_name, moment
from app.panels.chosen_inputs import ChosenInputs, inputs_of, place_of
from app.panels.readings import answers, below_picture
from app.panels.scene import Scene
from app.wording import coordinate, number
from vqcore.history import Ints
from vqcore.snapshot import Snapshot

MOST_ROWS = 200
"""Of the table of points; more are only counted."""


def examples_chart(scene: Scene) -> Chart:
    """Held-out inputs, what becomes of them, and the codes between; where vectors are chosen, the inputs of those."""
    vectors = _chosen(scene)
    found = inputs_of(vectors, scene.snapshot, len(scene.snapshot.inputs)) if len(vectors) else None
    alone = int(vectors[0]) if found and len(vectors) == 1 and len(found.inputs) == 1 else None

    def drawing() -> dict[str, Any]:
        if found is not None and alone is not None:
            return _one_vector(scene, found, alone)
        return _some_inputs(scene, found)

    return Chart(
        title=examples_title(scene),
        said=(*scene.stamp, *_said(scene, found, vectors, alone)),
        revision=moment(scene, scene.snapshot, scene.focus),
        drawing=drawing,
        height=LOWER,
        file_name=file_name("examples", scene, scene.snapshot),
        selectable="click",
        selected=scene.focus.choice.ids_in(scene.snapshot),
    )


def examples_title(scene: Scene) -> str:
    """What the examples are."""
    return f"{wording.examples_title(scene.problem.task, scene.words)} (held-out)"


def _chosen(scene: Scene) -> Ints:
    choice = scene.focus.choice
    return choice.vectors_in(scene.snapshot) if choice else np.empty(0, dtype=np.int64)


def _some_inputs(scene: Scene, found: ChosenInputs | None) -> dict[str, Any]:
    shown, is_classifier = found.snapshot if found else scene.snapshot, scene.problem.task == "classification"
    captions, right = _answers(scene, shown) if is_classifier else (None, None)
    return examples(
        shown.inputs,
        shown.code_maps,
        shown.num_codes,
        reconstructions=None if is_classifier else shown.outputs,
        captions=captions,
        right=right,
        chosen=found.chosen if found else None,
        pins=scene.focus.pinned(shown.level),
    )


def _one_vector(scene: Scene, found: ChosenInputs, vector: int) -> dict[str, Any]:
    shown, place = found.snapshot, place_of(vector, scene.snapshot)
    at = int(np.flatnonzero(found.inputs == place.input)[0])
    is_classifier = scene.problem.task == "classification"
    names = (f"input {place.input:,}", *(() if is_classifier else ("decoded",)), f"codes{scene.words.of}")
    facts = [f"z_e {vector:,}: row {place.row}, column {place.column}", _code_of(vector, shown)]
    if is_classifier:
        facts.append(_answer(scene, shown, at))
    return vector_picture(
        shown.inputs[at],
        shown.code_maps[at],
        shown.num_codes,
        place=(place.row, place.column),
        names=names,
        facts=facts,
        output=None if is_classifier else shown.outputs[at],
    )


def _code_of(vector: int, snapshot: Snapshot) -> str:
    code = int(snapshot.codes[vector])
    with np.errstate(invalid="ignore", over="ignore"):  # of a broken moment NaN or infinite
        distances = np.linalg.norm(snapshot.codebook.astype(np.float64) - snapshot.z_e[vector], axis=1)
    said = f"code {code:,} at ‖z_e − c‖ = {number(float(distances[code]))}"
    distances[code] = np.inf
    other = int(distances.argmin())
    return f"{said}, the next is {other:,} at {number(float(distances[other]))}" if len(distances) > 1 else said


def _answers(scene: Scene, shown: Snapshot) -> tuple[list[str], list[bool]]:
    """What the model answers for each shown input, with the true class where it is wrong, and whether it is right."""
    (captions, right), classes = answers(shown, scene.problem), scene.problem.classes
    return [
        below_picture(caption, None if is_right else classes[int(of)])
        for caption, of, is_right in zip(captions, shown.targets, right, strict=True)
    ], right


def _answer(scene: Scene, shown: Snapshot, at: int) -> str:
    (captions, right), classes = answers(shown, scene.problem), scene.problem.classes
    verdict = "right" if right[at] else "wrong"
    return f"predicted {captions[at]}, true class {classes[int(shown.targets[at])]}: {verdict}"


def _said(scene: Scene, found: ChosenInputs | None, vectors: Ints, alone: int | None) -> Iterator[str]:
    of, choice = scene.words.of, scene.focus.choice
    if found is None:
        if choice:
            yield "No held-out vector has what is chosen: these are the first inputs."
        yield f"One colour a code{of}; click on a cell to choose its code."
    elif alone is None:
        yield f"showing {len(found.inputs):,} of {found.of:,} inputs of the {len(vectors):,} chosen vectors"
        yield "their places are outlined"
    else:
        yield "The place that the vector comes from is outlined."
    if scene.problem.task == "classification" and found is None:
        yield "Below: the class predicted, its probability, and where that is wrong the true class."


def plane_rows(scene: Scene) -> list[dict[str, str]]:
    """The examples of a problem of points, or those that are chosen: each input, its z_e, and its code vector."""
    snapshot, vectors = scene.snapshot, _chosen(scene)
    inputs = snapshot.inputs if snapshot.monitor_inputs is None else snapshot.monitor_inputs
    shown = vectors[vectors < len(inputs)][:MOST_ROWS] if len(vectors) else np.arange(len(snapshot.inputs))
    return [_plane_row(scene, inputs[vector], int(vector)) for vector in shown]


def plane_said(scene: Scene) -> str:
    """What stands above those rows."""
    count, shown = len(_chosen(scene)), len(plane_rows(scene))
    if count == 1:
        return "the chosen point"
    if count:
        return f"showing {shown:,} of the {count:,} chosen points"
    return "No held-out point has what is chosen: these are the first." if scene.focus.choice else ""


def _plane_row(scene: Scene, given: Any, vector: int) -> dict[str, str]:
    snapshot = scene.snapshot
    code, z_e = int(snapshot.codes[vector]), snapshot.z_e[vector]
    with np.errstate(invalid="ignore", over="ignore"):
        distance = float(np.linalg.norm(z_e.astype(np.float64) - snapshot.codebook[code]))
    return {
        "": f"{vector:,}",
        "input": _point(given),
        scene.words.vectors: _point(z_e),
        "code": f"{code:,}",
        "code vector": _point(snapshot.codebook[code]),
        "distance": number(distance),
    }


def _point(place: Any) -> str:
    return f"({', '.join(map(coordinate, place))})"
