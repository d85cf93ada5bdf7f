"""Other libraries' modules that own a table, recognized by their attributes; none of them is imported."""

# B samples, N vectors, H heads, K codes, D features

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vqcore.probe.watched import Averages, Searched, Watched, as_grid, axis_of_features, tensors_in, whole_numbers

NORMALIZES = ("l2_norm", "use_l2_norm", "use_cosine_sim", "codebook_l2_norm", "l2_normalize")
"""Attributes by which forks of taming's quantizer say that they compare directions."""


class EmaCodebook(Watched):
    """vector-quantize-pytorch's, EnCodec's and AudioCraft's innermost codebook; (K, D), or (H, K, D) of heads."""

    about = "an EMA codebook as in vector-quantize-pytorch and EnCodec"

    @classmethod
    def fits(cls, module: Any) -> bool:
        """As `Watched.fits`."""
        return _is_tensor(module, "embed", 2, 3) and _is_tensor(module, "cluster_size", 1, 2)

    def __init__(self, name: str, module: nn.Module) -> None:
        super().__init__(name, module)
        self.without_hooks = _unseen(module)
        if not self.without_hooks and getattr(module, "affine_param", False):
            self.without_hooks = "its affine map moves inside the forward"
        if not self.without_hooks and getattr(module, "vq_bridge", None) is not None:
            self.without_hooks = "its codes pass through a bridge inside the forward"

    def tables(self) -> list[Tensor]:
        """As `Watched.tables`."""
        return _by_head(self.module.embed, 3)

    def searched(self, arguments: tuple[Any, ...], keywords: Mapping[str, Any], output: Any) -> list[Searched]:
        """As `Watched.searched`."""
        x: Tensor = arguments[0] if arguments else keywords["x"]
        codes: Tensor = output[1].detach()
        mask = keywords.get("mask")
        if isinstance(mask, Tensor):  # (B, P), padding is false; heads without a codebook of their own follow samples
            codes = torch.where(mask.repeat_interleave(codes.numel() // mask.numel() // self._heads, 0), codes, -1)
        if self._heads == 1:
            return [Searched(as_grid(x.flatten(0, -3) if x.ndim > 3 else x, -1), codes.reshape(-1))]
        return [Searched(as_grid(x[at], -1), codes[at].reshape(-1)) for at in range(self._heads)]

    def averages(self) -> list[Averages | None]:
        """As `Watched.averages`."""
        if getattr(self.module, "ema_update", True) is False:
            return [None] * self._heads
        sums = getattr(self.module, "embed_avg", None)
        of_sums = _by_head(sums, 3) if isinstance(sums, Tensor) else [None] * self._heads
        return [Averages(*both) for both in zip(_by_head(self.module.cluster_size, 2), of_sums, strict=True)]

    def parameters(self) -> list[nn.Parameter | None]:
        """As `Watched.parameters`; of several heads in one parameter, none."""
        table = self.module.embed
        return [table if isinstance(table, nn.Parameter) and self._heads == 1 else None] * self._heads

    @property
    def _heads(self) -> int:
        return len(self.module.embed) if self.module.embed.ndim == 3 else 1


class SummedCodebook(Watched):
    """Mimi's and Moshi's: only sums and counts are stored, and the codes are their quotient."""

    about = "a codebook stored as EMA sums, as in Mimi"

    def __init__(self, name: str, module: nn.Module) -> None:
        super().__init__(name, module)
        self.without_hooks = _unseen(module)

    @classmethod
    def fits(cls, module: Any) -> bool:
        """As `Watched.fits`."""
        names = vars(module).get("_buffers", {})
        return "embed_sum" in names and "cluster_usage" in names

    def tables(self) -> list[Tensor]:
        """As `Watched.tables`; the module's own property would keep what it returns."""
        least = float(getattr(self.module, "epsilon", 1e-5))
        return [(self.module.embed_sum / self.module.cluster_usage.clamp(min=least)[:, None]).detach()]

    def searched(self, arguments: tuple[Any, ...], keywords: Mapping[str, Any], output: Any) -> list[Searched]:
        """As `Watched.searched`."""
        x: Tensor = (*arguments, *keywords.values())[0]
        grid = as_grid(x, -1)
        return [Searched(grid, whole_numbers(output, grid.shape[0] * grid.shape[1]))]

    def averages(self) -> list[Averages | None]:
        """As `Watched.averages`."""
        return [Averages(self.module.cluster_usage, self.module.embed_sum)]


class ProjectedCodebook(Watched):
    """DAC's: the search compares directions of projected vectors, which the forward returns last."""

    about = "a projected codebook as in DAC"
    is_cosine = True

    @classmethod
    def fits(cls, module: Any) -> bool:
        """As `Watched.fits`."""
        found = [getattr(module, name, None) for name in ("in_proj", "out_proj", "codebook")]
        return all(isinstance(one, nn.Module) for one in found) and isinstance(found[-1], nn.Embedding)

    def tables(self) -> list[Tensor]:
        """As `Watched.tables`."""
        return [self.module.codebook.weight]

    def searched(self, arguments: tuple[Any, ...], keywords: Mapping[str, Any], output: Any) -> list[Searched]:
        """As `Watched.searched`."""
        projected = [one for one in tensors_in(output) if one.is_floating_point() and one.ndim == 3][-1]
        grid = as_grid(projected, 1)
        return [Searched(grid, whole_numbers(output, grid.shape[0] * grid.shape[1]))]

    def parameters(self) -> list[nn.Parameter | None]:
        """As `Watched.parameters`."""
        return [self.module.codebook.weight]


class FrozenTransformed(Watched):
    """SimVQ: a frozen table behind a learned linear map."""

    about = "SimVQ's codebook behind a learned map"

    @classmethod
    def fits(cls, module: Any) -> bool:
        """As `Watched.fits`."""
        return _is_tensor(module, "frozen_codebook", 2, 2) and isinstance(
            getattr(module, "code_transform", None), nn.Module
        )

    def tables(self) -> list[Tensor]:
        """As `Watched.tables`."""
        return [self.module.code_transform(self.module.frozen_codebook).detach()]

    def searched(self, arguments: tuple[Any, ...], keywords: Mapping[str, Any], output: Any) -> list[Searched]:
        """As `Watched.searched`."""
        x: Tensor = (*arguments, *keywords.values())[0]
        grid = as_grid(x, 1 if getattr(self.module, "channel_first", False) else -1)
        return [Searched(grid, whole_numbers(output, grid.shape[0] * grid.shape[1]))]


class EmbeddingTable(Watched):
    """An `nn.Embedding` that a module searches: taming, LDM, diffusers, RQ-VAE recommenders and their like."""

    about = "an embedding table as in taming-transformers and diffusers"
    names = ("embedding", "embeddings", "embed", "codebook")

    @classmethod
    def fits(cls, module: Any) -> bool:
        """As `Watched.fits`."""
        if _table_name(module, cls.names) is None:
            return False
        words = type(module).__name__.lower()
        return hasattr(module, "n_e") or any(word in words for word in ("quant", "vq", "codebook"))

    def __init__(self, name: str, module: nn.Module) -> None:
        super().__init__(name, module)
        self.is_cosine = any(getattr(module, one, False) is True for one in NORMALIZES)
        found = _table_name(module, self.names)
        assert found is not None  # `fits` has looked
        self._table: nn.Parameter = getattr(module, found).weight

    def tables(self) -> list[Tensor]:
        """As `Watched.tables`."""
        return [self._table]

    def searched(self, arguments: tuple[Any, ...], keywords: Mapping[str, Any], output: Any) -> list[Searched]:
        """As `Watched.searched`; codes that the module renames are not those of the table."""
        z_e = next(one for one in tensors_in((*arguments, *keywords.values())) if one.is_floating_point())
        grid = as_grid(z_e, axis_of_features(z_e, self._table.shape[1]))
        renamed = getattr(self.module, "remap", None) is not None
        return [Searched(grid, None if renamed else whole_numbers(output, grid.shape[0] * grid.shape[1]))]

    def parameters(self) -> list[nn.Parameter | None]:
        """As `Watched.parameters`."""
        return [self._table]


class NamedTable(EmbeddingTable):
    """A module that the user names: its one embedding, or its one parameter or buffer (K, D)."""

    about = "the table of a module that was named"

    @classmethod
    def fits(cls, module: Any) -> bool:
        """As `Watched.fits`."""
        return len(_own_tables(module)) == 1

    def __init__(self, name: str, module: nn.Module) -> None:
        Watched.__init__(self, name, module)
        self._table = _own_tables(module)[0]  # type: ignore[assignment]


def _own_tables(module: nn.Module) -> list[Tensor]:
    if isinstance(module, nn.Embedding):
        return [module.weight]
    inner = [child.weight for child in module.children() if isinstance(child, nn.Embedding)]
    own = [one for one in (*module.parameters(recurse=False), *module.buffers(recurse=False)) if one.ndim == 2]
    return inner or own


def _table_name(module: nn.Module, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if isinstance(getattr(module, name, None), nn.Embedding)), None)


def _is_tensor(module: nn.Module, name: str, least: int, most: int) -> bool:
    stored = {**module._buffers, **module._parameters}.get(name)
    return stored is not None and least <= stored.ndim <= most


def _by_head(tensor: Tensor, ndim: int) -> list[Tensor]:
    return list(tensor) if tensor.ndim == ndim else [tensor]


def _unseen(module: nn.Module) -> str:
    """Why a hook would see nothing of a class that has no forward of its own."""
    if type(module).forward is nn.Module.forward:
        return "its class is searched by `encode`, without a forward that a hook could see"
    return ""
