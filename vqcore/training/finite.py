"""Detects the first non-finite tensor without making the device wait at every step."""

import torch
from torch import Tensor

from vqcore.training.step import Step

CHECK_EVERY = 16
"""Steps between two checks, on devices where a check makes the host wait. The CPU is checked at every step."""

CHECKED = (
    "The encoder's output z_e",
    "The codebook",
    "The decoder's output",
    "The task loss",
    "The commitment loss",
)
"""In the order in which one can spoil the next."""


class NonFiniteError(ArithmeticError):
    """A tensor of a step became NaN or infinite."""

    def __init__(self, tensor: str, step: int) -> None:
        super().__init__(f"{tensor} became NaN or infinite at step {step}.")
        self.tensor = tensor
        self.step = step


class FiniteWatch:
    """Remembers, on the device, at which step each checked tensor was first not finite."""

    def __init__(self, device: torch.device) -> None:
        self._first_bad = torch.full((len(CHECKED),), -1, device=device)

    def note(self, done: Step, step: int) -> None:
        """Check what one step computed.

        Raises:
            NonFiniteError: as `raise_if_broken` does, if a check is due.
        """
        tensors: tuple[Tensor, ...] = (
            done.z_e,
            torch.cat([codebook.flatten() for codebook in done.codebooks]),
            done.output,
            done.task_loss,
            done.commitment_loss,
        )
        # The largest magnitude is finite exactly where every element is.
        bad = ~torch.stack([tensor.abs().amax() for tensor in tensors]).isfinite()
        self._first_bad = torch.where(bad & (self._first_bad < 0), step, self._first_bad)
        if self._first_bad.device.type == "cpu" or step % CHECK_EVERY == 0:
            self.raise_if_broken()

    def raise_if_broken(self) -> None:
        """Raise, and forget, what was found since the last check.

        Raises:
            NonFiniteError: naming the earliest tensor of the earliest step.
        """
        broken = [(step, order) for order, step in enumerate(self._first_bad.tolist()) if step >= 0]
        if broken:
            self._first_bad.fill_(-1)
            step, order = min(broken)
            raise NonFiniteError(CHECKED[order], step)
