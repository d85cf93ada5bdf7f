"""Scalars of TensorBoard's event files, read as they are appended to, and written. TensorBoard itself does both."""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from vqcore.files.errors import CheckpointError, shown

PATTERN = "*tfevents*"
MOST_FILES = 1_000
HOW_TO_INSTALL = "Install it with the extra of that name (pip install tensorboard)."


class Scalars(NamedTuple):
    """What one training told of one step."""

    run: str
    """Its folder below the one that is read; empty for that folder itself."""

    step: int
    values: Mapping[str, float]


class ScalarTail:
    """Looks at the event files of a folder again and again, and reads what has been appended.

    Raises:
        ValueError: where TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loading = _tensorboard("tensorboard.backend.event_processing.event_file_loader")
        self._tensors = _tensorboard("tensorboard.util.tensor_util")
        self._loaders: dict[Path, Any] = {}
        self._scalars: set[tuple[str, str]] = set()
        """Runs and tags of scalars: only the first event of a tag says what it is."""

        self._waiting: dict[str, Scalars] = {}
        """Of each training its newest step, of which more may follow."""

    def look(self, *, is_last: bool = False) -> list[Scalars]:
        """What has come since the last look, in the order of writing, a training after the other.

        The newest step of a training is held back while more of it may follow: until the next step, or until nothing
        has come for one look, or if this is the last.
        """
        found: list[Scalars] = []
        for run, files in groupby(event_files(self._folder), key=self._run_of):
            fresh = [one for path in files for one in self._appended(run, path)]
            waiting = [self._waiting.pop(run)] if run in self._waiting else []
            steps = _by_step([*waiting, *fresh])
            if fresh and steps and not is_last:
                self._waiting[run] = steps.pop()
            found += steps
        return found

    def _run_of(self, path: Path) -> str:
        name = str(path.parent.relative_to(self._folder))
        return "" if name == "." else name

    def _appended(self, run: str, path: Path) -> Iterator[Scalars]:
        if path not in self._loaders:
            self._loaders[path] = self._loading.EventFileLoader(str(path))
        for event in self._loaders[path].Load():
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "scalars":
                    self._scalars.add((run, value.tag))
                if (run, value.tag) in self._scalars:
                    number = self._tensors.make_ndarray(value.tensor)
                    yield Scalars(run, int(event.step), {value.tag: float(number.reshape(-1)[0])})


def event_files(folder: Path) -> list[Path]:
    """TensorBoard's files in `folder` and below it, those of one folder beside each other and oldest first.

    Raises:
        CheckpointError: if there are too many.
    """
    found = sorted((path for path in folder.rglob(PATTERN) if path.is_file()), key=lambda one: (one.parent, one.name))
    if len(found) > MOST_FILES:
        raise CheckpointError(
            f"`{shown(folder)}` holds {len(found):,} event files, more than {MOST_FILES:,}. Name a smaller folder."
        )
    return found


def check_tensorboard() -> None:
    """Refuse to go on where it is not installed.

    Raises:
        ValueError: saying how to install it.
    """
    _tensorboard("tensorboard")


def write_scalars(folder: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write the columns that hold numbers, over the column `step` and at the seconds of the column `time`.

    Raises:
        OSError: if they cannot be written.
    """
    from torch.utils.tensorboard import SummaryWriter  # asks for tensorboard

    steps = columns["step"]
    times = columns.get("time") or [None] * len(steps)
    with SummaryWriter(str(folder)) as writer:
        for name in [name for name in columns if name not in ("step", "time")]:
            for step, seconds, value in zip(steps, times, columns[name], strict=True):
                if type(value) in (int, float):
                    writer.add_scalar(name, value, step, walltime=seconds)


def _by_step(told: list[Scalars]) -> list[Scalars]:
    """Joined where the same training tells of the same step again and again."""
    joined: list[Scalars] = []
    for one in told:
        if joined and joined[-1].step == one.step:
            joined[-1] = one._replace(values={**joined[-1].values, **one.values})
        else:
            joined.append(one)
    return joined


def _tensorboard(module: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"TensorBoard's event files are read and written by tensorboard. {HOW_TO_INSTALL}"
        ) from error
