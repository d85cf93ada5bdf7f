"""VQTorch's three layers, with its arguments, results and code updates inside `forward`, over one quantizer."""

# B samples, N vectors, G groups or levels, D features, K codes of one codebook

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypedDict, Unpack, cast

import torch
from torch import Tensor, nn

from vqcore.dropin.codebooks import Codebook, Layout, laid_out
from vqcore.dropin.moves import count_and_replace_, forget_rows_, inplace_step_, start_
from vqcore.dropin.state import check_maps, check_shape, convert_vqtorch_
from vqcore.quantizer.grouped import GroupedQuantizer
from vqcore.quantizer.layer import Level, VectorQuantizer
from vqcore.quantizer.norms import normalized
from vqcore.quantizer.options import Norm, Options, check_real, check_whole
from vqcore.quantizer.straight_through import straight_through
from vqcore.quantizer.usage import perplexity

InplaceOptimizer = Callable[[list[nn.Parameter]], torch.optim.Optimizer]

INPUT_NORMS: dict[str | None, Norm] = {"l2": "unit", "l2c": "capped"}
CODEBOOK_NORMS: dict[str | None, Norm] = {"none": "none", None: "none", "l2": "capped", "l2c": "unit"}
"""VQTorch's names for a norm of the codebook mean the opposite of what they mean for the input."""

LAYER_NORMS: dict[str | None, Callable[[int], nn.Module]] = {
    "bn": nn.BatchNorm2d,
    "gn": lambda features: nn.GroupNorm(32, features, eps=1e-6),
    "in": nn.InstanceNorm2d,
    "none": lambda features: nn.Identity(),
    None: lambda features: nn.Identity(),
}


class Settings(TypedDict, total=False):
    """Arguments shared by the three layers, as in `VectorQuant`."""

    beta: float
    sync_nu: float
    affine_lr: float
    affine_groups: int
    replace_freq: int
    inplace_optimizer: InplaceOptimizer | None
    dim: int
    norm: str | None
    cb_norm: str | None
    kmeans_init: bool


class Weight(NamedTuple):
    """Stand-in for VQTorch's embedding."""

    weight: Tensor


class Found(NamedTuple):
    """Result of one search."""

    level: Level
    z_q: Tensor
    """(N, D) with gradients to the codebook."""
    trained: Tensor
    """(N, D) the same, with gradients to what the commitment loss trains."""
    distances: Tensor
    """(N,) Euclidean, at the codebook of the search."""


