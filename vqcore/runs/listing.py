"""The runs below a folder, newest first: found without following a link, and read again only where they changed."""

import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from vqcore.diagnostics.finding import Severity
from vqcore.files.errors import CheckpointError
from vqcore.runs.course import found_at, worst
from vqcore.runs.layout import ABOUT, METRICS
from vqcore.runs.reading import Run, State, as_number, load_run, state_now

DEEPEST = 8
MOST_FOLDERS = 50_000
"""Folders that are looked into; a run's own are not."""

SPARK_POINTS = 40
RANK = re.compile(r"rank(\d+)")


class Verdict(NamedTuple):
    """The worst finding at the newest snapshot."""

    severity: Severity
    title: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """One run in a few values."""

    folder: Path
    """Of several ranks that of the first."""

    name: str
    """Its path below the folder that was searched."""

    ranks: int
    """How many processes wrote one beside each other."""

    created: float
    """Seconds since 1970, as its `run.json` says, or as that file's own date does."""

    state: State
    ending: str
    step: int | None
    """The newest recorded."""

    recorded: int
    """How many recorded steps there are."""

    sizes: str
    """K × D of its codebooks."""

    in_use: tuple[float, ...]
    """Share of codes in use, of the codebook that is least used at the end: at most `SPARK_POINTS`, oldest first."""

    loss: float | None
    verdict: Verdict | None = None
    """None until it is judged, or if it has no snapshot."""


class _Stamp(NamedTuple):
    about: tuple[int, int]
    metrics: tuple[int, int]


