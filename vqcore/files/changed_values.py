"""New values for some tensors of a file."""

from typing import Any, NamedTuple

from numpy.typing import NDArray


class Place(NamedTuple):
    """Where a tensor is in a file."""

    container: tuple[str, ...]
    """The keys that lead to its state dict; empty at the root."""

    key: str


Edits = dict[Place, NDArray[Any]]
"""Values of whole tensors, in the stored shape. What should stay is as it was read."""
