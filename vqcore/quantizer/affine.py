"""Re-parameterization of the codebook by one map for all codes: c = s·c_raw + b, or c = W·c_raw."""

# K codes, D features, G rows of the map (one a group of codes)

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqcore.quantizer.distributed import num_ranks, summed
from vqcore.quantizer.options import MAX_AFFINE_GROUPS, Options

MOMENTUM = 0.1
"""Weight of the newest batch in the running moments (VQTorch's value)."""

SMALLEST_SPREAD = 1e-12
"""If σ² of a feature of C is at most this share of μ², it has no spread to rescale, and s stays 1."""


class AffineMap(nn.Module):
    """Shared scale and shift of the codebook (Huh et al. 2023).

    Learned: s = 1 + r·`scale`, b = r·`bias` with r = `affine_lr_scale`. Running: s = σ_P/σ_C and
    b = μ_P − s·μ_C from running moments. Matrix (SimVQ, Zhu et al., arXiv 2411.02038): c = W·c_raw with
    W = I + r·`matrix`, while no gradient reaches c_raw. All tensors exist and keep their shape under every
    option, so that a state dict fits whatever is switched on.
    """

    c_mean: Tensor
    c_var: Tensor
    p_mean: Tensor
    p_var: Tensor
    has_moments: Tensor

    def __init__(self, num_codes: int, dim: int) -> None:
        super().__init__()
        self.num_codes = num_codes
        self.scale = nn.Parameter(torch.zeros(MAX_AFFINE_GROUPS, dim))
        self.bias = nn.Parameter(torch.zeros(MAX_AFFINE_GROUPS, dim))
        self.matrix = nn.Parameter(torch.zeros(dim, dim))
        self.register_buffer("p_mean", torch.zeros(dim))
        self.register_buffer("p_var", torch.ones(dim))
        self.register_buffer("c_mean", torch.zeros(MAX_AFFINE_GROUPS, dim))
        self.register_buffer("c_var", torch.ones(MAX_AFFINE_GROUPS, dim))
        self.register_buffer("has_moments", torch.zeros((), dtype=torch.bool))

    def coefficients(self, options: Options) -> tuple[Tensor, Tensor]:
        """Scale s and shift b, each (K, D), or (1, D) if all codes share one row; the identity under a matrix."""
        if options.affine == "learned":
            scale, bias = 1 + options.affine_lr_scale * self.scale, options.affine_lr_scale * self.bias
        elif options.affine == "running":
            scale, bias = self._from_moments()
        else:
            scale, bias = torch.ones_like(self.scale), torch.zeros_like(self.bias)
        if options.affine_groups == 1:
            return scale[:1], bias[:1]
        rows = self.group_of_code(options.affine_groups)
        return scale[rows], bias[rows]

    def forward(self, raw: Tensor, options: Options) -> Tensor:
        """The codebook as the search sees it, (K, D), from the raw one."""
        if options.affine == "off":
            return raw
        if options.affine == "matrix":
            mapped: Tensor = F.linear(raw.detach(), self.mixing(options))
            return mapped
        scale, bias = self.coefficients(options)
        return raw * scale + bias

    def mixing(self, options: Options) -> Tensor:
        """W of the option `matrix`, (D, D)."""
        identity = torch.eye(len(self.matrix), device=self.matrix.device, dtype=self.matrix.dtype)
        mixing: Tensor = identity + options.affine_lr_scale * self.matrix
        return mixing

    @torch.no_grad()
    def inverse(self, vectors: Tensor, options: Options) -> Tensor:
        """The raw codebook that `forward` maps onto `vectors`, (K, D); a feature with s = 0 keeps its vector.

        Where W is singular it is the one that comes nearest.
        """
        if options.affine == "off":
            return vectors
        if options.affine == "matrix":
            undone: Tensor = torch.linalg.pinv(self.mixing(options)).to(vectors.dtype)
            return vectors @ undone.T
        scale, bias = self.coefficients(options)
        return (vectors - bias) / torch.where(scale == 0, 1, scale)

    @torch.no_grad()
    def update_moments_(self, z_e: Tensor, raw: Tensor, options: Options) -> None:
        """Move the running moments towards those of `z_e` (N, D) and of each group of `raw` (K, D).

        Under `torch.distributed` the moments of P are those of all processes' vectors together.
        """
        raw = raw.to(torch.promote_types(raw.dtype, torch.float32))
        p_var, p_mean = _moments(z_e.to(torch.promote_types(z_e.dtype, torch.float32)))
        usable = p_var.isfinite().all()  # not where z_e holds NaN, or where no process has a vector
        weight = torch.where(self.has_moments, MOMENTUM, 1.0)  # the first batch counts whole

        def move_(running: Tensor, newest: Tensor) -> None:
            moved = running.lerp(newest.to(running.dtype), weight.to(running.dtype))
            running.copy_(torch.where(usable, moved, running))

        move_(self.p_mean, p_mean)
        move_(self.p_var, p_var)
        for row, codes in enumerate(raw.tensor_split(self._group_starts(options.affine_groups))):
            c_var, c_mean = torch.var_mean(codes, 0, correction=0)
            move_(self.c_mean[row], c_mean)
            move_(self.c_var[row], c_var)
        self.has_moments.logical_or_(usable)

    @torch.no_grad()
    def reset_(self) -> None:
        """Reset to the identity, without moments."""
        for tensor in (self.scale, self.bias, self.matrix, self.p_mean, self.c_mean):
            tensor.zero_()
        self.p_var.fill_(1)
        self.c_var.fill_(1)
        self.has_moments.fill_(False)

    def group_of_code(self, groups: int) -> Tensor:
        """(K,) the row of the map for each code: groups are consecutive, and as even as K allows."""
        return torch.arange(self.num_codes, device=self.scale.device) * groups // self.num_codes

    def _from_moments(self) -> tuple[Tensor, Tensor]:
        has_spread = self.has_moments & (self.c_var > SMALLEST_SPREAD * self.c_mean.square()) & (self.c_var > 0)
        scale = torch.where(has_spread, self.p_var.sqrt() / torch.where(has_spread, self.c_var, 1).sqrt(), 1)
        return scale, self.p_mean - scale * self.c_mean

    def _group_starts(self, groups: int) -> list[int]:
        return [-(-group * self.num_codes // groups) for group in range(1, groups)]


def _moments(vectors: Tensor) -> tuple[Tensor, Tensor]:
    if num_ranks() == 1 and len(vectors) > 0:
        return torch.var_mean(vectors, 0, correction=0)
    count, total = summed(vectors.new_tensor([len(vectors)]), vectors.sum(0))
    mean = total / count
    (squares,) = summed((vectors - mean).square().sum(0))
    return squares / count, mean
