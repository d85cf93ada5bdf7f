"""The live options of a vector-quantized training, as one frozen value."""

import math
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Literal, get_args

Affine = Literal["off", "learned", "running", "matrix"]
Norm = Literal["none", "unit", "capped"]
InputNorm = Literal["none", "unit", "capped", "tanh"]
Estimator = Literal["straight-through", "rotation", "directional"]
CodebookUpdate = Literal["gradient", "ema"]
ReplaceOnto = Literal["random", "far", "busy"]

MAX_AFFINE_GROUPS = 16
"""Rows of the affine map, so that its tensors have the same shape whatever the options."""

MAX_ADAM_BETA = 0.999999
"""At 1 a mean would never follow."""

MAX_STEPS = 10**9


MAX_INNER_MOMENTUM = 0.999
"""At 1 a velocity would never fade."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Everything that may change between two steps of training; a toggle is `replace(options, sync=0.5)`.

    Equations and symbols follow Huh et al., *Straightening Out the Straight-Through Estimator*
    (ICML 2023, arXiv 2305.08842).

    Raises:
        ValueError: for a value outside its range, naming the option, the range and the value.
    """

    affine: Affine = "off"
    """Code vectors are c = s·c_raw + b: s and b learned, or from running moments of P and C. With `matrix` they are
    c = W·c_raw: W is learned and c_raw stands still (SimVQ, Zhu et al., arXiv 2411.02038, section 4)."""

    affine_groups: int = 1
    """Number of consecutive groups of codes, each with its own s and b, 1…16; a matrix is one for all."""

    affine_lr_scale: float = 1.0
    """Learned map: s = 1 + scale·a and b = scale·a', or W = I + scale·A; a larger value learns it faster."""

    sync: float = 0.0
    """ν in z = z_e + sg[z_q − z_e] + ν(z_q − sg[z_q]): the task gradient also reaches the assigned codes."""

    estimator: Estimator = "straight-through"
    """How the task gradient crosses the rounding: copied onto z_e; turned and scaled by the map that takes z_e
    to z_q (`rotation`, Fifty et al., arXiv 2410.06424); or shared out: along z_q − z_e to the code, across it to z_e
    (`directional`, DiVeQ of Vali et al., arXiv 2509.26469, without its noise)."""

    codebook_update: CodebookUpdate = "gradient"
    """What moves the codes: the codebook side of the commitment loss, or an exponential moving average of the
    vectors assigned to each (van den Oord et al., arXiv 1711.00937, appendix A.1), which then replaces that side."""

    ema_decay: float = 0.99
    """γ, share of the past that an EMA update keeps."""

    input_norm: InputNorm = "none"
    """z_e as it is, at unit length, shortened to length 10 if longer, or each feature between −1 and 1 by tanh, as
    finite scalar quantization does (Mentzer et al., arXiv 2309.15505). Cosine codes are input and codebook both at
    unit length: the nearest code is then the one at the smallest angle."""

    codebook_norm: Norm = "none"
    """Length of the code vectors, after the affine map."""

    bypass: bool = False
    """z_q is z_e itself, with no commitment loss: what the network does without quantization. Codes are still
    assigned, so that usage can be seen."""

    inner_steps: int = 0
    """Alternating optimization: descent steps on the commitment loss over the codebook before each task step."""

    inner_lr: float = 50.0
    """Learning rate of the inner steps, on a loss that is a mean over elements."""

    inner_momentum: float = 0.0
    """μ of the inner steps' velocity, v ← μ·v + gradient and c ← c − inner_lr·v. At 0 a step stops at the mean of a
    code's vectors; above it a code is carried past them, as by VQTorch's in-place SGD, and a dead one goes on."""

    alpha: float = 5.0
    """α, weight of the commitment loss in the total loss."""

    beta: float = 0.9
    """β, share of the commitment loss whose gradient goes to the codebook; 1 − β goes to the encoder."""

    learning_rate: float = 1e-3
    """AdamW's learning rate, for every parameter."""

    adam_beta1: float = 0.9
    """AdamW's β₁, share of the past in its mean gradient."""

    adam_beta2: float = 0.999
    """AdamW's β₂, share of the past in its mean squared gradient."""

    weight_decay: float = 0.01
    """AdamW's decay, of the model only: on the codebook it would pull dead codes to the origin."""

    warmup_steps: int = 0
    """Over so many first steps the learning rate rises in equal parts."""

    cosine_steps: int = 0
    """After the warm-up the learning rate falls to zero at this step, with half a cosine; 0: it stays."""

    quantize_from: int = 0
    """Before this step z_q is z_e itself, as under bypass: the network learns first, the codes join it later. With a
    k-means start the codes are placed at that step."""

    replace_every: int = 0
    """A code unused for this many steps moves onto a recent z_e; 0: never."""

    replace_onto: ReplaceOnto = "random"
    """Which z_e an unused code moves onto: any, ones far from their code (with probability in proportion to the
    squared distance, as k-means++ seeds), or beside the codes that are used most."""

    def __post_init__(self) -> None:
        for field in fields(self):
            choices, value = get_args(field.type), getattr(self, field.name)
            if choices and value not in choices:
                raise ValueError(f"`{field.name}` must be one of {', '.join(choices)}, but got {value!r}.")
        if not isinstance(self.bypass, bool):
            raise ValueError(f"`bypass` must be true or false, but got {self.bypass!r}.")
        check_whole("affine_groups", self.affine_groups, 1, MAX_AFFINE_GROUPS)
        check_whole("inner_steps", self.inner_steps, 0, 100)
        check_whole("replace_every", self.replace_every, 0, 1_000_000)
        check_real("affine_lr_scale", self.affine_lr_scale, 1e-6, 1e6)
        check_real("sync", self.sync, 0, 100)
        check_real("ema_decay", self.ema_decay, 0, 1)
        check_real("inner_lr", self.inner_lr, 0, 1e9)
        check_real("inner_momentum", self.inner_momentum, 0, MAX_INNER_MOMENTUM)
        check_real("alpha", self.alpha, 0, 1e6)
        check_real("beta", self.beta, 0, 1)
        check_real("learning_rate", self.learning_rate, 0, 1e9)
        check_real("adam_beta1", self.adam_beta1, 0, MAX_ADAM_BETA)
        check_real("adam_beta2", self.adam_beta2, 0, MAX_ADAM_BETA)
        check_real("weight_decay", self.weight_decay, 0, 1e3)
        for name in ("warmup_steps", "cosine_steps", "quantize_from"):
            check_whole(name, getattr(self, name), 0, MAX_STEPS)


@cache
def option_names() -> tuple[str, ...]:
    """The names of all live options, in the order they are declared."""
    return tuple(field.name for field in fields(Options))


def check_whole(name: str, value: Any, low: int, high: int) -> None:
    """Raise ValueError, naming all three, unless `value` is an int from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"`{name}` must be a whole number from {low} to {high}, but got {value!r}.")


def check_real(name: str, value: Any, low: float, high: float) -> None:
    """Raise ValueError, naming all three, unless `value` is a finite number from `low` to `high`."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value <= high:
        raise ValueError(f"`{name}` must be a number from {low:g} to {high:g}, but got {value!r}.")