class RunList:
    """What lies below one folder; it remembers what it has read. One thread uses it at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.refused: tuple[str, ...] = ()
        """A sentence on each folder with a run that cannot be opened, as of the last look."""

        self.is_cut = False
        """Whether there were more folders than are looked into."""

        self._kept: dict[Path, tuple[_Stamp, Listed | str]] = {}
        self._verdicts: dict[Path, tuple[int, Verdict | None]] = {}
        """With the step that was judged; None where there was nothing to judge by."""

    def look(self) -> tuple[Listed, ...]:
        """The runs that are there now, newest first.

        Raises:
            OSError: if the folder itself cannot be listed.
        """
        self.is_cut = False
        found: dict[Path, tuple[_Stamp, Listed | str]] = {}
        for folder, ranks in _one_of_ranks(self._folders()):
            stamp = _stamp(folder)
            known = self._kept.get(folder)
            if known is not None and known[0] == stamp:
                found[folder] = stamp, _now(known[1], ranks)
            else:
                found[folder] = stamp, self._read(folder, ranks)
        self._kept = found
        self.refused = tuple(one for _, one in found.values() if isinstance(one, str))
        runs = [self._judged(one) for _, one in found.values() if isinstance(one, Listed)]
        return tuple(sorted(runs, key=lambda one: (-one.created, one.name)))

    def judge(self, run: Listed) -> Listed:
        """The same with its verdict, which takes some hundredths of a second the first time."""
        known = self._verdicts.get(run.folder)
        if run.step is not None and (known is None or known[0] != run.step):
            try:
                opened = load_run(run.folder)
                found = found_at(opened, opened.snapshots[-1]) if opened.snapshots else None
            except CheckpointError:
                found = None
            finding = worst(found)[1] if found else None
            verdict = None if finding is None else Verdict(finding.severity, finding.title)
            self._verdicts[run.folder] = run.step, verdict
        return self._judged(run)

    def _judged(self, run: Listed) -> Listed:
        """With the verdict on its newest step, if that is known."""
        step, verdict = self._verdicts.get(run.folder, (None, None))
        return replace(run, verdict=verdict if step == run.step else None)

    def _read(self, folder: Path, ranks: int) -> Listed | str:
        try:
            return listed(load_run(folder), str(folder.relative_to(self.root)), ranks)
        except CheckpointError as error:
            return str(error)

    def _folders(self) -> Iterator[Path]:
        """Those with a `run.json`. No link is followed, and nothing below a run is looked into."""
        looked, waiting = 0, [(self.root, 0)]
        while waiting:
            folder, depth = waiting.pop()
            looked += 1
            if looked > MOST_FOLDERS:
                self.is_cut = True
                return
            try:
                with os.scandir(folder) as entries:
                    below = list(entries)
            except OSError:
                if folder == self.root:
                    raise
                continue
            if any(one.name == ABOUT and one.is_file(follow_symlinks=False) for one in below):
                yield folder
            elif depth < DEEPEST:
                inner = [one for one in below if not one.name.startswith(".") and one.is_dir(follow_symlinks=False)]
                waiting += [(folder / one.name, depth + 1) for one in inner]


def listed(run: Run, name: str, ranks: int = 1) -> Listed:
    """The few values of an opened run."""
    sizes = {str(one["name"]): _whole(one.get("num_codes")) for one in run.about["codebooks"]}
    newest: Mapping[str, Any] = run.lines[-1] if run.lines else {}
    return Listed(
        folder=run.folder,
        name=name if name != "." else run.folder.name,
        ranks=ranks,
        created=_created(run),
        state=run.state,
        ending=run.ending,
        step=_whole(newest["step"]) if newest else None,
        recorded=len(run.lines),
        sizes=_sizes(run),
        in_use=_shares(run, sizes),
        loss=as_number(newest.get("loss")),
    )


def _one_of_ranks(folders: Iterator[Path]) -> list[tuple[Path, int]]:
    """Each folder with a 1, but of those called `rank0`, `rank1` … beside each other one with their number."""
    groups: dict[Path, list[Path]] = {}
    for folder in folders:
        groups.setdefault(folder.parent if RANK.fullmatch(folder.name) else folder, []).append(folder)
    return [(min(group, key=_rank), len(group)) for group in groups.values()]


def _rank(folder: Path) -> int:
    found = RANK.fullmatch(folder.name)
    return int(found[1]) if found else 0


def _now(known: Listed | str, ranks: int) -> Listed | str:
    """Nothing was written since, but its writer may have died."""
    if isinstance(known, str) or known.state == "finished" or known.ending:
        return known
    return replace(known, ranks=ranks, state=state_now(known.folder / METRICS))


def _stamp(folder: Path) -> _Stamp:
    return _Stamp(_of_file(folder / ABOUT), _of_file(folder / METRICS))


def _of_file(path: Path) -> tuple[int, int]:
    try:
        found = path.lstat()
    except OSError:
        return 0, -1
    return found.st_mtime_ns, found.st_size


def _created(run: Run) -> float:
    try:
        seconds = datetime.fromisoformat(str(run.about.get("created"))).timestamp()
    except (ValueError, OverflowError, OSError):
        seconds = -1.0
    return seconds if 0 < seconds < time.time() + 86_400 else _of_file(run.folder / ABOUT)[0] / 1e9


def _sizes(run: Run) -> str:
    counted: dict[tuple[int, int], int] = {}
    for one in run.about["codebooks"]:
        size = _whole(one.get("num_codes")), _whole(one.get("dim"))
        counted[size] = counted.get(size, 0) + 1
    return ", ".join(f"{f'{n} × ' if n > 1 else ''}{k:,} × {dim:,}" for (k, dim), n in counted.items())


def _shares(run: Run, sizes: Mapping[str, int]) -> tuple[float, ...]:
    curves = {name: _share(run, name, size) for name, size in sizes.items() if size > 0}
    told = [curve for curve in curves.values() if curve]
    least = min(told, key=lambda curve: curve[-1], default=[])
    every = -(-len(least) // SPARK_POINTS) or 1
    return tuple(least[::-every][::-1])


def _share(run: Run, name: str, size: int) -> list[float]:
    counted = [line["codebooks"].get(name) for line in run.lines]
    return [_whole(one.get("in_use")) / size for one in counted if isinstance(one, dict) and "in_use" in one]


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0
