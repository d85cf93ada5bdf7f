"""What a rule is given and what it answers."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from vqcore.checkpoints.axes import AxisChoice
from vqcore.checkpoints.contents import Confidence, Search, Transform
from vqcore.checkpoints.keys import Structure
from vqcore.checkpoints.modules import Module
from vqcore.checkpoints.usage import Meaning
from vqcore.files.errors import shown
from vqcore.files.tensors import StoredArray

Stack = Literal["none", "heads", "levels", "groups after codes"]


UNKNOWN_LAYOUT = "unknown layout"
"""Of tables that are no rule's, but are weighed by what speaks for them."""

ROWS = AxisChoice("K,D", "the layout has one row per code")


class At(NamedTuple):
    """A tensor that a rule is asked about."""

    name: str
    """Stripped key."""

    array: StoredArray
    owner: Module
    """The module that owns the table; for `codebook.weight` the one that holds `codebook`."""

    leaf: str
    """The key below the owner: `codebook.weight`, `embed`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return self.array.shape


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """A rule's answer."""

    layout: str
    evidence: tuple[str, ...]
    against: tuple[str, ...] = ()
    """What speaks against this reading, or is missing for it, in words."""

    axis: AxisChoice = ROWS
    confidence: Confidence = "known"
    transform: Transform = "as stored"
    search: Search = "euclidean"
    statistics: tuple[tuple[StoredArray | None, Meaning], ...] = ()
    stack: Stack = "none"
    structure: Structure | None = None
    """Place among others, if the layout knows better than the key."""

    drop_rows: int = 0
    """Rows of padding at the end."""


def beside(array: StoredArray | None) -> str:
    """Words for an array used as evidence."""
    return "" if array is None else f"{shown(array.key)} {array.shape} beside it"
