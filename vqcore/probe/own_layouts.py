"""Our own quantizers, and the layers with VQTorch's surface: `vqcore.nn`'s and VQTorch's."""

# N vectors, G groups or levels, K codes, D features

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqcore.probe.watched import Averages, Book, Searched, Watched, as_grid, book_of
from vqcore.quantizer.grouped import GroupedQuantizer
from vqcore.quantizer.layer import Quantizer
from vqcore.quantizer.norms import normalized


class OwnQuantizer(Watched):
    """`vqcore.quantizer`: each level's inputs follow from the forward's input and codes."""

    about = "VQ Scope's quantizer"

    @classmethod
    def fits(cls, module: Any) -> bool:
        """As `Watched.fits`."""
        return isinstance(module, Quantizer)

    def tables(self) -> list[Tensor]:
        """As `Watched.tables`."""
        parts = [part.codebook().detach() for part in self.module.parts]
        return [parts[part] for part in self.module.part_of_level]

    def books(self) -> list[Book]:
        """As `Watched.books`."""
        return _numbered(self.name, self.module.parts[0], len(self.module.part_of_level), _structure(self.module))

    def searched(self, arguments: tuple[Any, ...], keywords: Mapping[str, Any], output: Any) -> list[Searched]:
        """As `Watched.searched`."""
        z_e: Tensor = (*arguments, *keywords.values())[0]
        levels = len(self.module.part_of_level)
        codes = output.codes.detach().reshape(-1, levels)
        norm = self.module.options.input_norm
        grid = as_grid(z_e, -1).to(torch.promote_types(z_e.dtype, torch.float32))
        if isinstance(self.module, GroupedQuantizer):
            grids = [normalized(one, norm) for one in grid.chunk(levels, -1)]
        else:
            grids = _residuals(normalized(grid, norm), codes, self.tables())
        return [Searched(one, codes[:, at]) for at, one in enumerate(grids)]

    def averages(self) -> list[Averages | None]:
        """As `Watched.averages`."""
        if self.module.options.codebook_update != "ema":
            return [None] * len(self.module.part_of_level)
        return [Averages(self.module.parts[part].ema_counts, None) for part in self.module.part_of_level]

    def parameters(self) -> list[nn.Parameter | None]:
        """As `Watched.parameters`."""
        return [self.module.parts[part].raw_codebook for part in self.module.part_of_level]


class VQTorchLayer(Watched):
    """`vqcore.nn` and VQTorch: the forward returns what was searched for."""

    about = "a layer of VQTorch or vqcore.nn"

    @classmethod
    def fits(cls, module: Any) -> bool:
        """As `Watched.fits`."""
        return all(hasattr(module, name) for name in ("get_codebook", "groups", "share", "num_codes", "enabled"))

    def flag(self) -> Tensor | None:
        """As `Watched.flag`; without a k-means start it stays false and means nothing."""
        return super().flag() if getattr(self.module, "kmeans_init", False) else None

    @property
    def _is_residual(self) -> bool:
        return "Residual" in type(self.module).__name__

    def tables(self) -> list[Tensor]:
        """As `Watched.tables`."""
        table = self.module.get_codebook().detach()
        if self.module.share or self.module.groups == 1:
            return [table] * self.module.groups
        return list(table.chunk(self.module.groups))

    def books(self) -> list[Book]:
        """As `Watched.books`."""
        structure = "residual" if self._is_residual else "grouped"
        tables = self.tables()
        if len(tables) == 1:
            return super().books()
        return [book_of(f"{self.name}[{at}]", table, structure, at) for at, table in enumerate(tables)]

    def searched(self, arguments: tuple[Any, ...], keywords: Mapping[str, Any], output: Any) -> list[Searched]:
        """As `Watched.searched`."""
        info: Mapping[str, Tensor] = output[1]
        if not info:  # within `no_vq`
            return []
        groups = self.module.groups
        inputs = info.get("z_res", info["z"]).detach()  # (…, G or more, D)
        size = 0 if self.module.share else self.module.num_codes // groups
        codes = info["q"].detach().reshape(-1, groups)
        return [Searched(as_grid(inputs[..., at, :], -1), codes[:, at] - at * size) for at in range(groups)]

    def parameters(self) -> list[nn.Parameter | None]:
        """As `Watched.parameters`."""
        raw = getattr(self.module.codebook, "weight", None)
        one = raw if isinstance(raw, nn.Parameter) else None
        if one is not None and one.shape == self.tables()[0].shape:
            return [one] * self.module.groups
        parts = getattr(getattr(self.module, "quantizer", None), "parts", ())
        if len(parts) == self.module.groups:
            return [part.raw_codebook for part in parts]
        return [None] * self.module.groups


def _structure(module: Quantizer) -> str:
    if len(module.part_of_level) == 1:
        return "whole"
    return "grouped" if isinstance(module, GroupedQuantizer) else "residual"


def _numbered(name: str, part: Quantizer, levels: int, structure: str) -> list[Book]:
    if structure == "whole":
        return [Book(name, part.num_codes, part.dim)]
    return [Book(f"{name}[{at}]", part.num_codes, part.dim, structure, at) for at in range(levels)]


def _residuals(grid: Tensor, codes: Tensor, tables: list[Tensor]) -> list[Tensor]:
    """What each level searched for; (B, P, D) each."""
    residuals = [grid]
    for at, table in enumerate(tables[:-1]):
        residuals.append(residuals[-1] - F.embedding(codes[:, at], table).view_as(grid))
    return residuals
