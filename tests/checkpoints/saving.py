"""State dicts written as other people's training code writes them."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

WAYS = ("bare", "lightning", "module.", "_orig_mod.", "legacy", "safetensors")


def save(way: str, state: dict[str, Tensor], folder: Path) -> Path:
    path = folder / f"{way.strip('._')}.ckpt"
    if way == "lightning":
        torch.save({"state_dict": state, "global_step": 12, "optimizer_states": [{"state": {0: state}}]}, path)
    elif way in ("module.", "_orig_mod."):
        torch.save({"model": {f"{way}{key}": value for key, value in state.items()}}, path)
    elif way == "safetensors":
        save_file({key: value.clone() for key, value in state.items()}, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=way != "legacy")
    return path


def save_module(module: nn.Module, folder: Path, way: str = "bare") -> Path:
    return save(way, module.state_dict(), folder)
