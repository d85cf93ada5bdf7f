"""What a rule is given and what it answers. Knows no library."""

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


ROWS = AxisChoice("K,D", "the layout has one row a code")


class At(NamedTuple):
    """A tensor that a rule is asked about."""

    name: str
    """Stripped key."""

    array: StoredArray
    owner: Module
    """The module that owns the table; of `codebook.weight` that is what holds `codebook`."""

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
    axis: AxisChoice = ROWS
    confidence: Confidence = "known"
    transform: Transform = "as stored"
    search: Search = "euclidean"
    statistics: tuple[tuple[StoredArray | None, Meaning], ...] = ()
    stack: Stack = "none"
    structure: Structure | None = None
    """Where the layout knows better than the key."""

    drop_rows: int = 0
    """Padding at the end."""


def beside(array: StoredArray | None) -> str:
    """Words for an array that counts as evidence."""
    return "" if array is None else f"{shown(array.key)} {array.shape} beside it"
