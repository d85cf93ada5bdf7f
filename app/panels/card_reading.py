"""Contents of the code card: from facts and pictures to words."""

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app import wording
from app.figures.examples import pictures, png
from app.figures.picture_sheet import image_file
from app.live_plot.code_card import Card, Fact, Picture
from app.panels.chosen_inputs import place_of
from app.panels.picture_subject import Subject, subject_of
from vqcore.diagnostics.code_facts import CodeFacts, Near
from vqcore.problems.problem import Problem
from vqcore.snapshot import Snapshot
from vqcore.training.examination import Examination

MOST_CLASSES_NAMED = 2
DARK, USED_BYTES = 0.22, 7_000
"""How bright is what the code is not used for, of 1, and the most bytes of such an image."""


def card(facts: CodeFacts, examination: Examination | None, snapshot: Snapshot, problem: Problem) -> Card:
    """The card of one code; pictures of the decoder follow when the session has answered."""
    return Card(
        facts=_facts(facts, snapshot, problem),
        neighbours=[(near.id, wording.number(near.distance)) for near in facts.neighbours],
        decoded=_decoded(examination, problem) if examination is not None else [],
        decoded_note=_decoded_note(examination, snapshot.step),
        decoded_is_late=examination is not None and examination.step != snapshot.step,
        nearest=[_nearest(near, snapshot) for near in facts.nearest],
        nearest_note="nearest held-out inputs, by the distance of their z_e",
        **_used(facts.code, subject_of(snapshot, problem)),
    )


def _used(code: int, subject: Subject | None) -> dict[str, Any]:
    """The whole images, dark but where the code is used, and how often it is."""
    if subject is None or not subject.is_whole:
        return {}
    height, width = (size // places for size, places in zip(subject.given.shape[1:3], subject.places, strict=True))
    uses = subject.codes == code  # (I, h, w)
    bright = uses.repeat(height, 1).repeat(width, 2)[..., None]
    shown = np.where(bright, subject.given, (subject.given * DARK).astype(np.uint8))
    pictures = [
        Picture(caption=f"{int(use.sum()):,} of {use.size:,} places", image=_url(image_file(image, USED_BYTES)))
        for image, use in zip(shown, uses, strict=True)
    ]
    stamp = f" at step {subject.step:,}"
    return {"used": pictures, "used_note": f"where it is used in whole held-out images{stamp}"}


def _url(file: bytes) -> str:
    kind = "png" if file.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(file).decode()}"


def _facts(facts: CodeFacts, snapshot: Snapshot, problem: Problem) -> list[Fact]:
    window = wording.usage_window(snapshot.window_batches, snapshot.window_vectors)
    placed = "never" if facts.placed_at < 0 else f"step {facts.placed_at:,}"
    found = [
        Fact(
            label="used by",
            value=f"{facts.members:,}",
            note=f"of {len(snapshot.codes):,}",
            meaning="Held-out vectors, the monitor sample's, that are assigned to it now.",
        ),
        Fact(
            label="touched in training",
            value=f"{facts.count:,}",
            note=f"{facts.share:.2%}" if facts.count else "not lately" if snapshot.step else "",
            meaning=f"Assignments over the usage window: {window}.",
        ),
        Fact(
            label="rank in training",
            value=f"{facts.rank:,}",
            note=f"of {snapshot.num_codes:,}",
            meaning="1 is the most used; codes used equally often share the best rank.",
        ),
        Fact(
            label="recent use",
            value=wording.number(facts.counts_through_time[0]) if len(facts.counts_through_time) > 1 else "–",
            note="then",
            meaning="Its use at the moments that this page has kept, oldest first.",
            past=facts.counts_through_time,
        ),
        Fact(
            label="last used",
            value="just now" if facts.steps_unused == 0 else f"{facts.steps_unused:,}",
            note="" if facts.steps_unused == 0 else "steps ago",
            meaning="Training steps since a batch last used it.",
        ),
        Fact(label="moved there", value=placed, meaning="The last step after which replacement or k-means moved it."),
        Fact(label="‖c‖", value=wording.number(facts.norm), meaning="Length of its effective code vector."),
        Fact(
            label="gradient norm",
            value=wording.number(facts.gradient_norm),
            meaning=f"{wording.MEANINGS['gradient_norm']}.",
        ),
        Fact(
            label="their ‖z_e − c‖²",
            value=wording.number(facts.member_error),
            meaning="Quantization error of those vectors: summed over features, mean over vectors.",
        ),
    ]
    if facts.classes:
        found.append(
            Fact(label="fires on", value=_classes(facts, problem), meaning="Classes of those vectors' inputs.")
        )
    return found


def _classes(facts: CodeFacts, problem: Problem) -> str:
    if not facts.members:
        return "nothing"
    order = np.argsort([-count for count in facts.classes], kind="stable")[:MOST_CLASSES_NAMED]
    return " ".join(
        f"{problem.classes[place]} ({facts.classes[place] / facts.members:.0%})"
        for place in order
        if facts.classes[place]
    )


def _decoded(examination: Examination, problem: Problem) -> list[Picture]:
    shown = [_output(examination.alone, "alone", problem)]
    if (replaced := examination.replaced) is not None:
        shown += [
            _output(replaced.before, f"with {replaced.neighbour}", problem),
            _output(replaced.after, f"with {examination.code}", problem),
        ]
    return shown


def _decoded_note(examination: Examination | None, step: int) -> str:
    """Says the step of the examination where that is not the `step` shown."""
    if examination is None:
        return "asking the model …"
    said = "decoded alone" if examination.step == step else f"decoded at step {examination.step:,}: alone"
    if (replaced := examination.replaced) is None:
        return f"{said}; no other code is in use that it could replace"
    change, loss = wording.number(replaced.output_change), wording.number(abs(replaced.loss_change))
    sign = "−" if replaced.loss_change < 0 else "+"
    inputs = f"{replaced.inputs:,} input" + ("s" if replaced.inputs > 1 else "")
    return f"{said}; for {replaced.neighbour} in {inputs}: rms change {change}, loss {sign}{loss}"


def _output(output: NDArray[Any], caption: str, problem: Problem) -> Picture:
    if problem.task == "classification":
        scores = np.exp(output - output.max())
        best = int(scores.argmax())
        return Picture(caption=caption, words=f"{problem.classes[best]} · {scores[best] / scores.sum():.0%}")
    if output.ndim == 1:
        return Picture(caption=caption, words=_point(output))
    return Picture(caption=caption, image=png(pictures(output[None])[0]))


def _nearest(near: Near, snapshot: Snapshot) -> Picture:
    assert snapshot.monitor_inputs is not None
    place = place_of(near.id, snapshot)
    given, caption = snapshot.monitor_inputs[place.input], wording.number(near.distance)
    if given.ndim == 1:
        return Picture(caption=caption, words=_point(given))
    height, width = snapshot.code_maps.shape[1:]
    frame = (100 * place.column / width, 100 * place.row / height, 100 / width, 100 / height)
    return Picture(caption=caption, image=png(pictures(given[None])[0]), frame=frame)


def _point(place: NDArray[Any]) -> str:
    return f"({', '.join(map(wording.coordinate, place))})"
