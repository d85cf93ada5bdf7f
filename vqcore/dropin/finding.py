"""Operations on the layers inside a model: finding them, bypassing them, and clearing moments of moved codes."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from vqcore.dropin.layers import VectorQuant


def is_vq(module: object) -> bool:
    """Whether `module` is one of the three layers."""
    return isinstance(module, VectorQuant)


def is_vqn(net: nn.Module) -> bool:
    """Whether `net` or any part of it is one of the three layers."""
    return len(get_vq_layers(net)) > 0


def get_vq_layers(model: nn.Module) -> list[VectorQuant]:
    """All layers of the three kinds in `model`, including itself."""
    return [module for module in model.modules() if isinstance(module, VectorQuant)]


@contextmanager
def no_vq(modules: nn.Module | Iterable[nn.Module]) -> Iterator[None]:
    """Inside the block, the layers in `modules` return `(z, {})`; afterwards, even after an error, they are restored.

    Raises:
        TypeError: for anything but a module or several.
    """
    given = [modules] if isinstance(modules, nn.Module) else modules
    given = list(given) if isinstance(given, Iterable) else [given]
    for module in given:
        if not isinstance(module, nn.Module):
            raise TypeError(f"`modules` must be a module or a list of modules, but got {type(module).__name__}.")
    before = [(layer, layer.enabled) for module in given for layer in get_vq_layers(module)]
    try:
        for layer, _ in before:
            layer.enabled = False
        yield
    finally:
        for layer, enabled in before:
            layer.enabled = enabled


def forget_moved(model: nn.Module, optimizer: torch.optim.Optimizer) -> RemovableHandle:
    """From now on every step of `optimizer` first clears its moments of the codes that were replaced since the last.

    A layer cannot know the optimizer, and moments of a replaced code would carry it away from where it was put.

    Raises:
        ValueError: if `model` has no VQ layer.
    """
    layers = get_vq_layers(model)
    if not layers:
        raise ValueError(
            f"`model` must hold a layer of `vqcore.nn`, but {type(model).__name__} has none. Give the model itself."
        )

    def forget(stepped: torch.optim.Optimizer, *_: object) -> None:
        for layer in layers:
            layer.forget_moments_(stepped)

    return optimizer.register_step_pre_hook(forget)
