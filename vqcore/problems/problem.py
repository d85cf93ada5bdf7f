"""A problem: a model with its data and its loss, as one small value."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from vqcore.quantizer.options import Options

Task = Literal["reconstruction", "classification", "plane"]


class Split(NamedTuple):
    """One part of the data. The loss compares with `targets`: class labels, or the inputs themselves."""

    inputs: Tensor
    targets: Tensor
    labels: Tensor | None = None
    """(n,) the class of each input, only for display: no loss sees it. None if classes are unknown."""

    @property
    def num_inputs(self) -> int:
        """How many rows there are."""
        return len(self.inputs)

    def batch(self, index: Tensor) -> "Split":
        """The rows at `index` (B,)."""
        labels = None if self.labels is None else self.labels[index]
        return Split(self.inputs[index], self.targets[index], labels)

    def batches(self, size: int) -> Iterator["Split"]:
        """All rows in order, `size` at a time."""
        for start in range(0, self.num_inputs, size):
            rows = slice(start, start + size)
            yield Split(self.inputs[rows], self.targets[rows], None if self.labels is None else self.labels[rows])

    def to(self, device: torch.device) -> "Split":
        """The same data on `device`."""
        labels = None if self.labels is None else self.labels.to(device)
        return Split(self.inputs.to(device), self.targets.to(device), labels)


class Part(Protocol):
    """Training or held-out data: a `Split`, whose tensors are in memory, or one that is read a batch at a time."""

    @property
    def num_inputs(self) -> int:
        """How many rows there are."""
        ...

    def batch(self, index: Tensor) -> Split:
        """The rows at `index` (B,)."""
        ...

    def batches(self, size: int) -> Iterator[Split]:
        """All rows in order, `size` at a time."""
        ...

    def to(self, device: torch.device) -> "Part":
        """The same data on `device`."""
        ...


class Data(NamedTuple):
    """Training and held-out data; no held-out value ever appears in training data."""

    train: Part
    held_out: Part


class Model(nn.Module):
    """An encoder and a decoder with room for a quantizer between them.

    `encode` gives z_e with features last, (B, …, D), and `decode` takes that shape. Image models hold
    channels first inside, so they move the axis on the way.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, *, channels_first: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.channels_first = channels_first

    def encode(self, inputs: Tensor) -> Tensor:
        """z_e (B, …, D)."""
        z_e: Tensor = self.encoder(inputs)
        return z_e.movedim(1, -1) if self.channels_first else z_e

    def decode(self, z_q: Tensor) -> Tensor:
        """The task's output for z_q (B, …, D)."""
        output: Tensor = self.decoder(z_q.movedim(-1, 1) if self.channels_first else z_q)
        return output


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """A problem to train on. A new one takes one file and one line in the catalogue."""

    name: str
    title: str
    """A few words for a menu."""

    about: str
    """One sentence: data, model and loss."""

    task: Task
    loss_name: str
    """What the task loss is, with its unit if it has one."""

    dim: int
    """D, features of z_e."""

    num_codes: int
    """K at the default settings."""

    batch_size: int
    options: Options
    load: Callable[[int], Data]
    """The data for a seed."""

    build: Callable[[], Model]
    """A fresh model; `built` controls which generator its weights are drawn from."""

    loss: Callable[[Tensor, Tensor], Tensor]
    """The task loss, a scalar, of (output, targets)."""

    monitor_size: int = 32
    """Number of held-out inputs whose vectors the map shows."""

    classes: tuple[str, ...] = ()
    """Names of the classes of `Split.labels`, if any."""

    whole: Callable[[], Tensor] | None = None
    """Whole held-out images (n, C, H, W) in ±1, for a model that takes any size; None for one that does not."""

    credit: str = ""
    """Whose the images are and under which licence, to be said wherever they are shown whole."""

    sources: str = ""
    """Addresses of the images and of their licence, for files that show them."""
