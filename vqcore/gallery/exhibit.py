"""One recipe of the gallery."""

from collections.abc import Callable
from typing import NamedTuple

from vqcore.diagnostics.evidence import Evidence
from vqcore.diagnostics.finding import Condition


class Exhibit(NamedTuple):
    """A recipe, and what a diagnosis should name first."""

    name: str
    condition: Condition
    """The condition it produces, which a diagnosis should name first."""

    trained: bool
    """Whether training alone produces it; otherwise it is constructed, from a trained codebook if latents matter."""

    make: Callable[[int], Evidence]
    """The evidence for a seed."""

    twin_of: str = ""
    """The exhibit that this one is the sound twin of: its condition must not be found here."""
