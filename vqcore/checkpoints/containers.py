"""The state dicts inside what was saved, each with where it lay. Knows no codebook."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from vqcore.checkpoints.errors import CheckpointError
from vqcore.checkpoints.tensors import StoredArray, TorchArray

Copy = Literal["main", "ema", "best"]

DEEPEST = 3
MOST_ENTRIES = 1_000_000

NO_WEIGHTS = re.compile(
    r"(optim\w*|opt|opt_\w*|\w+_opt|scheduler\w*|lr_\w*|discriminator\w*|scaler|amp|callbacks|loops)$"
)
"""Sub-trees that hold no weights of the model; an optimizer's moments have a codebook's shape."""

STEP_NAMES = ("global_step", "step", "iteration", "iter", "steps", "epoch")


class StateDict(NamedTuple):
    """Arrays by key, from one place in a file."""

    container: tuple[str, ...]
    """The keys that lead there; empty at the root."""

    copy: Copy
    """Whether it is an average of the weights, or the best ones, kept beside the present ones."""

    arrays: Mapping[str, StoredArray]


def state_dicts(root: Any) -> list[StateDict]:
    """Every mapping in `root` that has an array, at most three deep.

    Raises:
        CheckpointError: where there is none, or more entries than any model has.
    """
    if isinstance(root, Tensor):
        root = {"tensor": root}
    if not isinstance(root, Mapping):
        raise CheckpointError(
            f"The file holds a {type(root).__name__}, where tensors by name are needed. Save model.state_dict()."
        )
    found = list(_walked(root, (), {}))
    if not found:
        raise CheckpointError("The file holds no tensor. Give a checkpoint that has the weights themselves.")
    return found


def saved_step(root: Any) -> tuple[str, int] | None:
    """The unit and number of the training step that the file tells of itself, if it does."""
    if not isinstance(root, Mapping):
        return None
    for name in STEP_NAMES:
        value = root.get(name)
        if isinstance(value, Tensor) and value.numel() == 1 and not value.is_floating_point():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return ("epoch" if name == "epoch" else "step"), value
    return None


def _walked(tree: Mapping[Any, Any], container: tuple[str, ...], visited: dict[int, int]) -> Iterator[StateDict]:
    if id(tree) in visited:  # the same mapping under several names, perhaps within itself
        return
    visited[id(tree)] = len(tree)
    if sum(visited.values()) > MOST_ENTRIES:
        raise CheckpointError(f"The file holds more than {MOST_ENTRIES:,} entries. Save model.state_dict() alone.")
    arrays: dict[str, StoredArray] = {}
    for key, value in tree.items():
        if not isinstance(key, str):
            continue
        if isinstance(value, StoredArray):
            arrays[key] = value
        elif isinstance(value, Tensor) and _is_plain(value):
            arrays[key] = TorchArray(key, value)
    if arrays:
        yield StateDict(container, _copy_of(container), arrays)
    if len(container) == DEEPEST:
        return
    for key, value in tree.items():
        if isinstance(key, str) and isinstance(value, Mapping) and not NO_WEIGHTS.match(key):
            yield from _walked(value, (*container, key), visited)


def _is_plain(tensor: Tensor) -> bool:
    return tensor.layout == torch.strided and not tensor.is_quantized and tensor.device.type == "cpu"


def _copy_of(container: tuple[str, ...]) -> Copy:
    names = "/".join(container).lower()
    if re.search(r"(^|[_/])(ema|ema_model|ema_state_dict|averaged?|shadow)($|[_/])", names):
        return "ema"
    return "best" if "best" in names else "main"
