"""What an object remembers, as plain values that a file can hold, and back into a new object."""

from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from torch import Tensor

PLAIN = (bool, int, float, str, type(None), Tensor)
ARRAY = "array"
GENERATOR = "generator"


def values_of(subject: Any, leave_out: Collection[str] = ()) -> Any:
    """The values of `subject` and of what it holds: tensors, arrays, generators, numbers, texts and lists of them.

    Args:
        subject: a value, or an object whose attributes are such.
        leave_out: attributes that `put_values` leaves as it finds them, at any depth.

    Raises:
        TypeError: for a value of another kind.
    """
    if isinstance(subject, PLAIN):
        return subject
    if isinstance(subject, torch.Generator):
        return {GENERATOR: subject.get_state()}
    if isinstance(subject, np.ndarray):
        return {ARRAY: torch.from_numpy(subject.copy())}
    if isinstance(subject, list | tuple):
        return [values_of(each, leave_out) for each in subject]
    if hasattr(subject, "__dict__"):
        return {name: values_of(value, leave_out) for name, value in vars(subject).items() if name not in leave_out}
    raise TypeError(f"A {type(subject).__name__} cannot be kept in a checkpoint.")


def put_values(subject: Any, values: Any) -> Any:
    """`subject` with the values that `values_of` took from another object of its class; returns what stands for it.

    Objects and generators are changed in place; values are returned new. No code comes from `values`.

    Raises:
        ValueError: if the object has other attributes than the values.
    """
    if isinstance(subject, torch.Generator):
        subject.set_state(values[GENERATOR].cpu())
        return subject
    if isinstance(subject, np.ndarray):
        return values[ARRAY].numpy().copy()
    if isinstance(subject, Tensor) and isinstance(values, Tensor):
        return values.to(subject.device)
    if isinstance(subject, list | tuple) and len(subject) == len(values):
        return type(subject)([put_values(*pair) for pair in zip(subject, values, strict=True)])
    if isinstance(subject, (list, tuple, *PLAIN)):
        return values
    for name, value in values.items():
        if name not in vars(subject):
            raise ValueError(f"a {type(subject).__name__} has no {name}")
        setattr(subject, name, put_values(getattr(subject, name), value))
    return subject
