"""What `torch.save` wrote, without running anything in it. Knows no codebook."""

import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from vqcore.checkpoints.errors import CheckpointError, shown

LARGEST_PICKLE = 256 * 1024**2
"""Bytes of names and structure, without the tensors' values."""

LARGEST_LEGACY = 4 * 1024**3
"""Bytes of a file of torch before 1.6, which can only be loaded whole."""

REFUSED = re.compile(r"GLOBAL ([\w.]+)|unrecognized function <?(?:built-in function |class |function )?'?([\w.]+)")


def load_zip(path: Path, archive: zipfile.ZipFile) -> Any:
    """The saved object of a file of torch 1.6 or newer, its tensors mapped, not read.

    Raises:
        CheckpointError: for an archive that `torch.save` does not write, or an object that is more than data.
    """
    for info in archive.infolist():
        if info.compress_type != zipfile.ZIP_STORED:
            raise CheckpointError(
                f"`{shown(path)}` is a compressed archive, which torch.save never writes. Unpack it and give what "
                "is inside."
            )
        leaf = info.filename.rpartition("/")[2]
        if leaf in ("constants.pkl", ".torch_package_version"):
            raise CheckpointError(
                f"`{shown(path)}` holds a program (TorchScript or torch.package), not weights alone. Save its "
                "state_dict() and give that."
            )
        if leaf == "data.pkl" and info.file_size > LARGEST_PICKLE:
            raise CheckpointError(
                f"`{shown(path)}` has {info.file_size / 1024**2:,.0f} MiB of names alone, more than the "
                f"{LARGEST_PICKLE // 1024**2} that are read. Save its state_dict() alone and give that."
            )
    if path.suffix == ".safetensors":  # torch.load would go by that name, and not by what is inside
        return load_legacy(path, path.stat().st_size)
    return _load(path, mapped=True)


def load_legacy(path: Path, size: int) -> Any:
    """The saved object of a file of torch before 1.6, or of one that cannot be mapped, loaded whole.

    Raises:
        CheckpointError: for a file that is too large, or an object that is more than data.
    """
    if size > LARGEST_LEGACY:
        raise CheckpointError(
            f"`{shown(path)}` is a {size / 1024**3:.1f} GiB file that must be held in memory whole: its format is "
            "older than torch 1.6 or its name ends in .safetensors. Save it again as .pt and give that."
        )
    return _load(path, mapped=False)


def _load(path: Path, mapped: bool) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they name arguments of torch.load that our reader's user cannot set
            if mapped:
                return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            with path.open("rb") as file:
                return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a broken pickle can raise anything
        raise CheckpointError(_reason(path, error)) from error


def _reason(path: Path, error: Exception) -> str:
    refused = REFUSED.search(str(error))
    if refused:
        return (
            f"`{shown(path)}` was refused, and nothing in it was run: it holds more than data, namely "
            f"`{shown(refused[1] or refused[2])}`. Where you trust it, save its tensors alone, "
            "torch.save(model.state_dict(), 'weights.pt'), and give that."
        )
    return (
        f"`{shown(path)}` begins as a torch file does but cannot be read as one: it is damaged or incomplete "
        f"({shown(str(error).strip().partition(chr(10))[0] or type(error).__name__)}). Copy or download it again."
    )
