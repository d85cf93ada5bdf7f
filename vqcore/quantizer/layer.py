"""The vector quantizer: a codebook, an affine map over it, and a forward that only reads them."""

# N vectors, K codes, D features

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqcore.quantizer.affine import AffineMap
from vqcore.quantizer.nearest import nearest_codes
from vqcore.quantizer.options import Options
from vqcore.quantizer.straight_through import straight_through


class Quantized(NamedTuple):
    """What a forward returns. Shapes for `z_e` of shape (…, D)."""

    z_q: Tensor
    """(…, D) code vectors; their gradient is the straight-through estimator's."""

    codes: Tensor
    """(…) int64."""

    commitment_loss: Tensor
    """(1 − β)·‖z_e − sg[z_q]‖² + β·‖sg[z_e] − z_q‖², mean over elements; not yet weighted by α."""


class VectorQuantizer(nn.Module):
    """Replaces each vector of `z_e` by its nearest code vector.

    The last dimension is quantized and all others are flattened: `z_e` of (64, 8, 8, 32) is 4,096 vectors
    of 32 features. `forward` moves no code; in training it may update the affine map's running moments, in
    evaluation it changes nothing. What moves codes is a method with a trailing underscore.

    Every parameter and buffer exists under every option, so one state dict fits them all.
    """

    steps_unused: Tensor

    def __init__(
        self,
        num_codes: int,
        dim: int,
        options: Options | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        """Code vectors start as draws from N(0, 1).

        Raises:
            ValueError: for a size below 1, or more affine groups than codes.
        """
        super().__init__()
        if num_codes < 1 or dim < 1:
            raise ValueError(
                f"`num_codes` and `dim` must be at least 1, but got num_codes={num_codes} and dim={dim}."
            )
        self.num_codes = num_codes
        self.dim = dim
        self.raw_codebook = nn.Parameter(torch.randn(num_codes, dim, generator=generator))
        self.affine = AffineMap(num_codes, dim)
        self.register_buffer("steps_unused", torch.zeros(num_codes, dtype=torch.int64))
        self.options = options if options is not None else Options()
        self._check_groups(self.options)

    def codebook(self) -> Tensor:
        """The (K, D) code vectors as the search sees them, with gradients to the raw ones and the map."""
        codebook: Tensor = self.affine(self.raw_codebook, self.options)
        return codebook

    def forward(self, z_e: Tensor) -> Quantized:
        """Quantize `z_e` (…, D).

        Raises:
            ValueError: where the last dimension of `z_e` is not the codebook's D.
        """
        if z_e.shape[-1] != self.dim:
            raise ValueError(
                f"`z_e` must end in {self.dim} features, as the codebook does, but has shape {tuple(z_e.shape)}. "
                "Move channels last first: z_e.movedim(1, -1)."
            )
        flat = z_e.reshape(-1, self.dim)  # (N, D)
        if self.training and self.options.affine == "running":
            self.affine.update_moments_(flat.detach(), self.raw_codebook.detach(), self.options)
        codebook = self.codebook()  # (K, D)
        codes = nearest_codes(flat.detach(), codebook.detach())  # (N,)
        z_q = F.embedding(codes, codebook).view_as(z_e)
        return Quantized(
            z_q=straight_through(z_e, z_q, sync=self.options.sync),
            codes=codes.view(z_e.shape[:-1]),
            commitment_loss=self._commitment_loss(z_e, z_q, codes),
        )

    @torch.no_grad()
    def switch_(self, options: Options) -> bool:
        """Put `options` in force from the next forward on.

        Leaving an affine map (or changing its groups) folds it into the raw codebook, so that the codebook
        does not move; a learned map starts at the identity, a running one from the next batch's moments.

        Returns:
            Whether raw codebook or map were rewritten, so that an optimizer's moments for them are stale.

        Raises:
            ValueError: for more affine groups than codes; nothing has changed then.
        """
        self._check_groups(options)
        before = self.options
        leaves_map = (before.affine, before.affine_groups) != (options.affine, options.affine_groups)
        rescales = options.affine == "learned" and before.affine_lr_scale != options.affine_lr_scale
        if leaves_map:
            self.raw_codebook.copy_(self.codebook())
            self.affine.reset_()
        elif rescales:  # the same s and b, expressed at the new scale
            for parameter in (self.affine.scale, self.affine.bias):
                parameter.mul_(before.affine_lr_scale / options.affine_lr_scale)
        self.options = options
        return leaves_map or rescales

    @torch.no_grad()
    def place_(self, vectors: Tensor, where: Tensor | None = None) -> None:
        """Set the code vectors to `vectors` (K, D), or only those at which the mask `where` (K,) holds."""
        raw = self.affine.inverse(vectors, self.options)
        if where is not None:
            raw = torch.where(where[:, None], raw, self.raw_codebook)
        self.raw_codebook.copy_(raw)

    @torch.no_grad()
    def count_unused_(self, counts: Tensor) -> None:
        """Advance every code's age since its last use by one step, given one step's `counts` (K,)."""
        self.steps_unused.add_(1).masked_fill_(counts > 0, 0)

    def _commitment_loss(self, z_e: Tensor, z_q: Tensor, codes: Tensor) -> Tensor:
        beta = self.options.beta
        if self.options.inner_steps > 0:
            # The inner steps own the raw codebook; this term then reaches the affine map alone.
            codebook = self.affine(self.raw_codebook.detach(), self.options)
            z_q = F.embedding(codes, codebook).view_as(z_e)
        encoder_side = F.mse_loss(z_e, z_q.detach())
        codebook_side = F.mse_loss(z_q, z_e.detach())
        return (1 - beta) * encoder_side + beta * codebook_side

    def _check_groups(self, options: Options) -> None:
        if options.affine_groups > self.num_codes:
            raise ValueError(
                f"`affine_groups` must be at most the number of codes, {self.num_codes}, "
                f"but got {options.affine_groups}."
            )
