"""The live options of a vector-quantized training, as one frozen value. Knows no tensors."""

import math
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

Affine = Literal["off", "learned", "running"]

MAX_AFFINE_GROUPS = 16
"""Rows the affine map keeps, so that its tensors have one shape whatever the options."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Everything that may change between two steps of training; a toggle is `replace(options, sync=0.5)`.

    Equations and symbols follow Huh et al., *Straightening Out the Straight-Through Estimator*
    (ICML 2023, arXiv 2305.08842).

    Raises:
        ValueError: for a value outside its range, naming the option, the range and the value.
    """

    affine: Affine = "off"
    """Code vectors are c = s·c_raw + b: s and b learned, or from running moments of P and C."""

    affine_groups: int = 1
    """How many consecutive groups of codes have an s and b of their own, 1…16."""

    affine_lr_scale: float = 1.0
    """Learned map: s = 1 + scale·a and b = scale·a', so a larger value learns s and b faster."""

    sync: float = 0.0
    """ν in z = z_e + sg[z_q − z_e] + ν(z_q − sg[z_q]): the task gradient also reaches the assigned codes."""

    inner_steps: int = 0
    """Alternating optimization: descent steps on the commitment loss over the codebook before each task step."""

    inner_lr: float = 50.0
    """Learning rate of the inner steps, on a loss that is a mean over elements."""

    alpha: float = 5.0
    """α, weight of the commitment loss in the total loss."""

    beta: float = 0.9
    """β, share of the commitment loss that moves the codebook; 1 − β moves the encoder."""

    learning_rate: float = 1e-3
    """AdamW's learning rate, for every parameter."""

    replace_every: int = 0
    """A code unused for this many steps moves onto a recent z_e; 0 never."""

    def __post_init__(self) -> None:
        if self.affine not in get_args(Affine):
            raise ValueError(f"`affine` must be one of {', '.join(get_args(Affine))}, but got {self.affine!r}.")
        check_whole("affine_groups", self.affine_groups, 1, MAX_AFFINE_GROUPS)
        check_whole("inner_steps", self.inner_steps, 0, 100)
        check_whole("replace_every", self.replace_every, 0, 1_000_000)
        check_real("affine_lr_scale", self.affine_lr_scale, 1e-6, 1e6)
        check_real("sync", self.sync, 0, 100)
        check_real("inner_lr", self.inner_lr, 0, 1e9)
        check_real("alpha", self.alpha, 0, 1e6)
        check_real("beta", self.beta, 0, 1)
        check_real("learning_rate", self.learning_rate, 0, 1e9)


def option_names() -> tuple[str, ...]:
    """The names of all live options, in the order they are declared."""
    return tuple(field.name for field in fields(Options))


def check_whole(name: str, value: Any, low: int, high: int) -> None:
    """Refuse `value` unless it is an int from `low` to `high`; raises ValueError naming all three."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"`{name}` must be a whole number from {low} to {high}, but got {value!r}.")


def check_real(name: str, value: Any, low: float, high: float) -> None:
    """Refuse `value` unless it is a finite number from `low` to `high`; raises ValueError naming all three."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value <= high:
        raise ValueError(f"`{name}` must be a number from {low:g} to {high:g}, but got {value!r}.")
