"""What was found in a file: codebooks, quantizers without one, and candidates. Values are read on demand."""

# K codes, D features

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqcore.checkpoints.axes import Axis
from vqcore.checkpoints.keys import Structure
from vqcore.checkpoints.modules import Module
from vqcore.checkpoints.usage import UsageStatistic
from vqcore.files.containers import Copy
from vqcore.files.errors import CheckpointError, shown
from vqcore.files.tensors import StoredArray

Confidence = Literal["known", "likely", "candidate", "told"]
Search = Literal["euclidean", "cosine", "dot product", "selector", "sinkhorn", "unknown"]
Transform = Literal[
    "as stored",
    "plain",
    "sum over usage",
    "code transform",
    "moving affine",
    "vqtorch affine",
    "projected",
    "unit length",
    "unit length by default",
    "vq scope",
    "table only",
]


AS_TOLD = "as told"
"""How the stage of codebooks begins that were told to work together."""


class Cut(NamedTuple):
    """Which part of the tensor is one codebook."""

    head: int | None = None
    """Index into the first axis of a 3-D tensor (into the second if the codes come first)."""

    codes_first: bool = False
    start: int = 0
    stop: int | None = None
    """Rows, if several codebooks lie one after another or the last row is padding."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Codebook:
    """One codebook of a file."""

    key: str
    """Key in the file, without the container."""

    container: tuple[str, ...]
    copy: Copy
    layout: str
    """The library or repository whose layout matched."""

    evidence: tuple[str, ...]
    """The rule's evidence in words; keys in it are safe to print, but not escaped for HTML."""

    against: tuple[str, ...]
    """What speaks against this reading, or is missing for it."""

    confidence: Confidence
    num_codes: int
    dim: int
    axis: Axis
    axis_reason: str
    axis_certain: bool
    search: Search
    """How the layout compares; `effective` may know better from the values."""

    transform: Transform
    structure: Structure
    level: int | None
    group: int | None
    stage: str
    aliases: tuple[str, ...]
    """Other keys with the same stored values: one codebook for several levels."""

    copy_of: str | None
    """The key of the current weights of which this is an average, if known."""

    usage: tuple[UsageStatistic, ...]
    array: StoredArray
    cut: Cut
    owner: Module
    """The tensor's module in the file, for the effective vectors."""

    @property
    def label(self) -> str:
        """Container and key on one line, made safe to print, not escaped for HTML."""
        heads = 1 if self.cut.head is None else self.array.shape[1 if self.cut.codes_first else 0]
        head = f" [{self.cut.head}]" if heads > 1 else ""
        rows = "" if self.cut.start == 0 and self.cut.stop is None else f" rows {self.cut.start}:{self.cut.stop}"
        return shown("/".join((*self.container, self.key))) + head + rows

    def raw(self) -> NDArray[np.floating]:
        """The vectors as stored, (K, D), before any map.

        Raises:
            CheckpointError: if they cannot be read.
        """
        values = self.array.read(is_codebook=True)
        if self.cut.head is not None:
            values = values[:, self.cut.head] if self.cut.codes_first else values[self.cut.head]
        values = values.reshape(-1, values.shape[-1]) if values.ndim == 3 else values
        values = values.T if self.axis == "D,K" else values
        values = values[self.cut.start : self.cut.stop]
        if values.shape != (self.num_codes, self.dim):
            raise CheckpointError(
                f"`{self.label}` has values of shape {values.shape}, which contradicts its header. Save it again."
            )
        return np.ascontiguousarray(values)


class Implicit(NamedTuple):
    """A quantizer that stores no code vectors, which is an answer, not an error."""

    path: str
    """The module's path in the file; may be empty."""

    container: tuple[str, ...]
    kind: str
    num_codes: int | None
    """Number of codes, if it follows from what is stored."""

    about: str
    """One sentence for the page."""


class Candidate(NamedTuple):
    """A tensor that might be a codebook; to be confirmed with `key`."""

    key: str
    container: tuple[str, ...]
    shape: tuple[int, ...]
    score: int
    """3 and more are offered; 2 only under more candidates."""

    evidence: tuple[str, ...]
