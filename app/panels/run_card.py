"""The card of one code of a run on disk: what was recorded of it, and the kept inputs whose vectors have it."""

# M sampled vectors, K codes, I kept inputs

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app import wording
from app.figures.examples import pictures, png
from app.live_plot.code_card import Card, Fact, Picture
from app.panels.run_charts import counts_of
from app.panels.run_scene import RunScene
from vqcore.diagnostics.code_facts import MOST_NEAREST, MOST_NEIGHBOURS, nearest_codes_of
from vqcore.files.errors import CheckpointError
from vqcore.runs.reading import RecordedCodebook

NO_INPUTS = "no inputs were kept: give them to probe.step(…, inputs=batch)"
NONE_OF_THESE = "none of the {count} inputs that were kept has a sampled vector with this code"
LONGEST_POINT = 3


def run_card(scene: RunScene, code: int) -> Card | None:
    """The card; None where the snapshot is gone, or the codebook has no such code."""
    book = scene.codebook()
    if book is None or not 0 <= code < len(book.table):
        return None
    book = _fitting(book)
    mine = np.zeros(0, dtype=bool) if book.codes is None else book.codes == code
    nearest, note = _inputs(scene, book, mine, code)
    return Card(
        facts=_facts(scene, book, mine, code),
        neighbours=[
            (near, wording.number(distance))
            for near, distance in zip(*nearest_codes_of(book.table, code, count=MOST_NEIGHBOURS), strict=True)
        ],
        decoded=[],
        decoded_note="",
        decoded_is_late=False,
        nearest=nearest,
        nearest_note=note,
    )


def _fitting(book: RecordedCodebook) -> RecordedCodebook:
    """Without what does not fit its table or its vectors: a file of others can hold anything."""
    codes, vectors = len(book.table), -1 if book.z_e is None else len(book.z_e)
    wanted = {"counts": codes, "gradient_norm": codes, "codes": vectors, "input": vectors}
    wrong: dict[str, Any] = {
        name: None for name, length in wanted.items() if np.shape(getattr(book, name)) != (length,)
    }
    return book._replace(**wrong)


def _facts(scene: RunScene, book: RecordedCodebook, mine: NDArray[np.bool_], code: int) -> list[Fact]:
    facts = []
    if book.counts is not None:
        counts = counts_of(book)
        window = "the last training batches" if scene.is_ours else "this step"
        told = f"{counts[code] / counts.sum():.2%}" if counts[code] > 0 else "not used"
        meaning = f"How often it was chosen in {window}."
        facts.append(Fact(label="chosen", value=f"{int(counts[code]):,}", note=told, meaning=meaning))
        rank = 1 + int((counts > counts[code]).sum())
        of = f"of {len(counts):,}"
        facts.append(Fact(label="rank", value=f"{rank:,}", note=of, meaning="1 is the most used code."))
    if book.z_e is not None and len(mine):
        of, meaning = f"of {len(mine):,} sampled vectors", "Sampled vectors that have it."
        facts.append(Fact(label="used by", value=f"{int(mine.sum()):,}", note=of, meaning=meaning))
        if mine.any():
            error = float(np.square(book.z_e[mine].astype(np.float64) - book.table[code]).sum(1).mean())
            meaning = "Quantization error of those vectors: summed over features, mean over vectors."
            facts.append(Fact(label="their ‖z_e − c‖²", value=wording.number(error), meaning=meaning))
    norm = float(np.linalg.norm(book.table[code].astype(np.float64)))
    facts.append(Fact(label="‖c‖", value=wording.number(norm), meaning="Length of its code vector."))
    if book.gradient_norm is not None:
        value, meaning = wording.number(float(book.gradient_norm[code])), f"{wording.MEANINGS['gradient_norm']}."
        facts.append(Fact(label="gradient norm", value=value, meaning=meaning))
    return facts


def _inputs(scene: RunScene, book: RecordedCodebook, mine: NDArray[np.bool_], code: int) -> tuple[list[Picture], str]:
    """The kept inputs with a vector that has the code, the nearest first, and what is said above them."""
    try:
        inputs = scene.run.inputs(scene.step)
    except CheckpointError:
        inputs = None
    if inputs is None or book.input is None or book.codes is None or book.z_e is None:
        return [], NO_INPUTS
    there = mine & (book.input >= 0) & (book.input < len(inputs))
    if not there.any():
        return [], NONE_OF_THESE.format(count=len(inputs))
    distances = np.linalg.norm(book.z_e[there].astype(np.float64) - book.table[code], axis=1)
    rows = book.input[there]
    nearest = {row: float(distances[rows == row].min()) for row in np.unique(rows).tolist()}
    shown = sorted(nearest, key=nearest.__getitem__)[:MOST_NEAREST]
    drawn = _scaled(inputs)
    note = f"inputs with a vector that has it, of {len(inputs):,} that were kept; by the distance of their z_e"
    return [_picture(drawn[row], wording.number(nearest[row])) for row in shown], note


def _scaled(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Images from their least value to their greatest, as ±1; anything else as it is."""
    if inputs.ndim != 4:
        return inputs
    finite = np.where(np.isfinite(inputs), inputs, np.nan)
    least, most = float(np.nanmin(finite, initial=np.inf)), float(np.nanmax(finite, initial=-np.inf))
    return (2 * (inputs - least) / (most - least) - 1 if most > least else np.zeros_like(inputs)).astype(np.float32)


def _picture(given: NDArray[np.float32], caption: str) -> Picture:
    if given.ndim == 3:
        image = given if given.shape[0] in (1, 3) else given[:1]
        return Picture(caption=caption, image=png(pictures(image[None])[0]))
    values = given.ravel()
    if len(values) <= LONGEST_POINT:
        return Picture(caption=caption, words=f"({', '.join(map(wording.coordinate, values.tolist()))})")
    words = f"{len(values):,} values from {wording.number(values.min())} to {wording.number(values.max())}"
    return Picture(caption=caption, words=words)
