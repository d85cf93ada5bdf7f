"""Loads state dicts of VQTorch, and checks theirs and ours."""

# G groups of the affine map, D features

from typing import Any

import torch
from torch import Tensor

from vqcore.quantizer.layer import Quantizer, VectorQuantizer

StateDict = dict[str, Any]


def convert_vqtorch_(state_dict: StateDict, prefix: str, quantizer: Quantizer) -> None:
    """Replace VQTorch's tensors in `state_dict`, if it has any, by ours.

    The codebooks lie one after another in VQTorch's `codebook.weight`, and all have one affine map.

    Raises:
        ValueError: if the shapes do not fit `quantizer`, or an affine map comes without an `affine_lr`.
    """
    if f"{prefix}codebook.weight" not in state_dict:
        return
    num_codes, rows = quantizer.num_codes, quantizer.num_codes * len(quantizer.parts)
    width, groups = quantizer.parts[0].dim, quantizer.options.affine_groups
    sizes = "`feature_size`, `num_codes`, `groups` and `share`"
    check_shape(state_dict, f"{prefix}codebook.weight", (rows, width), sizes)
    for name in ("scale", "bias"):
        key = f"{prefix}affine_transform.{name}"
        if key in state_dict:
            _check_learned(key, quantizer)
            check_shape(state_dict, key, (groups, width), "`affine_groups`")
    ages = _ages(state_dict, f"{prefix}_counts", rows).split(num_codes)
    state_dict.pop(f"{prefix}_counts", None)
    weights = state_dict.pop(f"{prefix}codebook.weight").split(num_codes)
    maps = {name: state_dict.pop(f"{prefix}affine_transform.{name}", None) for name in ("scale", "bias")}
    state_dict.setdefault(f"{prefix}data_initialized", torch.ones(1))  # what loads needs no k-means start
    for name, weight, age in zip(_part_names(quantizer), weights, ages, strict=True):
        fresh = VectorQuantizer(num_codes, width, generator=torch.Generator()).state_dict()
        fresh |= {"raw_codebook": weight, "steps_unused": age}
        for which, rows_of_map in maps.items():
            if rows_of_map is not None:
                fresh[f"affine.{which}"][:groups] = rows_of_map
        state_dict.update({f"{prefix}{name}.{key}": tensor for key, tensor in fresh.items()})


def check_maps(state_dict: StateDict, prefix: str, quantizer: Quantizer) -> None:
    """Raise ValueError if `state_dict` (ours) has an affine map that the options would ignore."""
    for name in _part_names(quantizer):
        for which in ("scale", "bias"):
            key = f"{prefix}{name}.affine.{which}"
            if key in state_dict and state_dict[key].any():
                _check_learned(key, quantizer)


def check_shape(state_dict: StateDict, key: str, shape: tuple[int, ...], arguments: str) -> None:
    """Raise ValueError, naming the layer's `arguments`, if `key` is there with another shape."""
    given = state_dict.get(key)
    if given is not None and tuple(given.shape) != shape:
        raise ValueError(
            f"`state_dict` must fit this layer, but its {key!r} has shape {tuple(given.shape)} where this layer has "
            f"{shape}. Build the layer with the {arguments} of training."
        )


def _ages(state_dict: StateDict, key: str, rows: int) -> Tensor:
    # A countdown: it stands at its highest for the codes used last. VQTorch's may be longer than its codebook.
    left: Tensor = state_dict.get(key, torch.zeros(rows))[:rows]
    if len(left) < rows:
        raise ValueError(
            f"`state_dict` must have {rows} values in {key!r}, one per code, but has {len(left)}. Leave them out."
        )
    return (left.max() - left).long()


def _part_names(quantizer: Quantizer) -> list[str]:
    names = {module: name for name, module in quantizer.named_modules(prefix="quantizer")}
    return [names[part] for part in quantizer.parts]


def _check_learned(key: str, quantizer: Quantizer) -> None:
    if quantizer.options.affine != "learned":
        raise ValueError(
            f"`state_dict` has a learned affine map, {key!r}, but this layer was built with affine_lr=0. Build it "
            "with the `affine_lr` of training, which state dicts do not contain."
        )
