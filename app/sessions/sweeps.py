"""The same setting under many seeds, computed in a background thread, and statistics over the seeds."""

# S seeds done, T steps

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.sessions.background import Background
from vqcore.trajectories.lockstep import trajectories
from vqcore.trajectories.setting import Setting

Floats = NDArray[np.float32]
SEEDS = 20
COMPARED = {"gradient gap": "gradient gap", "delay": "delay", "final loss": "final excess loss"}
"""The measures that `comparisons` reports, with their words; for each, less is better."""

REFERENCE = "STE"

ROUNDING = 1e-6
"""Rounding error of a zero, also for angles in degrees."""


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One method under one seed."""

    summary: Mapping[str, float]
    measures: Mapping[str, Floats]
    """(T,) each; NaN from where the path diverged."""

    diverged: bool


SeedResult = Mapping[str, MethodResult]
"""By method."""


@dataclass(frozen=True, slots=True)
class Quartiles:
    """The median and the quartiles over seeds, (T,) each or single numbers."""

    low: Floats
    median: Floats
    high: Floats


class Sweep(Background):
    """`SEEDS` seeds of one setting, beginning with its own; each seed has its own starts and codes."""

    FAILED = "The seeds could not be computed"

    def __init__(self, setting: Setting, seeds: int = SEEDS) -> None:
        super().__init__("sweep")
        self.setting = replace(setting, starts=None, codes=None)
        self.seeds = seeds
        self.results: tuple[SeedResult, ...] = ()
        """Results so far; the list is replaced, never changed."""

    def _work(self) -> None:
        for number in range(self.seeds):
            setting = replace(self.setting, seed=self.setting.seed + number)
            paths = trajectories(setting, stop=self._stopping.is_set)
            if self._stopping.is_set():
                return
            found = {
                path.method: MethodResult(
                    path.summary(),
                    {name: _padded(values, setting.steps) for name, values in path.measures().items()},
                    path.diverged_at is not None,
                )
                for path in paths
            }
            self.results = (*self.results, found)


def curve(results: Sequence[SeedResult], method: str, measure: str) -> Quartiles:
    """A measure over the steps, over the seeds whose paths are still there."""
    values = np.stack([result[method].measures[measure] for result in results])  # (S, T)
    return _quartiles(values)


def table(results: Sequence[SeedResult]) -> list[dict[str, str]]:
    """A row per method: the median of each number of the summary with its quartiles, in words."""
    rows = []
    for method in results[0]:
        found = [result[method] for result in results]
        row = {"method": method}
        for name in found[0].summary:
            values = np.array([item.summary[name] for item in found])
            row[name] = _reached(values) if name == "reached" else _spread(values)
        diverged = sum(item.diverged for item in found)
        row["diverged"] = f"{diverged} of {len(found)}" if diverged else "–"
        rows.append(row)
    return rows


def comparisons(results: Sequence[SeedResult]) -> list[str]:
    """A sentence per method: in how many seeds it did better than `REFERENCE` in each of `COMPARED`."""
    if not results or REFERENCE not in results[0]:
        return []
    others = [name for name in results[0] if name not in (REFERENCE, "no quantization")]
    return [_comparison(results, method) for method in others]


def _comparison(results: Sequence[SeedResult], method: str) -> str:
    parts = []
    for key, words in COMPARED.items():
        pairs = [(result[method].summary[key], result[REFERENCE].summary[key]) for result in results]
        known = [(own, other) for own, other in pairs if np.isfinite(own) and np.isfinite(other)]
        less = sum(own < other for own, other in known)
        parts.append(f"the {words} in {less} of {len(known)} seeds")
    return f"Compared with {REFERENCE}, {method} reduced {', '.join(parts)}."


def _padded(values: NDArray[np.float64], steps: int) -> Floats:
    """As long as a path that did not diverge."""
    whole = np.full(steps, np.nan, dtype=np.float32)
    with np.errstate(over="ignore"):
        whole[: len(values)] = values
    return whole


def _quartiles(values: NDArray[np.floating]) -> Quartiles:
    """Median and quartiles over the first axis, of the finite values; NaN if there are none."""
    known = np.where(np.isfinite(values), values, np.nan)
    empty = np.isnan(known).all(0)
    low, median, high = np.nanpercentile(np.where(empty, 0, known), [25, 50, 75], axis=0)
    return Quartiles(*(np.where(empty, np.nan, part).astype(np.float32) for part in (low, median, high)))


def _spread(values: NDArray[np.float64]) -> str:
    found = _quartiles(values)
    return f"{_short(found.median)} ({_short(found.low)} – {_short(found.high)})"


def _reached(steps: NDArray[np.float64]) -> str:
    """Quartiles of the steps where the minimum was reached, and how often it was not."""
    missed = int(np.isnan(steps).sum())
    said = f"not reached {missed} of {len(steps)}" if missed else ""
    if missed == len(steps):
        return said
    return _spread(steps) + (f", {said}" if said else "")


def _short(value: Floats) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{float(value):.3g}" if abs(value) > ROUNDING else "0"
