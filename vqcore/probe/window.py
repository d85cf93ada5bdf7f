"""What one watched module did within one recorded step: a sample and counts, without waiting for a device."""

# N vectors, M sampled, K codes, D features

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vqcore.probe.sending import sent
from vqcore.probe.watched import Searched, Watched, unit

GOLDEN = (math.sqrt(5) - 1) / 2


class Copies(NamedTuple):
    """Detached copies of one codebook's tensors; what was not observed is None."""

    table: Tensor
    table_after: Tensor | None = None
    """The table after the forward, if the first batch may have placed it."""

    placed: Tensor | None = None
    """The flag before the forward; if it is false, `table_after` is what was searched."""

    z_e: Tensor | None = None
    codes: Tensor | None = None
    """(M,); None if the module does not say them."""

    counts: Tensor | None = None
    """(K + 2,) hits of code −1, of each code, and of numbers beyond the table."""

    ema_counts: Tensor | None = None
    ema_sums: Tensor | None = None
    gradient_norm: Tensor | None = None
    num_vectors: int = 0
    first_vectors: int = 0
    """N of the first forward, which `z_e` is a sample of."""


class Window:
    """The copies of all codebooks of one module, from the first forward of a step to its end."""

    def __init__(self, watched: Watched, sample: int) -> None:
        self._watched, self._sample = watched, sample
        self._copies: list[Copies] = []
        self._gradients: dict[int, Tensor] = {}
        self.dtype = ""
        """Of z_e as it came in."""

        self.forwards = self.recomputed = 0

    @torch.no_grad()
    def open(self) -> None:
        """Copy the tables, before a forward may move them."""
        if self._copies:
            return
        flag = self._watched.flag()
        self._copies = [
            Copies(
                table=self._plain(table),
                placed=None if flag is None else flag.detach().clone(),
                ema_counts=None if one is None else one.counts.detach().float().clone(),
                ema_sums=None if one is None or one.sums is None else one.sums.detach().float().clone(),
            )
            for table, one in zip(self._watched.tables(), self._watched.averages(), strict=True)
        ]

    @torch.no_grad()
    def add(self, arguments: tuple[Any, ...], keywords: Mapping[str, Any], output: Any, *, is_first: bool) -> None:
        """Count the codes of a forward; keep a sample of the first one's vectors."""
        searched = self._watched.searched(arguments, keywords, output)
        if not searched or not self._copies or searched[0].num_vectors == 0:
            return
        self.forwards += 1
        for at, one in enumerate(searched):
            self._copies[at] = self._counted(self._copies[at], one)
            if self.forwards == 1:
                self._copies[at] = self._sampled(self._copies[at], one)
        if self.forwards == 1:
            self.dtype = str(searched[0].grid.dtype).removeprefix("torch.")
            if is_first and self._watched.flag() is not None:
                tables = self._watched.tables()
                self._copies = [
                    one._replace(table_after=self._plain(table))
                    for one, table in zip(self._copies, tables, strict=True)
                ]

    @torch.no_grad()
    def note_gradient(self, at: int, gradient: Tensor) -> None:
        """Remember the norm of each row of the gradient of codebook `at`."""
        self._gradients[at] = gradient.detach().float().norm(dim=1)

    def take(self) -> list[Copies]:
        """The copies, on their way to the CPU without a wait."""
        taken = [one._replace(gradient_norm=self._gradients.get(at)) for at, one in enumerate(self._copies)]
        return [Copies._make(sent(value) if isinstance(value, Tensor) else value for value in one) for one in taken]

    def _plain(self, table: Tensor) -> Tensor:
        return unit(table) if self._watched.is_cosine else table.detach().float().clone()

    def _counted(self, copies: Copies, searched: Searched) -> Copies:
        copies = copies._replace(num_vectors=copies.num_vectors + searched.num_vectors)
        if searched.codes is None:
            return copies
        counts = copies.counts
        if counts is None:
            counts = torch.zeros(len(copies.table) + 2, dtype=torch.int64, device=searched.codes.device)
        codes = (
            searched.codes.long().clamp(-1, len(copies.table)) + 1
        )  # never out of range: that would end a CUDA run
        return copies._replace(counts=counts.index_add_(0, codes, torch.ones_like(codes)))

    def _sampled(self, copies: Copies, searched: Searched) -> Copies:
        chosen = spread_out(searched.num_vectors, self._sample, searched.grid.device)
        rows = searched.rows(chosen).float()
        return copies._replace(
            z_e=unit(rows) if self._watched.is_cosine else rows,
            first_vectors=searched.num_vectors,
            codes=None if searched.codes is None else searched.codes[chosen].int(),
        )


def spread_out(count: int, most: int, device: torch.device) -> Tensor:
    """At most `most` different numbers below `count`, spread evenly in no order that images have; no random number.

    >>> spread_out(8, 3, torch.device("cpu"))
    tensor([0, 5, 2])
    """
    stride = max(1, round(count * GOLDEN))
    while math.gcd(stride, count) > 1:
        stride += 1
    return torch.arange(min(count, most), device=device) * stride % count
