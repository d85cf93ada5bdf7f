"""A run's folder, opened: also while it is written, and after its training was killed."""

# T recorded steps, N vectors of one step, M sampled, K codes, D features

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqcore.files.errors import CheckpointError, shown
from vqcore.files.opening import open_contents
from vqcore.files.regular_files import open_regular
from vqcore.runs.layout import ABOUT, FORMAT, METRICS, SNAPSHOTS, SUFFIX, VERSION, snapshot_name
from vqcore.runs.locking import is_being_written

LARGEST_ABOUT, LARGEST_METRICS = 16 * 1024**2, 256 * 1024**2
"""Bytes that are read of each; 10⁶ recorded steps are some 200 MB of metrics."""

LARGEST_STEP = 2**53
"""Beyond it a browser rounds."""

State = Literal["running", "finished", "died", "unknown"]


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
        found = (self.folder / SNAPSHOTS).glob(f"*{SUFFIX}")
        return tuple(sorted(int(path.stem) for path in found if path.stem.isdecimal()))

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
            return _read_snapshot(self.folder, step)
        for newest in reversed(self.snapshots):
            try:
                return _read_snapshot(self.folder, newest)
            except CheckpointError:
                continue
        raise CheckpointError(f"`{shown(self.folder)}` holds no snapshot yet.")


def load_run(path: str | os.PathLike[str]) -> Run:
    """The run in the folder `path`, as far as it has been written.

    Raises:
        CheckpointError: one sentence, for a folder without a run, or with one of another version or tool.
    """
    folder = Path(path)
    about = _read_about(folder)
    lines, state, notes = _read_metrics(folder / METRICS)
    lines = _in_force(lines)
    ending = next((one for one in reversed(lines) if "ended" in one), None)
    numbered = [one for one in lines if type(one.get("step")) is int and 0 <= one["step"] <= LARGEST_STEP]
    if ending is not None:
        state = "died" if ending.get("error") else "finished"
        notes += tuple(str(one) for one in ending.get("notes", ()))
    elif state == "died":
        notes += ("The training ended without a word, as a killed process does.",)
    dropped = max((one["dropped"] for one in lines if isinstance(one.get("dropped"), int)), default=0)
    if dropped:
        notes += (f"{dropped:,} recorded steps were dropped because the disk was slower than the training.",)
    return Run(
        folder=folder,
        about=about,
        lines=tuple(one for one in numbered if _tells_codebooks(one)),
        events=tuple(one for one in numbered if isinstance(one.get("event"), str)),
        state=state,
        ending=str(ending.get("error") or "") if ending else "",
        notes=notes,
    )


def state_now(metrics: Path) -> State:
    """Whether a run that has not told its end is still written, by its writer's lock."""
    try:
        handle = open_regular(metrics)
    except (OSError, CheckpointError):
        return "unknown"
    try:
        return _by_lock(is_being_written(handle))
    finally:
        os.close(handle)


def _by_lock(written: bool | None) -> State:
    return "unknown" if written is None else "running" if written else "died"


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
    if about.get("version") != VERSION:
        raise CheckpointError(
            f"`{shown(path)}` is of version {shown(about.get('version'))} of the format, but this VQ Scope reads "
            f"version {VERSION}. Use the VQ Scope that wrote it."
        )
    books = about.get("codebooks")
    if not isinstance(books, list) or not all(map(_is_codebook, books)):
        raise CheckpointError(f"`{shown(path)}` does not name its codebooks. Copy the folder again.")
    return about


def _read_metrics(path: Path) -> tuple[list[dict[str, Any]], State, tuple[str, ...]]:
    """The lines that can be read, the state by the writer's lock, and a note if some cannot."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            written = is_being_written(file.fileno())
            content = file.read(LARGEST_METRICS)
    except FileNotFoundError:
        return [], "unknown", (f"There is no {METRICS}: nothing was recorded yet, or it was not copied.",)
    except OSError as error:
        raise CheckpointError(f"`{shown(path)}` cannot be read: {shown(error.strerror or error)}.") from error
    state = _by_lock(written)
    *whole, tail = content.split(b"\n")
    parsed = [_parsed(line) for line in whole if line]
    lines = [one for one in parsed if one is not None]
    torn = len(parsed) - len(lines) + (1 if tail and state != "running" else 0)
    notes = (f"{torn:,} line{'s' if torn > 1 else ''} of {METRICS} was cut off and is left out.",) if torn else ()
    return lines, state, notes


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


def _in_force(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines without those of steps that a training, gone on with from an earlier one, has done again."""
    kept: list[dict[str, Any]] = []
    for line in lines:
        if "resumed" in line and isinstance(line.get("from"), int):
            kept = [one for one in kept if isinstance(one.get("step"), int) and one["step"] <= line["from"]]
        else:
            kept.append(line)
    return kept


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _read_snapshot(folder: Path, step: int) -> dict[str, RecordedCodebook]:
    path = folder / SNAPSHOTS / snapshot_name(step)
    contents = open_contents(path)
    if contents.format != "safetensors":
        raise CheckpointError(f"`{shown(path)}` is no snapshot. Copy the folder again.")
    by_book: dict[str, dict[str, NDArray[Any]]] = {}
    for key, array in contents.root.items():
        book, slash, field = key.rpartition("/")
        if slash and field in RecordedCodebook._fields:
            by_book.setdefault(book, {})[field] = array.read()
    fields = RecordedCodebook._fields
    return {
        name: RecordedCodebook._make(found.get(field) for field in fields)
        for name, found in by_book.items()
        if "table" in found
    }
