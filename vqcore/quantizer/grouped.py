"""Group quantization: each vector is split into sub-vectors that are quantized separately."""

# N vectors, K codes, D features, G groups

from collections.abc import Iterable, Iterator
from typing import cast

import torch
from torch import Tensor, nn

from vqcore.quantizer.layer import Level, Quantized, Quantizer, VectorQuantizer, error_of_level, is_size
from vqcore.quantizer.norms import normalized
from vqcore.quantizer.options import Options
from vqcore.quantizer.straight_through import straight_through


class GroupedQuantizer(Quantizer):
    """Quantizes G consecutive sub-vectors of D/G features, each with its own codebook or all with one.

    Also called product quantization: K codes in each of G groups can represent K^G vectors. The commitment loss
    is a mean over all elements, as for one group, and a norm of the input applies to each sub-vector.
    """

    def __init__(
        self,
        num_codes: int,
        dim: int,
        groups: int,
        options: Options | None = None,
        *,
        share: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        """`num_codes` is the size of each codebook; it is never divided among the groups.

        Raises:
            ValueError: if `groups` does not divide `dim`, or for what `VectorQuantizer` refuses.
        """
        super().__init__()
        if not is_size(dim):
            raise ValueError(f"`dim` must be a whole number of at least 1, but got dim={dim!r}.")
        if not is_size(groups) or dim % groups != 0:
            raise ValueError(
                f"`groups` must divide the {dim} features, but got {groups}. Use one of "
                f"{', '.join(str(size) for size in range(1, dim + 1) if dim % size == 0)}."
            )
        self.num_codes, self.dim, self.groups, self.share = num_codes, dim, groups, share
        self.codebooks = nn.ModuleList(
            VectorQuantizer(num_codes, dim // groups, options, generator=generator)
            for _ in range(1 if share else groups)
        )
        self.part_of_level = (0,) * groups if share else tuple(range(groups))

    @property
    def parts(self) -> tuple[VectorQuantizer, ...]:
        """One codebook, or one per group."""
        return tuple(cast(Iterable[VectorQuantizer], self.codebooks))

    def quantize(self, z_e: Tensor) -> tuple[Quantized, tuple[Level, ...]]:
        """What `forward` returns, with codes (…, G), and what each group did for it."""
        found, losses, levels = [], [], []
        for part, vectors in zip(self.part_of_level, self._sub_vectors(z_e), strict=True):
            z_q, loss, level = self.parts[part].assign(vectors)
            options = self.options
            found.append(straight_through(vectors, z_q, sync=options.sync, estimator=options.estimator))
            losses.append(loss)
            levels.append(level)
        codes = torch.stack([level.codes for level in levels], 1)
        return self._answer(z_e, torch.cat(found, 1), codes, torch.stack(losses).mean()), tuple(levels)

    def each_level(self, z_e: Tensor) -> Iterator[tuple[VectorQuantizer, Tensor]]:
        """Each group's codebook and its sub-vectors (N, D/G); one codebook for all, once with all (G·N, D/G)."""
        pieces = self._sub_vectors(z_e)
        if self.share:
            yield self.parts[0], torch.cat(pieces)
        else:
            yield from zip(self.parts, pieces, strict=True)

    def inputs_of(self, levels: tuple[Level, ...]) -> Tensor:
        """The sub-vectors side by side."""
        return torch.cat([level.z_e for level in levels], 1)

    def error_of(self, levels: tuple[Level, ...]) -> Tensor:
        """The sum over groups."""
        return torch.stack([error_of_level(level) for level in levels]).sum()

    def decode(self, codes: Tensor) -> Tensor:
        """The code vectors (…, D) for `codes` (…, G)."""
        found = [self.parts[part].decode(codes[..., group]) for group, part in enumerate(self.part_of_level)]
        return torch.cat(found, -1)

    def _sub_vectors(self, z_e: Tensor) -> tuple[Tensor, ...]:
        return tuple(normalized(part, self.options.input_norm) for part in self._flat(z_e).chunk(self.groups, 1))
