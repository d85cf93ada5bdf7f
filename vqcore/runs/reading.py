"""A run's folder, opened: also while it is written, and after its training was killed."""

# T recorded steps, N vectors of one step, M sampled, K codes, D features

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqcore.files.errors import CheckpointError, shown
from vqcore.files.opening import open_contents
from vqcore.files.regular_files import open_regular
from vqcore.runs.layout import ABOUT, FORMAT, INPUTS, METRICS, READ_VERSIONS, SNAPSHOTS, snapshot_name
from vqcore.runs.metrics import MetricsFile, State, Told
from vqcore.runs.packing import loose_steps, packed_steps, read_packed

LARGEST_ABOUT = 16 * 1024**2
MOST_INPUT_VALUES = 4 * 1024**2

LARGEST_STEP = 2**53
"""Beyond it a browser rounds."""


class RecordedCodebook(NamedTuple):
    """One codebook at one recorded step; what was not observed is None."""

    table: NDArray[np.float32]
    """(K, D) code vectors as the search saw them, before any update of this step."""

    z_e: NDArray[np.float32] | None
    """(M, D) a sample of the vectors searched for, from the step's first forward."""

    codes: NDArray[np.int32] | None
    """(M,) the codes of `z_e`; −1 where the layer searched for none. None in the step whose first batch placed the
    codes: it was searched in a table that no hook sees."""

    counts: NDArray[np.int64] | None
    """(K,) how often each code was chosen, over all N vectors of the step."""

    ema_counts: NDArray[np.float32] | None
    """(K,) the layer's own moving average of `counts`, before any update of this step."""

    ema_sums: NDArray[np.float32] | None
    """(K, D) the layer's moving sums of vectors."""

    gradient_norm: NDArray[np.float32] | None
    """(K,) norm of the gradient of each row of the table, as the last backward left it."""

    input: NDArray[np.int32] | None
    """(M,) which of `Run.inputs` each vector of `z_e` is from; −1 for one that is not kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A run as it was on disk at one moment; `load_run` again for what was written since."""

    folder: Path
    about: Mapping[str, Any]
    """What `run.json` says."""

    lines: tuple[Mapping[str, Any], ...]
    """What `metrics.jsonl` says of each recorded step, in the order of writing."""

    events: tuple[Mapping[str, Any], ...]
    """Switches that were thrown, each with its `step`, `event` in words, and `changes`."""

    state: State
    ending: str
    """How the training ended, in words; empty if it was not told."""

    notes: tuple[str, ...]
    """What was torn, lost or dropped, in sentences."""

    @property
    def codebooks(self) -> tuple[str, ...]:
        """Names of the codebooks, in the order of the model."""
        return tuple(str(one["name"]) for one in self.about["codebooks"])

    @property
    def snapshots(self) -> tuple[int, ...]:
        """The steps of which codebooks are still kept, ascending."""
        loose = loose_steps(self.folder)  # first: they go once the archive is there
        return tuple(sorted(loose.keys() | packed_steps(self.folder)))

    def curve(self, name: str, codebook: str | None = None) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Recorded steps (T,) and values (T,) of a metric of the training, such as `loss`, or of one codebook.

        Raises:
            KeyError: if it was never recorded.
        """
        rows = [(one["step"], one if codebook is None else one["codebooks"].get(codebook, {})) for one in self.lines]
        found = [(step, value) for step, values in rows if (value := as_number(values.get(name))) is not None]
        if not found:
            of = "" if codebook is None else f" of the codebook {codebook!r}"
            raise KeyError(f"{name!r}{of} was never recorded in {self.folder}.")
        steps, values = zip(*found, strict=True)
        return np.array(steps, dtype=np.int64), np.array(values, dtype=np.float64)

    def snapshot(self, step: int | None = None) -> dict[str, RecordedCodebook]:
        """The codebooks by name at `step`, one of `snapshots`; by default at the newest that can be read.

        Raises:
            CheckpointError: if there is none, or it cannot be read.
        """
        if step is not None:
            return read_snapshot(self.folder, step)
        for newest in reversed(self.snapshots):
            try:
                return read_snapshot(self.folder, newest)
            except CheckpointError:
                continue
        raise CheckpointError(f"`{shown(self.folder)}` holds no snapshot yet.")

    def inputs(self, step: int) -> NDArray[np.float32] | None:
        """(I, …) inputs that are kept of `step`, one of `snapshots`; None if there are none, or too many.

        Raises:
            CheckpointError: if the snapshot cannot be read.
        """
        array = _arrays(self.folder, step).get(INPUTS)
        if array is None or array.size > MOST_INPUT_VALUES or len(array.shape) < 2:
            return None
        values: NDArray[np.float32] = array.read()
        return values


def load_run(path: str | os.PathLike[str]) -> Run:
    """The run in the folder `path`, as far as it has been written.

    Raises:
        CheckpointError: one sentence, for a folder without a run, or with one of another version or tool.
    """
    return RunReader(Path(path)).read()


class RunReader:
    """Opens a run again and again while it is written, at the cost of what is new."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._about: dict[str, Any] | None = None
        self._metrics = MetricsFile(folder / METRICS)

    def read(self) -> Run:
        """The run as it is now; see `load_run`."""
        if self._about is None:  # written once
            self._about = _read_about(self.folder)
        told = self._metrics.look()
        ending = next((one for one in reversed(told.lines) if "ended" in one), None)
        state: State = told.state if ending is None else "died" if ending.get("error") else "finished"
        numbered = [one for one in told.lines if type(one.get("step")) is int and 0 <= one["step"] <= LARGEST_STEP]
        return Run(
            folder=self.folder,
            about=self._about,
            lines=tuple(one for one in numbered if _tells_codebooks(one)),
            events=tuple(one for one in numbered if isinstance(one.get("event"), str)),
            state=state,
            ending=str(ending.get("error") or "") if ending else "",
            notes=_notes(told, ending),
        )


