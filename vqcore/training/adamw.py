"""AdamW through torch's own function, with state that can be cleared row by row."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.optim.adamw import adamw

BETAS = (0.9, 0.999)
EPSILON = 1e-8
"""torch's defaults, with which it begins."""


class Moments(NamedTuple):
    """AdamW's state for one parameter."""

    step: Tensor
    exp_avg: Tensor
    exp_avg_sq: Tensor


class AdamW:
    """The same steps as `torch.optim.AdamW`, bit for bit (Loshchilov and Hutter, arXiv 1711.05101).

    Not that class itself: the first optimizer object of a process loads torch's compiler, two seconds of one
    core for which the first chart would have to wait.
    """

    def __init__(self, decays: Iterable[tuple[Iterable[Tensor], float]], *, learning_rate: float) -> None:
        """`decays` pairs parameters with their weight decay."""
        self.learning_rate = learning_rate
        self.state: dict[Tensor, Moments] = {}
        self.betas = BETAS
        groups = [(list(parameters), decay) for parameters, decay in decays]
        self._groups = [parameters for parameters, _ in groups]
        self.decays = [decay for _, decay in groups]
        """Of each group, in the order in which they were given."""

    def zero_grad(self) -> None:
        """Drop all gradients."""
        for parameters in self._groups:
            for parameter in parameters:
                parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter that has a gradient."""
        for parameters, decay in zip(self._groups, self.decays, strict=True):
            moved = [parameter for parameter in parameters if parameter.grad is not None]
            moments = [self._moments(parameter) for parameter in moved]
            adamw(
                moved,
                [parameter.grad for parameter in moved if parameter.grad is not None],
                [each.exp_avg for each in moments],
                [each.exp_avg_sq for each in moments],
                [],
                [each.step for each in moments],
                amsgrad=False,
                beta1=self.betas[0],
                beta2=self.betas[1],
                lr=self.learning_rate,
                weight_decay=decay,
                eps=EPSILON,
                maximize=False,
            )

    def forget(self, parameter: Tensor, rows: Tensor | None = None) -> None:
        """Clear the state of `parameter`, or only of its rows selected by the mask `rows`."""
        if rows is None:
            self.state.pop(parameter, None)
        elif parameter in self.state:
            for moment in self.state[parameter][1:]:
                moment.masked_fill_(rows[:, None], 0)

    def _moments(self, parameter: Tensor) -> Moments:
        if parameter not in self.state:
            self.state[parameter] = Moments(torch.zeros(()), torch.zeros_like(parameter), torch.zeros_like(parameter))
        return self.state[parameter]
