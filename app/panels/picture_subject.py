"""What the picture of a moment is of: whole held-out images, or a sheet of the held-out inputs. Knows no layout."""

# I images, h × w places

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.figures.examples import pictures
from app.figures.picture_sheet import columns_of
from app.panels.readings import answers_to, short_name
from vqcore.history import Floats, Ints
from vqcore.problems.problem import Problem
from vqcore.snapshot import Bytes, Snapshot

MOST_INPUTS = 96
"""Inputs on a sheet."""

ANSWERS_IN_ROW = 6
ROWS_OF_ANSWERS = 3
"""Of a classifier, whose answers have to be read; one row where there are several to compare."""

SHEET_ROWS = 6
"""Rows of a sheet without words."""


MOST_SIDE = 512
"""Pixels of a side of what is shown, at the most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The images, what the model makes of them, and the codes in between, of one step."""

    step: int
    given: Bytes
    """(I, H, W, 1 or 3)"""

    outputs: Bytes | None
    """(I, H, W, 1 or 3); None for a classifier."""

    codes: NDArray[np.integer]
    """(I, h, w)"""

    is_whole: bool
    """Whether the images are larger than the inputs that the model was trained on."""

    loss: float | None = None
    """Task loss over these images, where it is not that of the page."""

    vectors: Ints | None = None
    """(I·h·w,) which vector of the monitor sample each place is; None where they are none of the sample."""

    captions: Sequence[str] = ()
    """A classifier's answers."""

    right: Sequence[bool] = ()

    @property
    def columns(self) -> int:
        """How many of the images stand beside each other."""
        if self.captions:
            return min(len(self.given), ANSWERS_IN_ROW)
        return columns_of(len(self.given), most_rows=1 if self.is_whole else SHEET_ROWS)

    @property
    def places(self) -> tuple[int, int]:
        """Rows and columns of codes on an image."""
        height, width = self.codes.shape[1:]
        return height, width


def subject_of(snapshot: Snapshot, problem: Problem, *, beside: bool = False) -> Subject | None:
    """The picture that `snapshot` has; None where it was taken without one, or the inputs are no images.

    A classifier's is smaller `beside` that of another.
    """
    if problem.task == "plane":
        return None
    if problem.whole is None:
        return _sheet(snapshot, problem, ANSWERS_IN_ROW * (1 if beside else ROWS_OF_ANSWERS))
    if (picture := snapshot.picture) is None:
        return None
    return Subject(
        step=picture.step,
        given=picture.given,
        outputs=picture.outputs,
        codes=picture.codes,
        is_whole=True,
        loss=picture.loss,
    )


def z_e_of(snapshot: Snapshot, problem: Problem) -> Floats | None:
    """(I·h·w, D) what is quantized at the places of whole images; None where there are none."""
    if problem.whole is None or snapshot.picture is None:
        return None
    return snapshot.picture.z_e.reshape(-1, snapshot.picture.z_e.shape[-1]).astype(np.float32)


def _sheet(snapshot: Snapshot, problem: Problem, most_answers: int) -> Subject:
    is_classifier = problem.task == "classification"
    inputs = snapshot.inputs if snapshot.monitor_inputs is None else snapshot.monitor_inputs
    outputs = snapshot.outputs if snapshot.monitor_outputs is None else snapshot.monitor_outputs
    count = min(len(inputs), most_answers if is_classifier else MOST_INPUTS, _fitting(*inputs.shape[-2:]))
    places = snapshot.code_maps.shape[1:]
    if len(places) != 2:  # one code an input, or a row of them
        places = (1, snapshot.vectors_per_input)
    of_all = snapshot.codes if len(snapshot.codes) == len(inputs) * snapshot.vectors_per_input else snapshot.code_maps
    shown = of_all.reshape(-1)[: count * snapshot.vectors_per_input]
    captions, right = _answers(snapshot, problem, outputs[:count]) if is_classifier else ((), ())
    return Subject(
        step=snapshot.step,
        given=_pixels(inputs[:count]),
        outputs=None if is_classifier else _pixels(outputs[:count]),
        codes=shown.reshape(count, *places),
        is_whole=False,
        vectors=np.arange(len(shown)),
        captions=captions,
        right=right,
    )


def _fitting(height: int, width: int) -> int:
    """How many images fit on a sheet, one at the least."""
    return max(1, (MOST_SIDE // height) * (MOST_SIDE // width))


def _answers(snapshot: Snapshot, problem: Problem, outputs: Floats) -> tuple[list[str], list[bool]]:
    """What the model takes each input for, with the truth where that is another, and whether it is right."""
    truths = np.asarray(snapshot.targets if snapshot.labels is None else snapshot.labels)[: len(outputs)]
    classes = [short_name(name) for name in problem.classes]
    captions, right = answers_to(outputs, truths, classes)
    told = (
        short if is_right else f"{short}, is {classes[int(truth)]}"
        for short, is_right, truth in zip((each.replace(" · ", " ") for each in captions), right, truths, strict=True)
    )
    return list(told), right


def _pixels(images: Floats) -> Bytes:
    """Images (I, C, H, W) in ±1 as bytes (I, H, W, 1 or 3)."""
    return pictures(images)[..., : images.shape[1]]
