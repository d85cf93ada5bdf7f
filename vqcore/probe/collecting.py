"""`collect_latents`: what the quantizers of a model search for, over some batches, for the doctor."""

# N vectors, D features

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vqcore.probe.finding import find_quantizers
from vqcore.probe.hooking import Hook
from vqcore.probe.watched import Watched, unit


def collect_latents(
    model: nn.Module, loader: Iterable[Any], n: int, *, names: Sequence[str] | None = None
) -> dict[str, NDArray[np.float32]]:
    """The first n vectors z_e of each codebook, (n, D) by its name, with the model in evaluation mode.

    The model's mode is restored afterwards, even after an error; nothing else of it changes.

    Args:
        model: with quantizers that `watch` would find.
        loader: of batches: a tensor, a tuple whose first entry is the input, or a mapping of keyword arguments.
        n: vectors of each codebook; fewer if the loader ends before.
        names: modules to watch instead of those that are recognized.

    Raises:
        ValueError: if the model has no quantizer whose forward can be seen, or the loader gives it no batch.
    """
    watched = [one for one in find_quantizers(model, names) if not one.without_hooks]
    if not watched:
        raise ValueError(f"{type(model).__name__} has no quantizer that is recognized and whose forward can be seen.")
    found: dict[str, list[NDArray[np.float32]]] = {book.name: [] for one in watched for book in one.books()}
    handles = [one.module.register_forward_hook(Hook(_kept(one, found, n)), with_kwargs=True) for one in watched]
    modes = {module: module.training for module in model.modules()}
    device = next((one.device for one in (*model.parameters(), *model.buffers())), torch.device("cpu"))
    try:
        model.eval()
        with torch.no_grad():
            for batch in loader:
                _run(model, batch, device)
                if all(sum(map(len, pieces)) >= n for pieces in found.values()):
                    break
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode
    empty = [name for name, pieces in found.items() if not pieces]
    if empty:
        raise ValueError(f"No batch reached {empty[0]!r}. Give a loader with at least one batch.")
    return {name: np.concatenate(pieces) for name, pieces in found.items()}


def _kept(watched: Watched, found: dict[str, list[NDArray[np.float32]]], n: int) -> Any:
    def keep(_: nn.Module, arguments: tuple[Any, ...], keywords: Mapping[str, Any], output: Any) -> None:
        for book, searched in zip(watched.books(), watched.searched(arguments, keywords, output), strict=True):
            wanted = n - sum(map(len, found[book.name]))
            if wanted > 0:
                rows = searched.grid.reshape(-1, searched.grid.shape[-1])[:wanted].float()
                rows = unit(rows) if watched.is_cosine else rows
                found[book.name].append(rows.cpu().numpy().copy())

    return keep


def _run(model: nn.Module, batch: Any, device: torch.device) -> None:
    if isinstance(batch, Mapping):
        model(**{name: one.to(device) if isinstance(one, Tensor) else one for name, one in batch.items()})
    else:
        first = batch[0] if isinstance(batch, tuple | list) else batch
        model(first.to(device) if isinstance(first, Tensor) else first)