def _notes(told: Told, ending: Mapping[str, Any] | None) -> tuple[str, ...]:
    """What was torn, lost or dropped."""
    if not told.is_there:
        return (f"There is no {METRICS}: nothing was recorded yet, or it was not copied.",)
    notes = [f"{told.torn:,} line{'s' if told.torn > 1 else ''} of {METRICS} was cut off and is left out."]
    notes = notes if told.torn else []
    if ending is not None:
        written = ending.get("notes")
        notes += map(str, written) if isinstance(written, list) else []
    elif told.state == "died":
        notes.append("The training ended without a word, as a killed process does.")
    dropped = max((one["dropped"] for one in told.lines if isinstance(one.get("dropped"), int)), default=0)
    if dropped:
        notes.append(f"{dropped:,} recorded steps were dropped because the disk was slower than the training.")
    return tuple(notes)


def _read_about(folder: Path) -> dict[str, Any]:
    path = folder / ABOUT
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            about = json.loads(file.read(LARGEST_ABOUT))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CheckpointError(f"`{shown(folder)}` holds no run: it has no {ABOUT}.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"`{shown(path)}` cannot be read ({shown(error)}).") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise CheckpointError(f"`{shown(path)}` is of another tool: its format is not {FORMAT!r}.")
    if about.get("version") not in READ_VERSIONS:
        raise CheckpointError(
            f"`{shown(path)}` is of version {shown(about.get('version'))} of the format, but this VQ Scope reads "
            f"versions {' and '.join(map(str, READ_VERSIONS))}. Use the VQ Scope that wrote it."
        )
    books = about.get("codebooks")
    if not isinstance(books, list) or not all(map(_is_codebook, books)):
        raise CheckpointError(f"`{shown(path)}` does not name its codebooks. Copy the folder again.")
    return about


def _is_codebook(told: Any) -> bool:
    is_named = isinstance(told, dict) and isinstance(told.get("name"), str)
    return is_named and all(type(told.get(size)) is int and told[size] > 0 for size in ("num_codes", "dim"))


def _tells_codebooks(line: Mapping[str, Any]) -> bool:
    told = line.get("codebooks")
    return isinstance(told, dict) and all(isinstance(one, dict) for one in told.values())


def as_number(value: Any) -> float | None:
    """What a line says as a number, also by the names of those that JSON lacks; None for anything else.

    >>> as_number("nan"), as_number("<b>"), as_number(None)
    (nan, None, None)
    """
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def read_snapshot(folder: Path, step: int) -> dict[str, RecordedCodebook]:
    """The codebooks by name that the run in `folder` keeps of `step`.

    Raises:
        CheckpointError: if there is none, or it cannot be read.
    """
    by_book: dict[str, dict[str, NDArray[Any]]] = {}
    for key, array in _arrays(folder, step).items():
        book, slash, field = key.rpartition("/")
        if slash and field in RecordedCodebook._fields:
            by_book.setdefault(book, {})[field] = array.read()
    fields = RecordedCodebook._fields
    return {
        name: RecordedCodebook._make(found.get(field) for field in fields)
        for name, found in by_book.items()
        if "table" in found
    }


def _arrays(folder: Path, step: int) -> Mapping[str, Any]:
    path = folder / SNAPSHOTS / snapshot_name(step)
    if not path.exists():
        return read_packed(folder, step)
    try:
        contents = open_contents(path)
    except CheckpointError:
        if path.exists():
            raise
        return read_packed(folder, step)  # packed in between
    if contents.format != "safetensors":
        raise CheckpointError(f"`{shown(path)}` is no snapshot. Copy the folder again.")
    arrays: Mapping[str, Any] = contents.root
    return arrays
