"""The vector quantizer: a codebook, an affine map over it, and a forward that only reads them."""

# N vectors, K codes, D features

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqcore.quantizer.affine import AffineMap
from vqcore.quantizer.commitment import commitment_loss
from vqcore.quantizer.distributed import summed
from vqcore.quantizer.nearest import nearest_codes
from vqcore.quantizer.norms import normalized
from vqcore.quantizer.options import Options
from vqcore.quantizer.straight_through import straight_through

ADDED_LATER = ("inner_velocity", "affine.matrix")
"""Tensors that older state dicts lack: they were at rest, and the identity."""


def is_size(value: object) -> bool:
    """Whether `value` is an int of at least 1."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


class NonFiniteInputError(ValueError):
    """The input contains NaN or infinity."""


class Level(NamedTuple):
    """One search within a forward; a plain vector quantizer has one, others one per group or residual level."""

    z_e: Tensor
    """(N, D) the vectors searched for, detached."""

    z_q: Tensor
    """(N, D) the code vectors found, detached."""

    codes: Tensor
    """(N,) int64."""


def error_of_level(level: Level) -> Tensor:
    """‖z_e − z_q‖² of one search, summed over features, mean over vectors."""
    return (level.z_e - level.z_q).square().sum(1).mean()


class Quantized(NamedTuple):
    """The result of a forward. Shapes for `z_e` of shape (…, D)."""

    z_q: Tensor
    """(…, D) code vectors in the dtype of `z_e`; their gradient is the estimator's."""

    codes: Tensor
    """(…) int64; (…, L) with L groups or levels."""

    commitment_loss: Tensor
    """(1 − β)·‖z_e − sg[z_q]‖² + β·‖sg[z_e] − z_q‖², mean over elements; not yet weighted by α."""


class Quantizer(nn.Module, ABC):
    """What vector, grouped and residual quantizers have in common.

    The last dimension is quantized and all others are flattened: `z_e` of (64, 8, 8, 32) is 4,096 vectors
    of 32 features. `forward` moves no code; in training it may update running moments, in evaluation it
    changes nothing. What moves codes has a trailing underscore.
    """

    dim: int
    """D, features of `z_e`."""

    num_codes: int
    """K, codes of each codebook."""

    part_of_level: tuple[int, ...]
    """For each level, which of `parts` it searches."""

    is_deferred: bool = False
    """Whether it waits for the step `quantize_from`, and lets z_e through meanwhile as under bypass."""

    @property
    @abstractmethod
    def parts(self) -> tuple["VectorQuantizer", ...]:
        """The codebooks, each once."""

    @abstractmethod
    def quantize(self, z_e: Tensor) -> tuple[Quantized, tuple[Level, ...]]:
        """What `forward` returns, and what each group or level did for it."""

    @abstractmethod
    def each_level(self, z_e: Tensor) -> Iterator[tuple["VectorQuantizer", Tensor]]:
        """For each level in turn its codebook and the vectors (N, D') that it searches for.

        Levels that search one codebook for vectors known from the start come as one, so that a step of the codebook
        is a step for all of them.

        A codebook moved between two turns is seen by the next: a residual is what the codes left over then.
        """

    @abstractmethod
    def decode(self, codes: Tensor) -> Tensor:
        """The code vectors (…, D) for `codes` of the shape that `forward` returns."""

    @abstractmethod
    def inputs_of(self, levels: tuple[Level, ...]) -> Tensor:
        """What came in, (N, D), after its norm, from a forward's levels."""

    @abstractmethod
    def error_of(self, levels: tuple[Level, ...]) -> Tensor:
        """‖z_e − z_q‖² of the whole, summed over features and as a mean over vectors, from a forward's levels."""

    def forward(self, z_e: Tensor) -> Quantized:
        """Quantize `z_e` (…, D).

        Raises:
            TypeError: if `z_e` is not of a floating-point dtype.
            ValueError: if the last dimension of `z_e` is not the codebook's D; if it contains NaN or infinity
                (on the CPU, and outside a compiled graph).
        """
        return self.quantize(z_e)[0]

    @property
    def options(self) -> Options:
        """The live options in force."""
        return self.parts[0].live_options

    def switch_(self, options: Options) -> bool:
        """Put `options` in force from the next forward on; see `VectorQuantizer.switch_`."""
        for part in self.parts:
            part.check_groups(options)
        rewritten = [part.switch_(options) for part in self.parts]
        return any(rewritten)

    def _vectors(self, z_e: Tensor) -> Tensor:
        """`z_e` as (N, D), with the input's norm, in float32 or better."""
        return normalized(self._flat(z_e), self.options.input_norm)

    def _flat(self, z_e: Tensor) -> Tensor:
        """`z_e` as (N, D) in float32 or better."""
        if not z_e.is_floating_point():
            raise TypeError(f"`z_e` must be of a floating-point dtype, but is {z_e.dtype}. Convert it: z_e.float().")
        if z_e.ndim == 0 or z_e.shape[-1] != self.dim:
            raise ValueError(
                f"`z_e` must end in {self.dim} features, like the codebook, but has shape {tuple(z_e.shape)}. "
                "Move channels last first: z_e.movedim(1, -1)."
            )
        return z_e.reshape(-1, self.dim).to(torch.promote_types(z_e.dtype, torch.float32))

    def _answer(self, z_e: Tensor, z_q: Tensor, codes: Tensor, loss: Tensor) -> Quantized:
        """The result for flat `z_q` and `codes` in the shape and dtype of `z_e`."""
        self._refuse_non_finite(z_e, loss)
        if self.options.bypass or self.is_deferred:
            z_q, loss = z_e, torch.zeros_like(loss)
        return Quantized(z_q.view(z_e.shape).to(z_e.dtype), codes.view(z_e.shape[:-1] + codes.shape[1:]), loss)

    def _refuse_non_finite(self, z_e: Tensor, loss: Tensor) -> None:
        # Anything broken in z_e breaks the loss, which costs nothing to look at on the CPU. Elsewhere a look makes
        # the host wait, and inside a compiled graph it cannot be taken.
        if torch.compiler.is_compiling() or z_e.device.type != "cpu" or math.isfinite(loss.item()):
            return
        bad = int((~z_e.isfinite()).sum())
        if bad:
            raise NonFiniteInputError(
                f"`z_e` must be finite, but {bad:,} of its {z_e.numel():,} values are NaN or infinite. "
                "Check what comes before the quantizer: the learning rate may be too high, or half precision is used."
            )

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # PyTorch's own error for this names neither remedy nor argument, and comes after half has been copied.
        own = dict(self.named_parameters()) | dict(self.named_buffers())
        for name, tensor in own.items():
            given = state_dict.get(prefix + name)
            if given is None and name.endswith(ADDED_LATER):
                state_dict[prefix + name] = torch.zeros_like(tensor)
            elif given is not None and given.shape != tensor.shape:
                raise ValueError(
                    f"`state_dict` must fit a codebook of {self.num_codes} codes of {self.dim} features, but its "
                    f"{prefix + name!r} has shape {tuple(given.shape)} where this layer has {tuple(tensor.shape)}. "
                    "Build the layer with the sizes that were saved."
                )
        super()._load_from_state_dict(state_dict, prefix, *rest)


