"""The state dicts inside a saved object, each with its path."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from vqcore.files.errors import CheckpointError, shown
from vqcore.files.restricted_pickle import MOST_ENTRIES
from vqcore.files.stored_tensors import StoredTensor
from vqcore.files.tensors import FileArray, StoredArray
from vqcore.files.torch_names import Unreadable

Copy = Literal["main", "ema", "best"]

DEEPEST = 3

NO_WEIGHTS = re.compile(
    r"(optim\w*|opt|opt_\w*|\w+_opt|scheduler\w*|lr_\w*|discriminator\w*|scaler|amp|callbacks|loops)$"
)
"""Sub-trees without weights of the model; an optimizer's moments have a codebook's shape."""

WHOLE = frozenset(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
LARGEST_STEP = 10**15
STEP_NAMES = ("global_step", "step", "iteration", "iter", "steps", "epoch")


class StateDict(NamedTuple):
    """Arrays by key, from one place in a file."""

    container: tuple[str, ...]
    """The keys that lead to it; empty at the root."""

    copy: Copy
    """Whether it is an average of the weights, or the best ones, kept beside the current ones."""

    arrays: Mapping[str, StoredArray]


def state_dicts(root: Any) -> list[StateDict]:
    """Every mapping in `root` that has an array, at most three levels deep; a list of arrays counts as numbered ones.

    Raises:
        CheckpointError: if there is none, or more entries than any model has.
    """
    if isinstance(root, StoredTensor | Unreadable):
        root = {"tensor": root}
    if not isinstance(root, Mapping):
        raise CheckpointError(
            f"The file holds a {type(root).__name__}, but tensors by name are needed. Save model.state_dict()."
        )
    unreadable: dict[str, str] = {}
    found = list(_walked(root, (), {}, unreadable))
    if not found and unreadable:
        key, what = next(iter(unreadable.items()))
        raise CheckpointError(
            f"The file holds no tensor that can be read: {shown(key)} is {what}. Save it as a plain float32 tensor."
        )
    if not found:
        raise CheckpointError("The file holds no tensor. Give a checkpoint that contains the weights themselves.")
    return found


def saved_step(root: Any) -> tuple[str, int] | None:
    """The unit and number of the training step, if the file records it."""
    if not isinstance(root, Mapping):
        return None
    for name in STEP_NAMES:
        value = root.get(name)
        array = FileArray(name, value) if isinstance(value, StoredTensor) else value
        if isinstance(array, StoredArray) and array.dtype in WHOLE and array.size == 1:
            value = int(array.read().item())
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_STEP:
            return ("epoch" if name == "epoch" else "step"), value
    return None


def _walked(
    tree: Mapping[Any, Any], container: tuple[str, ...], visited: dict[int, int], unreadable: dict[str, str]
) -> Iterator[StateDict]:
    if id(tree) in visited:  # the same mapping under several names, perhaps within itself
        return
    lists = {key: value for key, value in tree.items() if _is_list_of_arrays(key, value)}
    visited[id(tree)] = len(tree) + sum(map(len, lists.values()))
    if sum(visited.values()) > MOST_ENTRIES:
        raise CheckpointError(f"The file holds more than {MOST_ENTRIES:,} entries. Save model.state_dict() alone.")
    arrays: dict[str, StoredArray] = {}
    numbered = {f"{key}.{at}": one for key, values in lists.items() for at, one in enumerate(values)}
    for key, value in (*tree.items(), *numbered.items()):
        if not isinstance(key, str):
            continue
        if isinstance(value, StoredArray):
            arrays[key] = value
        elif isinstance(value, StoredTensor):
            arrays[key] = FileArray(key, value)
        elif isinstance(value, Unreadable):
            unreadable.setdefault(key, value.what)
    if arrays:
        yield StateDict(container, _copy_of(container), arrays)
    if len(container) == DEEPEST:
        return
    for key, value in tree.items():
        if isinstance(key, str) and isinstance(value, Mapping) and not NO_WEIGHTS.match(key):
            yield from _walked(value, (*container, key), visited, unreadable)


def _is_list_of_arrays(key: Any, value: Any) -> bool:
    """Whether `value` is what a `ParameterList` was before it had names."""
    if not isinstance(key, str) or not isinstance(value, list | tuple) or NO_WEIGHTS.match(key):
        return False
    return bool(value) and all(isinstance(one, StoredArray | StoredTensor) for one in value)


def _copy_of(container: tuple[str, ...]) -> Copy:
    names = "/".join(container).lower()
    if re.search(r"(^|[_/])(ema|ema_model|ema_state_dict|averaged?|shadow)($|[_/])", names):
        return "ema"
    return "best" if "best" in names else "main"
