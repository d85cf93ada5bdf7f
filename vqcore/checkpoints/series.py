"""A folder of checkpoints of one training as a time series. Opens none but those whose names tell no step."""

import re
from pathlib import Path
from typing import NamedTuple

from vqcore.checkpoints.containers import saved_step
from vqcore.checkpoints.errors import CheckpointError, shown
from vqcore.checkpoints.opening import open_contents

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
    """`step` or `epoch`, or `number` where the name has only a number."""

    path: Path


class Skipped(NamedTuple):
    """A file of the folder that is not in the series, and why."""

    path: Path
    reason: str


class Series(NamedTuple):
    """The checkpoints of a folder by step; all have one unit."""

    unit: str
    points: tuple[Point, ...]
    skipped: tuple[Skipped, ...]


def open_series(folder: str | Path) -> Series:
    """The checkpoints in `folder`, or in folders right below it, in the order of training.

    The step is read from the name (`step=1000`, `checkpoint-1000/model.safetensors`), otherwise from the file.

    Raises:
        CheckpointError: for no folder, one without checkpoints, or steps that cannot be put in one order.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CheckpointError(f"`{shown(folder)}` is not a folder. Open it as one checkpoint.")
    files = _files(folder)
    if not files:
        raise CheckpointError(f"`{shown(folder)}` holds no checkpoint ({' '.join(sorted(ENDINGS))}).")
    points, skipped = [], []
    for path in files:
        try:
            points.append(_point(path, folder))
        except CheckpointError as error:
            skipped.append(Skipped(path, str(error)))
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


def _files(folder: Path) -> list[Path]:
    try:
        below = [path for path in folder.iterdir() if path.is_dir()]
        files = [path for where in (folder, *below) for path in where.iterdir() if path.suffix.lower() in ENDINGS]
    except OSError as error:
        raise CheckpointError(f"`{shown(folder)}` cannot be read: {shown(error.strerror)}.") from error
    if len(files) > MOST_FILES:
        raise CheckpointError(
            f"`{shown(folder)}` holds {len(files):,} files, more than {MOST_FILES:,}. Name a smaller one."
        )
    return sorted(files)


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
        raise CheckpointError(f"`{shown(path)}` tells no step, neither in its name nor inside.")
    return Point(told[1], told[0], path)
