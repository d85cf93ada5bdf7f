"""Residual quantization: each level quantizes what the levels before it left over."""

# N vectors, K codes, D features, L levels

from collections.abc import Iterable, Iterator
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqcore.quantizer.layer import Level, Quantized, Quantizer, VectorQuantizer, error_of_level, is_size
from vqcore.quantizer.nearest import nearest_codes
from vqcore.quantizer.options import Options
from vqcore.quantizer.straight_through import straight_through


class ResidualQuantizer(Quantizer):
    """Adds up L code vectors, each the nearest to what is still missing (Zeghidour et al., arXiv 2107.03312).

    The commitment loss is the sum of the levels' own, each between a residual and its code vector, so that one
    level gives what `VectorQuantizer` does. (VQTorch instead compares the sums; `vqcore.nn` does as VQTorch.)
    """

    def __init__(
        self,
        num_codes: int,
        dim: int,
        levels: int,
        options: Options | None = None,
        *,
        share: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        """`num_codes` is the size of each codebook; with `share` all levels search one.

        Raises:
            ValueError: for less than one level, or for what `VectorQuantizer` refuses.
        """
        super().__init__()
        if not is_size(levels):
            raise ValueError(f"`levels` must be a whole number of at least 1, but got {levels!r}.")
        self.num_codes, self.dim, self.share = num_codes, dim, share
        self.codebooks = nn.ModuleList(
            VectorQuantizer(num_codes, dim, options, generator=generator) for _ in range(1 if share else levels)
        )
        self.part_of_level = (0,) * levels if share else tuple(range(levels))

    @property
    def parts(self) -> tuple[VectorQuantizer, ...]:
        """One codebook, or one per level."""
        return tuple(cast(Iterable[VectorQuantizer], self.codebooks))

    def quantize(self, z_e: Tensor) -> tuple[Quantized, tuple[Level, ...]]:
        """What `forward` returns, with codes (…, L), and what each level did for it."""
        vectors = self._vectors(z_e)
        residual, total = vectors, torch.zeros_like(vectors)
        losses, levels = [], []
        for part in self.part_of_level:
            z_q, loss, level = self.parts[part].assign(residual)
            residual, total = residual - level.z_q, total + z_q
            losses.append(loss)
            levels.append(level)
        out = straight_through(vectors, total, sync=self.options.sync, estimator=self.options.estimator)
        codes = torch.stack([level.codes for level in levels], 1)
        return self._answer(z_e, out, codes, torch.stack(losses).sum()), tuple(levels)

    @torch.no_grad()
    def each_level(self, z_e: Tensor) -> Iterator[tuple[VectorQuantizer, Tensor]]:
        """Each level's codebook and the residual (N, D) before it."""
        residual = self._vectors(z_e)
        for part in self.part_of_level:
            yield self.parts[part], residual
            codebook = self.parts[part].codebook()
            residual = residual - F.embedding(nearest_codes(residual, codebook), codebook)

    def inputs_of(self, levels: tuple[Level, ...]) -> Tensor:
        """What the first level searched for."""
        return levels[0].z_e

    def error_of(self, levels: tuple[Level, ...]) -> Tensor:
        """What the last level leaves over."""
        return error_of_level(levels[-1])

    def decode(self, codes: Tensor) -> Tensor:
        """The sums of code vectors (…, D) for `codes` (…, L)."""
        found = [self.parts[part].decode(codes[..., level]) for level, part in enumerate(self.part_of_level)]
        return torch.stack(found).sum(0)
