"""Builds the model of a problem from one generator."""

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from vqcore.problems.problem import Model, Problem

DRAWS = frozenset(
    {
        *("rand", "rand_like", "randn", "randn_like", "randint", "randint_like", "randperm"),
        *("normal", "bernoulli", "multinomial", "poisson"),
        *("uniform_", "normal_", "random_", "bernoulli_", "exponential_", "geometric_", "cauchy_", "log_normal_"),
    }
)
"""The functions of PyTorch that draw; those with an underscore are a tensor's."""


def built(problem: Problem, generator: torch.Generator) -> Model:
    """A fresh model of `problem`, its weights drawn from `generator` alone.

    PyTorch's layers take no generator: they draw from the process-wide one, which any other thread may draw
    from or seed at the same time. Here what this thread draws comes from `generator`, so that the same seed builds
    the same model whatever else runs, and the process-wide generator is neither read nor advanced.
    """
    with _DrawnFrom(generator):
        return problem.build()


class _DrawnFrom(TorchFunctionMode):
    """Inside the block, every draw of this thread that names no generator uses this one."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self._generator = generator

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = dict(kwargs or {})
        draws = func.__name__ in DRAWS or "generator" in named  # the latter: what `torch.nn.init` is called with
        if draws and named.get("generator") is None:
            named["generator"] = self._generator
        return func(*args, **named)
