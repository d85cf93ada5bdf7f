"""Codebooks as in VQTorch: with a norm of the raw vectors, and one affine map over all."""

# N vectors, G groups or levels, D features, K codes of one codebook

from typing import Literal, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from vqcore.quantizer.grouped import GroupedQuantizer
from vqcore.quantizer.layer import Quantizer, VectorQuantizer
from vqcore.quantizer.norms import normalized
from vqcore.quantizer.options import Norm, Options
from vqcore.quantizer.residual import ResidualQuantizer
from vqcore.quantizer.straight_through import straight_through


class Layout(NamedTuple):
    """How vectors are split for the search."""

    kind: Literal["whole", "groups", "levels"] = "whole"
    groups: int = 1
    share: bool = True


class Codebook(VectorQuantizer):
    """A codebook whose raw vectors are normalized without a gradient."""

    def __init__(self, num_codes: int, dim: int, options: Options, cb_norm: Norm) -> None:
        super().__init__(num_codes, dim, options)
        self.cb_norm = cb_norm

    def project_(self) -> None:
        """Normalize the raw codebook itself."""
        if self.cb_norm != "none":
            self.raw_codebook.copy_(normalized(self.raw_codebook, self.cb_norm))

    def trained(self, z_q: Tensor, codes: Tensor) -> Tensor:
        """`z_q` for the loss: detached, except for the affine map, if inner steps or EMA own the raw codebook."""
        if self.options.inner_steps == 0 and self.options.codebook_update == "gradient":
            return z_q
        return F.embedding(codes, self._effective(self.raw_codebook.detach()))

    def _effective(self, raw: Tensor) -> Tensor:
        # A new tensor even without a norm: autograd then does not notice when codes move at the end of the forward.
        return super()._effective(straight_through(raw, normalized(raw.detach(), self.cb_norm)))


class OneMap(Quantizer):
    """Several codebooks under one learned affine map, as in VQTorch."""

    def tie_(self) -> None:
        """Give all codebooks the first one's map; moments of a running map stay each codebook's own."""
        first, *others = self.parts
        for part in others:
            part.affine.scale, part.affine.bias = first.affine.scale, first.affine.bias

    def switch_(self, options: Options) -> bool:
        """As `Quantizer.switch_`."""
        for part in self.parts[1:]:  # each codebook folds the map into itself and then resets it
            part.affine.scale = nn.Parameter(part.affine.scale.detach().clone())
            part.affine.bias = nn.Parameter(part.affine.bias.detach().clone())
        try:
            return super().switch_(options)
        finally:
            self.tie_()


class GroupsUnderOneMap(OneMap, GroupedQuantizer):
    """Groups, each with its own codebook or all with one."""


class LevelsUnderOneMap(OneMap, ResidualQuantizer):
    """Residual levels, each with its own codebook or all with one."""


def laid_out(layout: Layout, num_codes: int, feature_size: int, options: Options, cb_norm: Norm) -> Quantizer:
    """The quantizer with `num_codes` in total.

    Raises:
        ValueError: if unshared codebooks cannot divide `num_codes` equally, or groups the features.
    """
    if layout.kind == "whole":
        return Codebook(num_codes, feature_size, options, cb_norm)
    num_codebooks = 1 if layout.share else layout.groups
    if num_codes % num_codebooks != 0:
        raise ValueError(
            f"`num_codes` must be a multiple of groups={layout.groups} without `share`, but got {num_codes}. "
            f"{num_codes - num_codes % num_codebooks or num_codebooks} would do."
        )
    kind = GroupsUnderOneMap if layout.kind == "groups" else LevelsUnderOneMap
    quantizer = kind(num_codes // num_codebooks, feature_size, layout.groups, options, share=layout.share)
    quantizer.codebooks = nn.ModuleList(
        Codebook(part.num_codes, part.dim, options, cb_norm) for part in quantizer.parts
    )
    quantizer.tie_()
    return quantizer
