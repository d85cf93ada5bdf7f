"""What the reader has chosen and pinned, as frozen values. Knows no page."""

# M monitor vectors, K codes

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqcore.snapshot import Snapshot

Ints = NDArray[np.int64]

MOST_PINS = 6
"""Most pins: as many as there are distinguishable colours."""

CODE_ROLES = ("Q", "C", "dead")
"""Role of codes on the map; the bars and the code maps use Q."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Vectors and codes picked by hand at one level. What they select changes while the model trains.

    Picked vectors select the codes that they have now. Codes picked without vectors select the vectors that they
    have now.
    """

    level: int = 0
    vectors: tuple[int, ...] = ()
    """Rows of the monitor sample, ascending."""

    codes: tuple[int, ...] = ()
    """Ascending."""

    def __bool__(self) -> bool:
        return bool(self.vectors or self.codes)

    @property
    def code(self) -> int | None:
        """The picked code if exactly one was picked, else None."""
        return self.codes[0] if len(self.codes) == 1 and not self.vectors else None

    def vectors_in(self, snapshot: Snapshot) -> Ints:
        """The chosen vectors, ascending."""
        if self.vectors or not self.codes:
            return np.array(self.vectors, dtype=np.int64)
        return np.flatnonzero(np.isin(snapshot.codes, self.codes))

    def codes_in(self, snapshot: Snapshot) -> Ints:
        """The chosen codes, ascending."""
        return np.union1d(snapshot.codes[list(self.vectors)], np.array(self.codes, dtype=np.int64))

    def ids_in(self, snapshot: Snapshot) -> dict[str, list[int]]:
        """What every chart shows as selected: ids by role."""
        codes = self.codes_in(snapshot).tolist()
        return {"P": self.vectors_in(snapshot).tolist(), **dict.fromkeys(CODE_ROLES, codes)}

    def within(self, snapshot: Snapshot) -> tuple["Choice", str]:
        """The part of it that `snapshot` has, and a sentence about the rest, empty if there is no rest."""
        vectors = tuple(index for index in self.vectors if index < len(snapshot.z_e))
        codes = tuple(code for code in self.codes if code < snapshot.num_codes)
        lost = [outside("code", self.codes[len(codes) :], snapshot.num_codes)]
        lost += [outside("vector", self.vectors[len(vectors) :], len(snapshot.z_e))]
        return Choice(self.level, vectors, codes), " ".join(filter(None, lost))

    def at_level(self, level: int, snapshot: Snapshot | None) -> "Choice":
        """The same vectors at another level, where they have other codes. `snapshot` is of the current level."""
        vectors = self.vectors_in(snapshot).tolist() if snapshot is not None else self.vectors
        return Choice(level, tuple(vectors))

    def plus(self, other: "Choice") -> "Choice":
        """Both."""
        vectors, codes = {*self.vectors, *other.vectors}, {*self.codes, *other.codes}
        return Choice(other.level, tuple(sorted(vectors)), tuple(sorted(codes)))


class Pin(NamedTuple):
    """A code that keeps its colour, given by its position among the pins."""

    code: int
    level: int = 0


@dataclass(frozen=True, slots=True)
class Focus:
    """What every panel highlights."""

    choice: Choice = Choice()
    pins: tuple[Pin, ...] = ()
    """Pins of every level, in the order of their colours."""

    sentence: str = ""
    """What could not be done, and why; empty if all is well."""

    def pinned(self, level: int) -> dict[int, int]:
        """The pinned codes of one level, each with the index of its colour."""
        return {pin.code: place for place, pin in enumerate(self.pins) if pin.level == level}


def picked(ids: Mapping[str, Sequence[int]], level: int) -> Choice:
    """The choice made by selecting points, by role, on a chart."""
    codes = {int(code) for role in CODE_ROLES for code in ids.get(role, ())}
    return Choice(level, tuple(sorted(map(int, ids.get("P", ())))), tuple(sorted(codes)))


def outside(noun: str, ids: Sequence[int], count: int) -> str:
    """A sentence on ids that there are not; empty for none."""
    if not ids:
        return ""
    named = f"{noun} {ids[0]:,}" + (f" and {len(ids) - 1:,} more" if len(ids) > 1 else "")
    return f"There is no {named}: {noun}s run from 0 to {count - 1:,}."