class VectorQuant(nn.Module):
    """Vector quantization with VQTorch's arguments.

    `forward` takes z with its D features on axis `dim`, (N, D) vectors too, and gives `(z_q, info)`. For z of shape
    (B, D, H, W), `info` holds `z` and `z_q` (B, H, W, G, D/G) after the input norm, `d` and `q` (B, H, W, G), the
    Euclidean distances and codes, `loss`, a scalar, and `perplexity`, exp of the entropy in nats of this batch's
    codes. G is 1 here.

    The core quantizer is `layer.quantizer`; `layer.quantizer.switch_(replace(layer.quantizer.options, sync=1.0))`
    throws a switch. Its `alpha`, `learning_rate`, inner steps and EMA are left to your training step.

    A state dict of VQTorch loads as it is. It does not hold `affine_lr`, without which a learned affine map means
    nothing: build the layer with the one of training, as with `groups` and `share`.
    """

    data_initialized: Tensor
    moved: Tensor
    enabled = True

    def __init__(
        self,
        feature_size: int,
        num_codes: int,
        beta: float = 0.95,
        sync_nu: float = 0.0,
        affine_lr: float = 0.0,
        affine_groups: int = 1,
        replace_freq: int = 0,
        inplace_optimizer: InplaceOptimizer | None = None,
        dim: int = 1,
        norm: str | None = "none",
        cb_norm: str | None = "none",
        kmeans_init: bool = False,
        code_vector_size: int | None = None,
        *,
        layout: Layout = Layout(),  # noqa: B008, an immutable value
    ) -> None:
        """Code vectors start as draws from N(0, 1).

        Args:
            feature_size: D.
            num_codes: codes in total; unshared codebooks have an equal part of them each.
            beta: share of the loss whose gradient goes to the codebook; 1 − beta goes to the encoder.
            sync_nu: ν of the synchronized update.
            affine_lr: learned affine map s = 1 + affine_lr·scale, b = affine_lr·bias; 0 for none.
            affine_groups: consecutive groups of codes, each with its own map, up to 16.
            replace_freq: a code unused for this many training forwards moves onto a z_e; 0: never. Noise is added,
                per element 1% of the vector's length.
            inplace_optimizer: makes an optimizer of the codebook's parameters, which then takes a step on
                mean (z_q − sg[z_e])² in every training forward; needs beta=1.
            dim: axis of the features.
            norm: of z_e: 'none', 'l2' to unit length, 'l2c' to at most 10, or a layer: 'bn', 'gn', 'in'.
            cb_norm: of the raw code vectors: 'none', 'l2' to at most 10, 'l2c' to unit length.
            kmeans_init: start from k-means of the first training batch.
            code_vector_size: features of the affine map, which must be D; no effect without a map.
            layout: set by the subclasses.

        Raises:
            ValueError: for a value out of range or sizes that do not fit each other.
            TypeError: if `inplace_optimizer` is not callable.
        """
        super().__init__()
        for name, value in (("feature_size", feature_size), ("num_codes", num_codes), ("groups", layout.groups)):
            check_whole(name, value, 1, 2**31)
        check_real("sync_nu", sync_nu, 0, 100)
        check_real("affine_lr", affine_lr, 0, 1e6)
        check_whole("replace_freq", replace_freq, 0, 1_000_000)
        check_whole("dim", dim, -64, 63)
        _check_choice("norm", norm, INPUT_NORMS.keys() | LAYER_NORMS.keys())
        _check_choice("cb_norm", cb_norm, CODEBOOK_NORMS.keys())
        if code_vector_size is not None:
            check_whole("code_vector_size", code_vector_size, 1, 2**31)
        if affine_lr > 0 and code_vector_size not in (None, feature_size):
            raise ValueError(
                f"`code_vector_size` must equal `feature_size`, {feature_size}, if affine_lr is above 0, but got "
                f"{code_vector_size!r}. Leave it out."
            )
        if norm == "gn" and feature_size % 32 != 0:
            raise ValueError(f"`feature_size` must be a multiple of 32 for norm='gn', but got {feature_size}.")
        options = Options(
            affine="learned" if affine_lr > 0 else "off",
            affine_groups=affine_groups,
            affine_lr_scale=affine_lr if affine_lr > 0 else 1.0,
            sync=sync_nu,
            beta=beta,
            input_norm=INPUT_NORMS.get(norm, "none"),
            replace_every=replace_freq,
        )
        self.feature_size, self.num_codes, self.dim = feature_size, num_codes, dim
        self.groups, self.share, self.kmeans_init = layout.groups, layout.share, kmeans_init
        self.quantizer = laid_out(layout, num_codes, feature_size, options, CODEBOOK_NORMS[cb_norm])
        self.group_size = self.quantizer.num_codes
        self.code_vector_size = self.quantizer.parts[0].dim if code_vector_size is None else code_vector_size
        self.norm_layer = LAYER_NORMS.get(norm, LAYER_NORMS["none"])(feature_size)
        self.register_buffer("data_initialized", torch.zeros(1))
        self.register_buffer("moved", torch.zeros(self._num_rows, dtype=torch.bool), persistent=False)
        self._awaits_start = kmeans_init
        self.inplace_codebook_optimizer = self._made(inplace_optimizer, beta)

    def forward(self, z: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Quantize `z`; within `no_vq` return it, after its norm, with an empty dict.

        Raises:
            TypeError: if `z` is not a floating-point tensor.
            ValueError: if `z` has fewer than two dimensions or other than D features on axis `dim`; if it
                contains NaN or infinity (on the CPU); under k-means start, if it has fewer vectors than codes.
        """
        self._check(z)
        features = self._normed(z)  # (B, …, G, D/G)
        if not self.enabled:
            return self._restored(features, z), {}
        with torch.autocast(z.device.type, enabled=False):
            z_q, info = self._quantize(features)
        return self._restored(z_q, z), info

    @torch.no_grad()
    def get_codebook(self) -> Tensor:
        """All code vectors as the search sees them, so that `get_codebook()[q]` gives those of the codes `q`."""
        return torch.cat([part.codebook() for part in self.quantizer.parts])

    @property
    def codebook(self) -> Weight:
        """`codebook.weight` for reading, as in VQTorch: the parameter; a copy if there are several codebooks."""
        raw = [part.raw_codebook for part in self.quantizer.parts]
        return Weight(raw[0] if len(raw) == 1 else torch.cat([*raw]))

    def extra_repr(self) -> str:
        """The sizes, for `repr`."""
        return f"num_codes={self.num_codes}, groups={self.groups}, share={self.share}, enabled={self.enabled}"

    @property
    def _num_rows(self) -> int:
        return self.group_size * len(self.quantizer.parts)

    def _made(self, inplace_optimizer: InplaceOptimizer | None, beta: float) -> torch.optim.Optimizer | None:
        if inplace_optimizer is None:
            return None
        if beta != 1:
            raise ValueError(
                f"`beta` must be 1 with `inplace_optimizer`, but got {beta!r}. Set beta=1.0, or leave it out."
            )
        if not callable(inplace_optimizer):
            raise TypeError(
                "`inplace_optimizer` must make an optimizer of a list of parameters, but got "
                f"{type(inplace_optimizer).__name__}. Use e.g. functools.partial(torch.optim.SGD, lr=50.0)."
            )
        return inplace_optimizer([part.raw_codebook for part in self.quantizer.parts])

    def _check(self, z: Tensor) -> None:
        if not isinstance(z, Tensor) or not z.is_floating_point():
            kind = z.dtype if isinstance(z, Tensor) else type(z).__name__
            raise TypeError(f"`z` must be a floating-point tensor, but is {kind}. Convert it: z.float().")
        if z.ndim < 2 or not -z.ndim <= self.dim < z.ndim or z.shape[self.dim] != self.feature_size:
            raise ValueError(
                f"`z` must have at least 2 dimensions and {self.feature_size} features on axis dim={self.dim}, but "
                f"has shape {tuple(z.shape)}. Set `dim` to the axis of the features."
            )
        self.quantizer._refuse_non_finite(z, z.detach().sum())

    def _normed(self, z: Tensor) -> Tensor:
        """`z` as (B, …, G, D/G), after its norm, in float32 or better."""
        if not isinstance(self.norm_layer, nn.Identity):
            first = z.movedim(self.dim, 1)  # (B, D, …), which the layers of images want as (B, D, H, W)
            image = first.unsqueeze(2).flatten(2).unsqueeze(-1)  # (B, D, H·W, 1), of (N, D) vectors too
            z = self.norm_layer(image).reshape(first.shape).movedim(1, self.dim)
        z = z.movedim(self.dim, -1).to(torch.promote_types(z.dtype, torch.float32)).contiguous()
        groups = self.groups if isinstance(self.quantizer, GroupedQuantizer) else 1
        return normalized(z.unflatten(-1, (groups, -1)), self.quantizer.options.input_norm)

    def _restored(self, features: Tensor, like: Tensor) -> Tensor:
        return features.flatten(-2).movedim(-1, self.dim).to(like.dtype)

    def _quantize(self, z: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        options, vectors = self.quantizer.options, z.flatten(0, -3)  # (N, G, D/G)
        if self.training:
            self._prepare_(vectors.detach())
        found, last = self._searched(vectors)
        z_q = self._joined([one.z_q for one in found]).view(z.shape)
        trained = self._joined([one.trained for one in found]).view(z.shape)
        numbered = zip(found, self.quantizer.part_of_level, strict=True)
        codes = torch.stack([one.level.codes + part * self.group_size for one, part in numbered], 1)  # (N, G)
        counts = torch.zeros(self._num_rows, dtype=torch.int64, device=z.device)
        counts.index_add_(0, codes.flatten(), torch.ones_like(codes.flatten()))
        out = straight_through(z, z_q, sync=options.sync, estimator=options.estimator)
        loss = self._reduced(_loss_of_samples(z, trained, options.beta))
        if options.bypass:
            out, loss = z, torch.zeros_like(loss)
        if self.training and len(vectors) > 0:
            self._age_(found, counts)
        shape = (*z.shape[:-2], len(found))
        info = {
            "z": z,
            "z_q": z_q,
            "d": torch.stack([one.distances for one in found], 1).view(shape),
            "q": codes.view(shape),
            "loss": loss,
            "perplexity": perplexity(counts),
        }
        return out, info | {name: left.view(*z.shape[:-2], *left.shape[-2:]) for name, left in last.items()}

    def _searched(self, vectors: Tensor) -> tuple[list[Found], dict[str, Tensor]]:
        """The results of each level for `vectors` (N, G, D/G), and what only this kind of layer returns."""
        parts, part_of_level = self.quantizer.parts, self.quantizer.part_of_level
        return [self._found(parts[part], vectors[:, level]) for level, part in enumerate(part_of_level)], {}

    def _found(self, part: VectorQuantizer, vectors: Tensor) -> Found:
        z_q, _, level = part.assign(vectors.detach())
        distances = (level.z_e - level.z_q).norm(dim=1)
        if self.training and self.inplace_codebook_optimizer is not None and level.z_e.numel() > 0:
            inplace_step_(self.inplace_codebook_optimizer, self.quantizer, part, level)
            z_q = part.decode(level.codes)
        return Found(level, z_q, cast(Codebook, part).trained(z_q, level.codes), distances)

    def _joined(self, levels: list[Tensor]) -> Tensor:
        return torch.stack(levels, 1)

    def _reduced(self, losses: Tensor) -> Tensor:
        return losses.sum() / max(1, len(losses))  # an empty batch has loss 0, not 0/0

    @torch.no_grad()
    def _prepare_(self, vectors: Tensor) -> None:
        """Prepare a training search: the k-means start if still due, and the norm of the codebook."""
        if self._awaits_start:
            start_(self.quantizer, vectors)
            self.data_initialized.fill_(1)
            self._awaits_start = False
        for part in self.quantizer.parts:
            cast(Codebook, part).project_()

    @torch.no_grad()
    def forget_moments_(self, optimizer: torch.optim.Optimizer) -> None:
        """Clear the moments in `optimizer` of the codes replaced since the last call; see `forget_moved`."""
        forget_rows_(optimizer, self.quantizer, self.moved)
        self.moved.zero_()

    def _age_(self, found: list[Found], counts: Tensor) -> None:
        moved = count_and_replace_(self.quantizer, [one.level for one in found], counts)
        self.moved |= moved
        if self.inplace_codebook_optimizer is not None:
            forget_rows_(self.inplace_codebook_optimizer, self.quantizer, moved)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        convert_vqtorch_(state_dict, prefix, self.quantizer)
        check_maps(state_dict, prefix, self.quantizer)
        for name, tensor in self.norm_layer.state_dict().items():
            check_shape(state_dict, f"{prefix}norm_layer.{name}", tuple(tensor.shape), "`feature_size` and `norm`")
        super()._load_from_state_dict(state_dict, prefix, *rest)
        self._awaits_start = self.kmeans_init and not bool(self.data_initialized)


class GroupVectorQuant(VectorQuant):
    """Each of `groups` consecutive sub-vectors of D/G features is quantized by itself.

    As `VectorQuant`, with these differences: `loss` is (B,), one a sample. With `share` all groups search one
    codebook of `num_codes`; without, each its own of num_codes/G, and `q` counts through them.
    """

    def __init__(
        self, feature_size: int, num_codes: int, groups: int = 1, share: bool = True, **settings: Unpack[Settings]
    ) -> None:
        """As `VectorQuant`; `groups` must divide `feature_size`, and without `share` also `num_codes`."""
        super().__init__(feature_size, num_codes, layout=Layout("groups", groups, share), **settings)

    def _reduced(self, losses: Tensor) -> Tensor:
        return losses


class ResidualVectorQuant(VectorQuant):
    """Each of `groups` levels quantizes what the levels before it left over (Zeghidour et al., arXiv 2107.03312).

    As `VectorQuant`, with these differences: `loss` is (B,), one a sample, and compares z with the sum over levels;
    `d` and `q` are (…, G); `z_res` (…, G+1, D) has the residual before each level and what is left after the last.
    With `share` all levels search one codebook of `num_codes`;
    without, each its own of num_codes/G, and `q` counts through them.
    """

    def __init__(
        self, feature_size: int, num_codes: int, groups: int = 1, share: bool = True, **settings: Unpack[Settings]
    ) -> None:
        """As `VectorQuant`; without `share`, `groups` must divide `num_codes`."""
        super().__init__(feature_size, num_codes, layout=Layout("levels", groups, share), **settings)

    def _searched(self, vectors: Tensor) -> tuple[list[Found], dict[str, Tensor]]:
        residuals, found = [vectors[:, 0]], []
        for part in self.quantizer.part_of_level:
            found.append(self._found(self.quantizer.parts[part], residuals[-1]))
            residuals.append(residuals[-1] - found[-1].z_q)
        return found, {"z_res": torch.stack(residuals, 1)}

    def _joined(self, levels: list[Tensor]) -> Tensor:
        return torch.stack(levels, 1).sum(1, keepdim=True)

    def _reduced(self, losses: Tensor) -> Tensor:
        return losses


def _loss_of_samples(z_e: Tensor, z_q: Tensor, beta: float) -> Tensor:
    """The commitment loss of each sample, (B,), as a mean over its elements."""
    encoder_side, codebook_side = (z_e - z_q.detach()).square(), (z_e.detach() - z_q).square()
    elements = (1 - beta) * encoder_side + beta * codebook_side
    return elements.flatten(1).sum(1) / max(1, elements.shape[1:].numel())


def _check_choice(name: str, value: object, choices: Iterable[object]) -> None:
    if value not in choices:
        known = ", ".join(sorted(repr(choice) for choice in choices))
        raise ValueError(f"`{name}` must be one of {known}, but got {value!r}.")
