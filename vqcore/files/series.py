"""A folder of checkpoints of one training as a time series. Only files whose names have no step are opened."""

import re
from pathlib import Path
from typing import NamedTuple

from vqcore.files.containers import saved_step
from vqcore.files.errors import CheckpointError, shown
from vqcore.files.opening import open_contents

ENDINGS = frozenset({".pt", ".pth", ".bin", ".ckpt", ".safetensors", ".npz"})
MOST_FILES = 10_000

STEP = re.compile(
    r"(?<![a-z])(?:global[_-]?step|step|iter(?:ation)?|it|checkpoint|ckpt)s?[-_=]?(\d{1,15})(?!\d)", re.IGNORECASE
)
EPOCH = re.compile(r"(?<![a-z])(?:epoch|ep|e)[-_=]?(\d{1,15})(?!\d)", re.IGNORECASE)
NUMBER = re.compile(r"(?<!\d)(\d{1,15})(?!\d)")
SHARD = re.compile(r"-\d+-of-\d+$")


class Point(NamedTuple):
    """One checkpoint of the series."""

    step: int
    unit: str
    """`step` or `epoch`, or `number` if the name has only a number."""

    path: Path


class Skipped(NamedTuple):
    """A file of the folder that is not in the series, and why."""

    path: Path
    reason: str


class Series(NamedTuple):
    """The checkpoints of a folder by step, all in one unit."""

    unit: str
    points: tuple[Point, ...]
    skipped: tuple[Skipped, ...]


def open_series(folder: str | Path) -> Series:
    """The checkpoints in `folder`, or in folders right below it, in the order of training.

    The step is taken from the name (`step=1000`, `checkpoint-1000/model.safetensors`), otherwise from the file.

    Raises:
        CheckpointError: if it is not a folder, has no checkpoints, or its steps cannot be ordered.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CheckpointError(f"`{shown(folder)}` is not a folder. Open it as one checkpoint.")
    files, skipped = checkpoints_in(folder)
    if not (files or skipped):
        raise CheckpointError(
            f"`{shown(folder)}` holds no checkpoint ({' '.join(sorted(ENDINGS))}). Name another folder."
        )
    points = []
    for path in files:
        try:
            points.append(_point(path, folder))
        except Exception as error:
            skipped.append(skipped_for(error, path))
    if not points:
        raise CheckpointError(f"`{shown(folder)}` holds no checkpoint whose step is known. {skipped[0].reason}")
    unit = max(("step", "epoch", "number"), key=lambda one: sum(point.unit == one for point in points))
    skipped += [
        Skipped(one.path, f"counts in {one.unit}s, the others in {unit}s") for one in points if one.unit != unit
    ]
    kept = sorted((point for point in points if point.unit == unit), key=lambda point: (point.step, point.path.name))
    return Series(unit, tuple(kept), tuple(skipped))


def step_in_name(name: str) -> tuple[str, int] | None:
    """Unit and number in a file's name, if it has one.

    >>> step_in_name("epoch=3-step=1200"), step_in_name("vqvae_040"), step_in_name("last")
    (('step', 1200), ('number', 40), None)
    """
    for unit, pattern in (("step", STEP), ("epoch", EPOCH)):
        if found := pattern.search(name):
            return unit, int(found[1])
    numbers = NUMBER.findall(name)
    return ("number", int(numbers[-1])) if numbers else None


def skipped_for(error: Exception, path: Path) -> Skipped:
    """The file at `path`, skipped because of `error`, whatever it is: no single file ends a series."""
    if isinstance(error, CheckpointError):
        return Skipped(path, str(error))
    if isinstance(error, MemoryError):
        return Skipped(path, f"`{shown(path)}` needs more memory than is available. Close other programs.")
    if isinstance(error, OSError):
        return Skipped(
            path, f"`{shown(path)}` cannot be read: {shown(error.strerror or error)}. Check its permissions."
        )
    kind = type(error).__name__
    return Skipped(path, f"`{shown(path)}` cannot be read, which is a fault of VQ Scope ({kind}: {shown(error)}).")


def checkpoints_in(folder: Path) -> tuple[list[Path], list[Skipped]]:
    """The checkpoints in `folder` and right below it by their names, and the folders that cannot be looked into.

    Raises:
        CheckpointError: if `folder` cannot be read, or has too many.
    """
    try:
        entries = list(folder.iterdir())
    except OSError as error:
        raise CheckpointError(
            f"`{shown(folder)}` cannot be read: {shown(error.strerror)}. Check its permissions."
        ) from error
    below: list[Path] = []
    skipped = []
    for path in entries:
        try:
            below += path.iterdir() if path.is_dir() else ()
        except OSError as error:
            skipped.append(skipped_for(error, path))
    files = sorted(path for path in (*entries, *below) if path.suffix.lower() in ENDINGS)
    if len(files) > MOST_FILES:
        raise CheckpointError(
            f"`{shown(folder)}` holds {len(files):,} files, more than {MOST_FILES:,}. Name a smaller folder."
        )
    return files, skipped


def _point(path: Path, folder: Path) -> Point:
    if SHARD.search(path.stem):
        raise CheckpointError(
            f"`{shown(path)}` is a shard of one checkpoint. Open the shard that holds the codebook."
        )
    told = step_in_name(path.stem)
    if told is None and path.parent != folder:
        told = step_in_name(path.parent.name)
    if told is None:
        told = saved_step(open_contents(path).root)
    if told is None:
        raise CheckpointError(
            f"`{shown(path)}` has no step, neither in its name nor in the file. Name it as in step=1000.pt."
        )
    return Point(told[1], told[0], path)


def check_not_followed(out: Path) -> None:
    """Refuse to write among the checkpoints of a training, where the file would be taken for one of its steps.

    Raises:
        CheckpointError: if names beside `out`, or of the folders beside its own, tell several steps.
    """
    own = step_in_name(out.parent.name)
    is_of_folders = own is not None and own[0] != "number"
    names = [folder.name for folder in out.parent.parent.glob("*/")] if is_of_folders else []
    names += [path.stem for path in out.parent.glob("*") if path != out and path.suffix.lower() in ENDINGS]
    alike: dict[str, set[int]] = {}  # the checkpoints of one training are called alike but for their numbers
    for name in names:
        if (told := step_in_name(name)) is not None and told[0] != "number":
            alike.setdefault(re.sub(r"\d+", "", name), set()).add(told[1])
    most = max(map(len, alike.values()), default=0)
    if most > 1:
        raise CheckpointError(
            f"`{shown(out)}` would lie among {most:,} checkpoints of a training and be taken for a step of it. "
            "Name another folder."
        )
