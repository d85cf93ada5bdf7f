"""Hooks on someone else's modules that no copy, pickle or compiled graph of the model notices."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch.utils.module_tracker import ModuleTracker


class Hook:
    """Calls `seen` after, or before, a forward of the original model, outside a compiled graph."""

    def __init__(self, seen: Callable[..., None]) -> None:
        self._seen = seen

    def __call__(self, *given: Any) -> None:
        """Called by torch with a module and, for a forward, its arguments and result."""
        if torch.compiler.is_compiling():  # first: dynamo then traces nothing of ours and guards on nothing of ours
            return
        self._seen(*given)

    def __reduce__(self) -> tuple[Any, ...]:
        # A copied or saved model gets a function that does nothing and needs no vqcore: an EMA copy is not watched.
        return getattr, (nullcontext(), "__exit__")


class Backward:
    """Whether a backward is under way: a forward within it is gradient checkpointing's second one."""

    def __init__(self) -> None:
        self._tracker = ModuleTracker()

    @property
    def is_running(self) -> bool:
        """Asks autograd, which knows for the current thread."""
        return bool(self._tracker.is_bw)
