"""The picture as parts of a page: what stands still, what moves with training, and where its places lie."""

# V variants, I images, h × w places, K codes

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.figures.examples import code_colours
from app.figures.map_layers import Scale, Shade
from app.figures.picture_sheet import exact_file, image_file, sheet
from app.panels.part import Part
from app.panels.picture_subject import Subject
from app.wording import number
from vqcore.problems.problem import Problem

MOST_BYTES = 24_000
"""Of a frame of the picture, without the few hundred that say what is what."""

FEWEST_BYTES = 2_000
"""Of one image, however many there are: with less it would show nothing."""

GRID = 32_000
"""Steps of the grid on which the map's places are told: finer than any screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One variant as the picture shows it."""

    name: str
    label: str
    """What its reconstruction is called."""

    subject: Subject
    num_codes: int
    shade: Shade | None = None
    """Colours of the codes where the map has them, too; None: each its own."""

    lit: NDArray[np.int64] | None = None
    """The codes that are chosen; None where none is."""

    pins: Mapping[int, int] | None = None
    """Pinned codes, each with the index of its colour."""

    shows_codes: bool = True
    """Whether error and codes can be seen as well."""

    colour: str = ""
    """Of its label; empty for that of all words."""


def given_part(subject: Subject, problem: Problem, num_codes: int, revision: str) -> Part:
    """What never changes in a run: the images, where they lie on the sheet, and the colours of the codes."""

    def make() -> dict[str, Any]:
        count, height, width = subject.given.shape[:3]
        columns = subject.columns
        return {
            "image": _bytes(exact_file(sheet(subject.given, columns))),
            "tiles": {"count": count, "columns": columns, "height": height, "width": width},
            "places": subject.places,
            "names": list(problem.classes) if subject.is_whole and len(problem.classes) == count else [],
            "colours": code_colours(num_codes).ravel(),
            "credit": problem.credit if subject.is_whole else "",
            "sources": problem.sources if subject.is_whole else "",
            "isSample": subject.vectors is not None,
        }

    return Part(revision, make, is_shared=True)


def seen_part(
    seen: Sequence[Seen], run: int, step: int, said: tuple[str, str], revision: str, file_name: str
) -> Part:
    """What moves: of each variant its images, its codes, and which of them are to stand out.

    Until the images of another `run` are decoded, the browser dims those that it has. Between the two parts of what
    is `said` it names how many images it draws, where those are fewer.
    """

    def make() -> dict[str, Any]:
        of_codes = sum(_size(each.subject.codes) for each in seen if each.shows_codes)
        images = sum(each.subject.outputs is not None for each in seen)
        most = max(FEWEST_BYTES, (MOST_BYTES - of_codes) // max(1, images))
        return {
            "run": run,
            "step": step,
            "late": seen[0].subject.step != step,
            "said": said,
            "fileName": file_name,
            "variants": [_variant(each, most) for each in seen],
        }

    return Part(revision, make, is_shared=True)


def waiting_part(said: str) -> Part:
    """Where there is no picture yet, why."""
    return Part(said, lambda: {"waiting": said})


def places_part(z_e: NDArray[np.float32], project: Callable[[Any], Any], step: int, revision: str) -> Part:
    """Where each place of whole images lies in the map's plane, as steps between the lowest and the highest place."""

    def make() -> dict[str, Any]:
        lying = np.asarray(project(z_e), dtype=np.float64)  # (I·h·w, 2)
        lying = np.where(np.isfinite(lying), lying, 0)
        low, high = lying.min(0), lying.max(0)
        steps = np.round((lying - low) / np.where(high > low, high - low, 1) * GRID).astype(np.int64)
        return {
            "step": step,
            "low": low.tolist(),
            "high": high.tolist(),
            "grid": GRID,
            "x": steps[:, 0],
            "y": steps[:, 1],
        }

    return Part(revision, make)


def said_of(subject: Subject, of: int) -> tuple[str, str]:
    """What the picture is of and, to go on with, in which size; `of` how many held-out inputs there are."""
    count, height, width = subject.given.shape[:3]
    rows, columns = subject.places
    size = f": {width} × {height} pixels, {columns} × {rows} codes each"
    if not subject.is_whole:
        return f"{count:,} of {of:,} held-out inputs", f", as the network takes them{size}"
    return f"{count} whole images", size


def used_of(subject: Subject, num_codes: int) -> list[str]:
    """How many codes the picture has, and the loss over it where that is not the one of the page."""
    used = f"{len(np.unique(subject.codes)):,} of {num_codes:,} codes in use here"
    return [used] if subject.loss is None else [used, f"loss here {number(subject.loss)}"]


def _variant(seen: Seen, most: int) -> dict[str, Any]:
    subject = seen.subject
    told: dict[str, Any] = {"name": seen.name, "label": seen.label, "step": subject.step, "colour": seen.colour}
    if subject.outputs is not None:
        told["image"] = _bytes(image_file(sheet(subject.outputs, subject.columns), most))
    else:
        told |= {"captions": list(subject.captions), "right": list(subject.right)}
    if seen.shows_codes:
        told["codes"] = packed(subject.codes.ravel())
        told["lit"] = None if seen.lit is None else seen.lit.tolist()
        told["pins"] = {str(code): place for code, place in (seen.pins or {}).items()}
        told["scale"] = _scale(seen.shade)
    return told


def _scale(shade: Shade | None) -> dict[str, Any] | None:
    """Colours by value: where each code lies on a scale from 0 to 1, and the scale."""
    if shade is None:
        return None
    marker = Scale(shade).marker(shade.c, bar=False)
    return {"places": marker["color"], "stops": marker["colorscale"], "title": shade.title}


def _bytes(file: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(file, np.uint8)


def packed(codes: NDArray[np.integer]) -> NDArray[np.integer] | dict[str, Any]:
    """Codes (n,) as they are where each takes a byte, else their bits one after the other, the lowest first."""
    bits = _bits(codes)
    if bits <= 8:
        return codes
    every = (codes[:, None] >> np.arange(bits)) & 1  # (n, bits)
    return {"bits": bits, "count": len(codes), "packed": np.packbits(every.astype(np.uint8), bitorder="little")}


def _bits(codes: NDArray[np.integer]) -> int:
    """That each of the codes takes on its way to the browser."""
    return max(8, int(codes.max(initial=0)).bit_length())


def _size(codes: NDArray[np.integer]) -> int:
    return -(-codes.size * _bits(codes) // 8)
