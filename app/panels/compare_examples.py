"""What every variant makes of the same held-out inputs: reconstructions, or a classifier's answers."""

import numpy as np

from app.figures.reconstructions import Made
from app.figures.side_by_side import variant_colour
from app.panels.compare_scene import CompareScene
from app.panels.readings import answers, short_name
from app.theme import role
from vqcore.history import Floats
from vqcore.snapshot import Snapshot

MOST_SHOWN = 10
"""Inputs beside each other."""


def rows_of(scene: CompareScene) -> list[Made]:
    """The first monitor inputs, which are the same in all variants, and what each makes of them."""
    inputs = _inputs(scene.first)[: _shown(scene)]
    rows = [Made(name="input", colour=role("muted"), pictures=inputs)]
    if scene.problem.task == "classification":
        classes = [short_name(scene.problem.classes[int(target)]) for target in np.asarray(scene.first.targets)]
        rows.append(Made(name="true class", colour=role("muted"), words=classes[: len(inputs)]))
    notes = scene.notes(scene.snapshots)
    for place, (name, snapshot) in enumerate(scene.snapshots.items()):
        said, colour = f"{name}, {notes[name]}" if name in notes else name, variant_colour(place)
        if scene.problem.task == "classification":
            captions, right = answers(snapshot, scene.problem)
            words = [short_name(caption.split(" · ")[0]) for caption in captions]
            rows.append(Made(name=said, colour=colour, words=words, right=right))
        else:
            rows.append(Made(name=said, colour=colour, pictures=_outputs(snapshot)[: len(inputs)]))
    return rows


def examples_said(scene: CompareScene) -> str:
    """The line below them."""
    is_classifier = scene.problem.task == "classification"
    made = "what each variant takes them for" if is_classifier else "what each variant makes of them"
    return f"the first {_shown(scene)} held-out inputs, and {made}"


def _shown(scene: CompareScene) -> int:
    """The targets, without which an answer is neither right nor wrong, are known of the first few inputs."""
    first = scene.first
    return len(first.targets) if scene.problem.task == "classification" else min(MOST_SHOWN, len(_inputs(first)))


def _inputs(snapshot: Snapshot) -> Floats:
    return snapshot.inputs if snapshot.monitor_inputs is None else snapshot.monitor_inputs


def _outputs(snapshot: Snapshot) -> Floats:
    return snapshot.outputs if snapshot.monitor_outputs is None else snapshot.monitor_outputs
