"""Finds the modules of a model that own codebooks."""

import re
from collections.abc import Sequence

from torch import nn

from vqcore.probe.library_layouts import (
    EmaCodebook,
    EmbeddingTable,
    FrozenTransformed,
    NamedTable,
    ProjectedCodebook,
    SummedCodebook,
)
from vqcore.probe.own_layouts import OwnQuantizer, VQTorchLayer
from vqcore.probe.watched import Watched

LAYOUTS: tuple[type[Watched], ...] = (
    VQTorchLayer,
    OwnQuantizer,
    FrozenTransformed,
    EmaCodebook,
    SummedCodebook,
    ProjectedCodebook,
    EmbeddingTable,
)
NAMED: tuple[type[Watched], ...] = (*LAYOUTS, NamedTable)

IN_A_LIST = re.compile(r"(?P<owner>.*?)\.?(?:layers|quantizers|vq_layers|levels)\.(?P<number>\d+)(?:\.[^.]+)?$")

WRAPPERS = ("_orig_mod", "module")
"""What `torch.compile` and DDP put before a module's name."""


def find_quantizers(model: nn.Module, names: Sequence[str] | None = None) -> list[Watched]:
    """The modules of `model` that own codebooks, in its order; with `names`, those modules and no others.

    Raises:
        ValueError: for a name that is no module of `model`, or one without a single table.
    """
    modules = {plain_name(name): module for name, module in model.named_modules()}
    if names is not None:
        return [_named(name, modules) for name in names]
    found: list[Watched] = []
    for name, module in modules.items():
        if any(name.startswith(f"{one.name}.") or one.name == "" for one in found):
            continue  # part of a layer that is watched as a whole
        layout = next((one for one in LAYOUTS if one.fits(module)), None)
        if layout is not None:
            found.append(layout(name, module))
    for one in found:
        one.residual_level = _residual_level(one.name, modules)
        one.name = one.name or type(one.module).__name__  # the model itself
    return found


def plain_name(name: str) -> str:
    """A module's name without what wrappers put before it.

    >>> plain_name("module._orig_mod.encoder.quantize")
    'encoder.quantize'
    """
    parts = name.split(".")
    while parts and parts[0] in WRAPPERS:
        parts = parts[1:]
    return ".".join(parts)


def _residual_level(name: str, modules: dict[str, nn.Module]) -> int | None:
    """The number of `name` in a list of levels of a module that calls itself residual."""
    found = IN_A_LIST.match(name)
    if found is None:
        return None
    words = type(modules[found["owner"]]).__name__.lower()
    return int(found["number"]) if "residual" in words or words.startswith(("rvq", "rqvae", "rq_vae")) else None


def _named(name: str, modules: dict[str, nn.Module]) -> Watched:
    module = modules.get(plain_name(name))
    if module is None:
        near = ", ".join(one for one in modules if one)[:200]
        raise ValueError(f"`names` must be modules of the model, but got {name!r}. It has {near}.")
    layout = next((one for one in NAMED if one.fits(module)), None)
    if layout is None:
        raise ValueError(
            f"`names` must be modules with one table of codes, but {name!r}, a {type(module).__name__}, has none or "
            "several. Name the module that owns the table."
        )
    return layout(plain_name(name), module)
