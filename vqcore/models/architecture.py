"""A network for images of any size, number of channels and classes, with places for a quantizer."""

from collections.abc import Callable
from dataclasses import dataclass

from vqcore.problems.problem import Model


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What a network is built for."""

    channels: int
    """Of the images: 1 or 3."""

    size: int
    """Of the images, which are square, in pixels."""

    classes: int
    """How many; 0 where the images themselves are the target."""

    width: int
    place: str
    """Where the quantizer stands, one of the architecture's places."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """What can be chosen of a network, and how it is built."""

    width: int
    """Features of its first stage, as it is published."""

    width_step: int
    """Which numbers a width must be a multiple of."""

    size: int
    """Image size at which it is published."""

    place: str
    """Where the quantizer stands by default."""

    places: tuple[str, ...]
    """Where it may stand, from the input to the output."""

    size_step: Callable[[int], int]
    """Which number an image size must be a multiple of, for that size."""

    dim: Callable[[int, str], int]
    """D, for a width and a place."""

    build: Callable[[Shape], Model]

    def check(self, name: str, size: int, width: int, place: str) -> None:
        """Refuse, by ValueError, what the network called `name` cannot be built for."""
        step = self.size_step(size)
        if size % step:
            low = max(step, size // step * step)
            raise ValueError(
                f"`image_size` must be a multiple of {step} for {name}, which halves images of this size "
                f"{step.bit_length() - 1} times, but got {size}. Try {low} or {low + step}."
            )
        if width % self.width_step:
            raise ValueError(f"`width` must be a multiple of {self.width_step} for {name}, but got {width}.")
        if place not in self.places:
            raise ValueError(f"`quantize_at` must be one of {', '.join(self.places)} for {name}, but got {place!r}.")
