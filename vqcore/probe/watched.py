"""A module that owns one or more codebooks: what can be read from it, and from one of its forwards."""

# B samples, P positions in each, N = B · P vectors, K codes, D features

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WHOLE = (torch.int64, torch.int32, torch.int16, torch.uint8)


class Book(NamedTuple):
    """One codebook of a module."""

    name: str
    num_codes: int
    dim: int
    structure: str = "whole"
    """`whole`, `grouped` or `residual`."""

    level: int = 0
    """Which group or residual level; shared codebooks appear once for each."""


class Searched(NamedTuple):
    """What one codebook was searched for in one forward: views, not copies."""

    grid: Tensor
    """(B, P, D)."""

    codes: Tensor | None
    """(N,), −1 where nothing was searched for; None if the module does not say."""

    def rows(self, chosen: Tensor) -> Tensor:
        """The vectors (M, D) numbered `chosen` (M,) among all N."""
        positions = self.grid.shape[1]
        return self.grid[chosen // positions, chosen % positions]

    @property
    def num_vectors(self) -> int:
        """N."""
        return self.grid.shape[0] * self.grid.shape[1]


class Averages(NamedTuple):
    """EMA buffers of one codebook."""

    counts: Tensor
    """(K,)."""

    sums: Tensor | None
    """(K, D)."""


class Watched(ABC):
    """A module with codebooks, in one library's layout."""

    about: str
    """The layout, in words."""

    without_hooks: str = ""
    """Why a forward hook would not see its searches; empty if it does."""

    is_cosine = False
    """Whether only directions are compared; tables and vectors are then recorded at unit length."""

    def __init__(self, name: str, module: nn.Module) -> None:
        self.name = name
        self.module: Any = module
        self.unseen = 0
        """Recorded steps in a row without a forward."""

        self.residual_level: int | None = None
        """Which level of a residual quantizer the whole module is, if it is one."""

    @classmethod
    @abstractmethod
    def fits(cls, module: Any) -> bool:
        """Whether `module` has this layout, by its attributes alone; its library need not be installed."""

    @abstractmethod
    def tables(self) -> list[Tensor]:
        """For each codebook the (K, D) code vectors as the search sees them, or views of them."""

    @abstractmethod
    def searched(self, arguments: tuple[Any, ...], keywords: Mapping[str, Any], output: Any) -> list[Searched]:
        """For each codebook what a forward with these arguments searched for."""

    def averages(self) -> list[Averages | None]:
        """The EMA buffers of each codebook; None where it has none."""
        return [None] * len(self.books())

    def parameters(self) -> list[nn.Parameter | None]:
        """The parameter that is each codebook's table, if its rows are the codes; None if nothing else trains it."""
        return [None] * len(self.books())

    def flag(self) -> Tensor | None:
        """The buffer that is false until the first training batch has placed the codes, if there is one."""
        for name in ("initted", "inited", "data_initialized"):
            found = getattr(self.module, name, None)
            if isinstance(found, Tensor):
                return found
        return None

    def books(self) -> list[Book]:
        """The codebooks, in the order of `tables`."""
        tables = self.tables()
        if len(tables) == 1 and self.residual_level is not None:
            return [book_of(self.name, tables[0], "residual", self.residual_level)]
        if len(tables) == 1:
            return [book_of(self.name, tables[0])]
        return [book_of(f"{self.name}[{at}]", table, "grouped", at) for at, table in enumerate(tables)]


def book_of(name: str, table: Tensor, structure: str = "whole", level: int = 0) -> Book:
    """The codebook with this table (K, D)."""
    return Book(name, table.shape[0], table.shape[1], structure, level)


def as_grid(z_e: Tensor, axis: int) -> Tensor:
    """`z_e` with its features on `axis` as a view (B, P, D)."""
    z_e = z_e.detach().movedim(axis, -1)
    return z_e[None] if z_e.ndim == 2 else z_e.flatten(1, -2)


def axis_of_features(z_e: Tensor, dim: int) -> int:
    """The axis with D features: the second of an image or a sequence, else the last.

    Raises:
        ValueError: if neither has D.
    """
    if z_e.ndim > 2 and z_e.shape[1] == dim and (z_e.ndim > 3 or z_e.shape[-1] != dim):
        return 1
    if z_e.shape[-1] == dim:
        return -1
    if z_e.ndim > 2 and z_e.shape[1] == dim:
        return 1
    raise ValueError(f"no axis of the shape {tuple(z_e.shape)} has the codebook's {dim} features")


def tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors in a forward's result: tuples, mappings and dataclass-like outputs, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from tensors_in(one)
    elif isinstance(value, tuple | list):
        for one in value:
            yield from tensors_in(one)


def whole_numbers(value: Any, count: int) -> Tensor | None:
    """The first tensor of `count` whole numbers in a forward's result, flat."""
    for tensor in tensors_in(value):
        if tensor.numel() == count and tensor.dtype in WHOLE:
            return tensor.detach().reshape(-1)
    return None


def unit(vectors: Tensor) -> Tensor:
    """At unit length."""
    return F.normalize(vectors.detach().float(), dim=-1)