class VectorQuantizer(Quantizer):
    """Replaces each vector of `z_e` by its nearest code vector.

    Every parameter and buffer exists under every option, so that one state dict fits them all.
    """

    steps_unused: Tensor
    ema_counts: Tensor
    inner_velocity: Tensor
    """(K, D) of the raw codebook under inner steps with momentum; zero without them."""

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
        if not (is_size(num_codes) and is_size(dim)):
            raise ValueError(
                f"`num_codes` and `dim` must be whole numbers of at least 1, but got num_codes={num_codes!r} and "
                f"dim={dim!r}."
            )
        self.num_codes = num_codes
        self.dim = dim
        self.part_of_level = (0,)
        self.raw_codebook = nn.Parameter(torch.randn(num_codes, dim, generator=generator))
        self.affine = AffineMap(num_codes, dim)
        self.register_buffer("steps_unused", torch.zeros(num_codes, dtype=torch.int64))
        self.register_buffer("ema_counts", torch.ones(num_codes))
        self.register_buffer("inner_velocity", torch.zeros(num_codes, dim))
        self.live_options = options if options is not None else Options()
        self.check_groups(self.live_options)

    @property
    def parts(self) -> tuple["VectorQuantizer", ...]:
        """This codebook alone."""
        return (self,)

    def codebook(self) -> Tensor:
        """The (K, D) code vectors as the search sees them, with gradients to the raw ones and the map."""
        return self._effective(self.raw_codebook)

    def quantize(self, z_e: Tensor) -> tuple[Quantized, tuple[Level, ...]]:
        """What `forward` returns, and the one level."""
        vectors = self._vectors(z_e)
        z_q, loss, level = self.assign(vectors)
        out = straight_through(vectors, z_q, sync=self.options.sync, estimator=self.options.estimator)
        return self._answer(z_e, out, level.codes, loss), (level,)

    def assign(self, vectors: Tensor) -> tuple[Tensor, Tensor, Level]:
        """Search for `vectors` (N, D); in training, running moments move.

        Returns:
            The nearest code vectors (N, D) with gradients to the codebook, the commitment loss, and what
            was found without gradients.
        """
        if self.training and self.options.affine == "running":
            self.affine.update_moments_(vectors.detach(), self.raw_codebook.detach(), self.options)
        codebook = self.codebook()  # (K, D)
        codes = nearest_codes(vectors.detach(), codebook.detach())  # (N,)
        z_q = F.embedding(codes, codebook)
        loss = self._commitment_loss(vectors, z_q, codes)
        return z_q, loss, Level(vectors.detach(), z_q.detach(), codes)

    def each_level(self, z_e: Tensor) -> Iterator[tuple["VectorQuantizer", Tensor]]:
        """The one level: this codebook and `z_e` (…, D) flattened, with its norm."""
        yield self, self._vectors(z_e)

    def inputs_of(self, levels: tuple[Level, ...]) -> Tensor:
        """Those of the one level."""
        return levels[0].z_e

    def error_of(self, levels: tuple[Level, ...]) -> Tensor:
        """Of the one level."""
        return error_of_level(levels[0])

    def decode(self, codes: Tensor) -> Tensor:
        """The code vectors (…, D) for `codes` (…)."""
        return F.embedding(codes, self.codebook())

    @torch.no_grad()
    def switch_(self, options: Options) -> bool:
        """Put `options` in force from the next forward on.

        Leaving an affine map (or changing its groups) or a codebook norm folds it into the raw codebook, so
        that the codebook does not move; a learned map or matrix starts at the identity, a running one from the next
        batch's moments, EMA sums from the current codes, inner steps from rest.

        Returns:
            Whether the raw codebook or the map was rewritten, so that an optimizer's moments for them are stale.

        Raises:
            ValueError: for more affine groups than codes; nothing is changed in that case.
        """
        self.check_groups(options)
        before = self.options
        regroups = before.affine != "off" and before.affine_groups != options.affine_groups
        leaves_map = before.affine != options.affine or regroups
        leaves_norm = before.codebook_norm not in ("none", options.codebook_norm)
        rescales = options.affine in ("learned", "matrix") and before.affine_lr_scale != options.affine_lr_scale
        if before.codebook_update != options.codebook_update:
            self.ema_counts.fill_(1)
        keeps_moving = options.inner_steps > 0 and options.inner_momentum > 0
        if leaves_map or leaves_norm or rescales or not keeps_moving:
            self.inner_velocity.zero_()
        shown = self.codebook()
        if leaves_map:
            self.affine.reset_()
        elif rescales:  # the same map, expressed at the new scale
            for parameter in (self.affine.scale, self.affine.bias, self.affine.matrix):
                parameter.mul_(before.affine_lr_scale / options.affine_lr_scale)
        self.live_options = options
        if leaves_map or leaves_norm:
            self.raw_codebook.copy_(self.affine.inverse(shown, options))
        return leaves_map or leaves_norm or rescales

    @torch.no_grad()
    def place_(self, vectors: Tensor, where: Tensor | None = None) -> None:
        """Set the code vectors to `vectors` (K, D), or only those at which the mask `where` (K,) holds.

        An EMA counts a placed code as one vector, and inner steps start it from rest. A codebook norm still applies
        to what is placed.
        """
        where = torch.ones_like(self.steps_unused, dtype=torch.bool) if where is None else where
        self.carry_(vectors, where)
        self.ema_counts.masked_fill_(where, 1)
        self.inner_velocity.masked_fill_(where[:, None], 0)

    @torch.no_grad()
    def carry_(self, vectors: Tensor, where: Tensor) -> None:
        """As `place_`, but what an EMA and inner steps know of a code stays: it moved without a jump."""
        raw = self.affine.inverse(vectors, self.options)
        self.raw_codebook.copy_(torch.where(where[:, None], raw, self.raw_codebook))

    @torch.no_grad()
    def count_unused_(self, counts: Tensor) -> None:
        """Advance every code's age since its last use by one step, given one step's `counts` (K,).

        Under `torch.distributed` a code counts as used if any process used it.
        """
        (counts,) = summed(counts)
        self.steps_unused.add_(1).masked_fill_(counts > 0, 0)

    def check_groups(self, options: Options) -> None:
        """Raise ValueError for more affine groups than codes."""
        if options.affine_groups > self.num_codes:
            raise ValueError(
                f"`affine_groups` must be at most the number of codes, {self.num_codes}, "
                f"but got {options.affine_groups}."
            )

    def _effective(self, raw: Tensor) -> Tensor:
        return normalized(self.affine(raw, self.options), self.options.codebook_norm)

    def _commitment_loss(self, vectors: Tensor, z_q: Tensor, codes: Tensor) -> Tensor:
        if self.options.inner_steps > 0 or self.options.codebook_update == "ema":
            # Something else owns the raw codebook; this term then reaches the affine map alone.
            z_q = F.embedding(codes, self._effective(self.raw_codebook.detach()))
        return commitment_loss(vectors, z_q, self.options.beta)
