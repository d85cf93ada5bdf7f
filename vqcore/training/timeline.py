"""Moments of one training to go back to: dense near now and the start, sparser in between."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from vqcore.history import NO_HISTORY, History
from vqcore.snapshot import Snapshot, Trail

MOST_MOMENTS = 200
MOST_BYTES = 64 * 10**6
TRAIL_LENGTH = 12
"""Earlier moments along which a snapshot shows its codes' paths."""


class Moment(NamedTuple):
    """All variants and levels at one step."""

    step: int
    seconds: float
    """Seconds of training until then."""

    snapshots: Mapping[str, tuple[Snapshot, ...]]
    """By variant, the levels in order; without curves and paths, which belong to no single moment."""

    sizes: Mapping[int, int]
    """Bytes of each of their arrays, by its identity."""


class Timeline:
    """At most `most_moments` moments in at most `most_bytes`, or two moments if one alone is larger.

    One thread keeps, any may read.
    """

    def __init__(self, most_moments: int = MOST_MOMENTS, most_bytes: int = MOST_BYTES) -> None:
        self._most_moments, self._most_bytes = most_moments, most_bytes
        self._moments: tuple[Moment, ...] = ()
        self.seconds = 0.0
        """Seconds of training so far, counted by the caller."""

    @property
    def moments(self) -> tuple[Moment, ...]:
        """What is kept, oldest first."""
        return self._moments

    @property
    def nbytes(self) -> int:
        """Of all arrays kept; one that several moments share counts once."""
        return _nbytes(self._moments)

    def keep(self, snapshots: Mapping[str, tuple[Snapshot, ...]]) -> None:
        """Add the newest moment, replacing one of the same step; drops others if there is no space."""
        light = {
            variant: tuple(replace(level, history=NO_HISTORY, trail=()) for level in levels)
            for variant, levels in snapshots.items()
        }
        step = max(levels[0].step for levels in light.values())  # a broken variant stays at an earlier one
        kept = [moment for moment in self._moments if moment.step < step]
        kept.append(Moment(step, self.seconds, light, _sizes(light)))
        while len(kept) > self._most_moments or (len(kept) > 2 and _nbytes(kept) > self._most_bytes):
            del kept[_least_missed([moment.step for moment in kept])]
        self._moments = tuple(kept)

    def fork(self, parent: str, variant: str) -> None:
        """Give `variant` the past of `parent`, which it shares until now."""
        self._moments = tuple(
            moment._replace(
                snapshots={
                    **moment.snapshots,
                    variant: tuple(replace(level, variant=variant) for level in moment.snapshots[parent]),
                }
            )
            if parent in moment.snapshots
            else moment
            for moment in self._moments
        )

    def copied(self, variant: str, most_moments: int, most_bytes: int) -> "Timeline":
        """One of its own for `variant` alone, which shares the past."""
        twin = Timeline(most_moments, most_bytes)
        twin.seconds = self.seconds
        twin._moments = tuple(
            moment._replace(snapshots={variant: moment.snapshots[variant]})
            for moment in self._moments
            if variant in moment.snapshots
        )
        return twin

    def at(self, step: int, variant: str, level: int, history: History) -> Snapshot | None:
        """The newest kept moment at or before `step`, else the oldest; None if there is none.

        Its curves are `history` cut at its step, its paths lead through the moments kept before it.
        """
        moments = [moment for moment in self._moments if variant in moment.snapshots]
        if not moments:
            return None
        index = max(0, int(np.searchsorted([moment.step for moment in moments], step, side="right")) - 1)
        seen = [moment.snapshots[variant] for moment in moments[max(0, index + 1 - TRAIL_LENGTH) : index + 1]]
        past = [levels[min(level, len(levels) - 1)] for levels in seen]
        trail = tuple(Trail(moment.step, moment.codebook, moment.z_e.mean(0)) for moment in past)
        return replace(past[-1], history=history.until(past[-1].step), trail=trail)


def _least_missed(steps: list[int]) -> int:
    """The moment to drop: the one leaving the smallest gap relative to its distance from now or from the start.

    So gaps grow with that distance. The first and the newest stay.
    """
    at = np.array(steps)
    gap, near = at[2:] - at[:-2], np.minimum(at[-1] - at[1:-1], at[1:-1] - at[0])
    return 1 + int(np.argmin(gap / near))


def _nbytes(moments: tuple[Moment, ...] | list[Moment]) -> int:
    sizes: dict[int, int] = {}
    for moment in moments:
        sizes |= moment.sizes
    return sum(sizes.values())


def _sizes(snapshots: Mapping[str, tuple[Snapshot, ...]]) -> dict[int, int]:
    return {id(array): array.nbytes for array in _arrays(snapshots)}


def _arrays(snapshots: Mapping[str, tuple[Snapshot, ...]]) -> Iterator[np.ndarray[Any, Any]]:
    for levels in snapshots.values():
        for snapshot in levels:
            values = (getattr(snapshot, name) for name in Snapshot.__slots__)
            yield from (value for value in values if isinstance(value, np.ndarray))
            yield from (usage.counts for usage in snapshot.levels)
            yield from () if snapshot.picture is None else snapshot.picture.arrays
