"""Paths over a loss surface: the same points, codes and noise under one method after another.

The toy of Huh et al. (ICML 2023, section 3): what the straight-through estimator does to z_e where the task
loss f is a function of z_q in the plane. The methods run through the quantizer and the step of every other
problem; only the data, the model and the plain gradient descent are this file's own.
"""

# T steps, n points, K codes

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import skip_init

from vqcore.problems.landscapes import Landscape, find_landscape
from vqcore.problems.plane import PLANE
from vqcore.problems.problem import Model, Split
from vqcore.quantizer.ema import ema_update_
from vqcore.quantizer.layer import NonFiniteInputError, VectorQuantizer
from vqcore.quantizer.options import Options, check_real, check_whole
from vqcore.training.step import forward_and_backward

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Encoder = Literal["free", "mlp"]
Points = tuple[tuple[float, float], ...]

FAR = 1e6
"""Widths of the window from which on a path is said to diverge."""

ASK_EVERY = 100
"""Steps between two looks at whether to stop: a tenth of a second or so."""

REACHED = 0.01
"""Share of the starting excess loss at which the minimum counts as reached."""

METHODS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "no quantization": {"bypass": True},
        "STE": {},
        "alternating": {"inner_steps": 1},
        "sync": {"sync": 1.0},
        "alternating + sync": {"inner_steps": 1, "sync": 1.0},
        "affine": {"affine": "learned"},
        "all": {"inner_steps": 1, "sync": 1.0, "affine": "learned"},
        "EMA": {"codebook_update": "ema", "ema_decay": 0.9},
        "rotation": {"estimator": "rotation"},
    }
)
"""Rows to compare, as changes to the options; the first seven are the paper's."""

PAPER_METHODS = tuple(METHODS)[:7]


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What all methods have in common.

    Raises:
        ValueError: for a value outside its range; a start or code outside the landscape's window.
    """

    landscape: str = "quadratic"
    seed: int = 0
    steps: int = 500
    points: int = 1
    encoder: Encoder = "free"
    """Each z_e is a parameter, or the output of a small MLP that all points share."""

    num_codes: int = 12
    learning_rate: float | None = None
    """Of plain gradient descent; None for the landscape's own."""

    noise: float = 0.0
    """Standard deviation of what is added to ∇f at every step, the same for every method."""

    alpha: float = 1.0
    """α: each point adds α·½·(1 − β)·‖z_e − sg[z_q]‖² and α·½·β·‖sg[z_e] − z_q‖² to its task loss."""

    beta: float = 0.9
    nu: float = 1.0
    """ν of the methods with sync."""

    inner_steps: int = 1
    """Of the methods with alternating."""

    inner_share: float = 0.5
    """How far one inner step moves a code towards the point assigned to it, 0…1."""

    starts: Points | None = None
    """Where the points begin; None for places near the landscape's start, by seed."""

    codes: Points | None = None
    """Where the codes begin; None for places all over the window, by seed."""

    methods: tuple[str, ...] = PAPER_METHODS

    def __post_init__(self) -> None:
        landscape = find_landscape(self.landscape)
        check_whole("seed", self.seed, 0, 2**31 - 1)
        check_whole("steps", self.steps, 1, 10_000)
        check_whole("points", self.points, 1, 64)
        check_whole("num_codes", self.num_codes, 1, 256)
        check_whole("inner_steps", self.inner_steps, 0, 100)
        check_real("noise", self.noise, 0, 1e6)
        check_real("alpha", self.alpha, 0, 1e6)
        check_real("beta", self.beta, 0, 1)
        check_real("nu", self.nu, 0, 100)
        check_real("inner_share", self.inner_share, 0, 1)
        if self.learning_rate is not None:
            check_real("learning_rate", self.learning_rate, 0, 1e9)
        if self.encoder not in get_args(Encoder):
            raise ValueError(f"`encoder` must be one of {', '.join(get_args(Encoder))}, but got {self.encoder!r}.")
        unknown = [name for name in self.methods if name not in METHODS]
        if unknown or not self.methods:
            got = repr(unknown[0]) if unknown else "none"
            raise ValueError(f"`methods` must be one or more of {', '.join(METHODS)}, but got {got}.")
        for name, places, count in (("starts", self.starts, self.points), ("codes", self.codes, self.num_codes)):
            if places is not None:
                _check_places(name, places, count, landscape)

    @property
    def surface(self) -> Landscape:
        """The landscape itself."""
        return find_landscape(self.landscape)

    @property
    def rate(self) -> float:
        """The learning rate in force."""
        return self.surface.learning_rate if self.learning_rate is None else self.learning_rate

    def options(self, method: str) -> Options:
        """The quantizer's live options for one method."""
        changes = dict(METHODS[method])
        if "sync" in changes:
            changes["sync"] = self.nu
        if "inner_steps" in changes:
            changes |= {"inner_steps": self.inner_steps, "inner_lr": self.inner_share * self.points}
        # The commitment loss is a mean over points and features; here each point counts whole, as its f does.
        return replace(Options(alpha=self.alpha * self.points, beta=self.beta), **changes)

    def first_points(self) -> Floats:
        """(n, 2) where the points begin."""
        if self.starts is not None:
            return np.array(self.starts, dtype=np.float64)
        left, right, bottom, top = self.surface.window
        spread = 0.12 * np.array([right - left, top - bottom])
        drawn = self.surface.start + spread * self._draw(1).normal(size=(self.points, 2))
        return np.clip(drawn, [left, bottom], [right, top])

    def first_codes(self) -> Floats:
        """(K, 2) where the codes begin."""
        if self.codes is not None:
            return np.array(self.codes, dtype=np.float64)
        left, right, bottom, top = self.surface.window
        return self._draw(2).uniform([left, bottom], [right, top], size=(self.num_codes, 2))

    def noise_at_steps(self) -> Floats:
        """(T, n, 2) what is added to ∇f."""
        return self.noise * self._draw(3).normal(size=(self.steps, self.points, 2))

    def _draw(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream])


@dataclass(frozen=True, kw_only=True, slots=True)
class Path:
    """What one method did. Row t of an array is the state before step t; T is where it ended."""

    method: str
    z_e: Floats
    """(T + 1, n, 2)."""

    codebook: Floats
    """(T + 1, K, 2) the effective code vectors."""

    inner_codebook: Floats | None
    """(T, K, 2) after step t's inner steps and before its task step; None without inner steps."""

    codes: Ints
    """(T, n) assigned in step t, after its inner steps."""

    handed: Floats
    """(T, n, 2) the task gradient that the estimator hands to z_e, without the noise."""

    diverged_at: int | None
    """The step in which it left the finite numbers or the plane by far; the arrays end before it."""

    surface: Landscape = field(repr=False)

    @property
    def z_q(self) -> Floats:
        """(T, n, 2) what the task saw in step t."""
        if METHODS[self.method].get("bypass"):
            return self.z_e[:-1]
        return self.assigned_codes

    @property
    def assigned_codes(self) -> Floats:
        """(T, n, 2) the code vectors assigned in step t, as they were then."""
        seen = self.codebook[:-1] if self.inner_codebook is None else self.inner_codebook
        return np.take_along_axis(seen, self.codes[..., None], 1)

    def measures(self) -> dict[str, Floats]:
        """What `MEASURES` defines, (T,) each: means over the points; nan where there is no direction or ratio."""
        true = self.surface.gradient(self.z_e[:-1])
        length, gap = _length(true), _length(self.handed - true)
        has_slope = length > 1e-9 * max(1e-300, float(length[:1].max(initial=0.0)))
        both = length * _length(self.handed)
        cosine = np.divide((true * self.handed).sum(-1), both, out=np.full_like(both, np.nan), where=both > 0)
        moved = np.take_along_axis(self.codebook[1:], self.codes[..., None], 1)
        return {
            "loss": (self.surface.of(self.z_q) - self.surface.lowest).mean(1),
            "z_e distance": self.surface.distance_to_minimum(self.z_e[:-1]).mean(1),
            "z_q distance": self.surface.distance_to_minimum(self.z_q).mean(1),
            "gradient gap": _mean(np.where(has_slope, gap / np.where(has_slope, length, 1), np.nan)),
            "gap angle": _mean(np.degrees(np.arccos(np.clip(cosine, -1, 1)))),
            "commitment error": _length(self.z_e[:-1] - self.z_q).mean(1),
            "delay": _length(moved - self.z_e[1:]).mean(1),
        }

    def summary(self) -> dict[str, float]:
        """The path in a few numbers; `reached` is nan where the loss never fell to `REACHED` of its start.

        The gap is the mean length of its vectors over that of the true gradients: near a minimum, where the
        true gradient vanishes, a mean of ratios would be about those few steps alone.
        """
        measures = self.measures()
        start = float((self.surface.of(self.z_e[0]) - self.surface.lowest).mean())
        below = np.flatnonzero(measures["loss"] <= REACHED * start)
        true = self.surface.gradient(self.z_e[:-1])
        total = float(_length(true).sum())
        return {
            "reached": float(below[0]) if len(below) else np.nan,
            "final loss": float(measures["loss"][-1]) if len(measures["loss"]) else np.nan,
            "gradient gap": float(_length(self.handed - true).sum()) / total if total > 0 else np.nan,
            **{name: float(_mean(measures[name][None])[0]) for name in ("gap angle", "commitment error", "delay")},
        }


MEASURES: Mapping[str, str] = MappingProxyType(
    {
        "loss": "f(z_q) − min f",
        "z_e distance": "‖z_e − nearest minimum‖",
        "z_q distance": "‖z_q − nearest minimum‖",
        "gradient gap": "‖ĝ − ∇f(z_e)‖ / ‖∇f(z_e)‖, ĝ the task gradient handed to z_e",
        "gap angle": "angle between ĝ and ∇f(z_e), degrees",
        "commitment error": "‖z_e − z_q‖",
        "delay": "‖c′ − z_e′‖: the assigned code to its point, both one step on",
    }
)
"""The formula of every measure, each a mean over the points."""


def trajectories(setting: Setting, *, stop: Callable[[], bool] = lambda: False) -> list[Path]:
    """The path of every method of `setting`, from one start and under one noise sequence.

    Args:
        setting: what they have in common.
        stop: asked every now and then; once it is true, what is complete by then is returned.
    """
    paths: list[Path] = []
    for method in setting.methods:
        path = None if stop() else _run(setting, method, stop)
        if path is None:
            break
        paths.append(path)
    return paths


class _Free(nn.Module):
    """Each z_e a parameter."""

    def __init__(self, starts: Tensor) -> None:
        super().__init__()
        self.z_e = nn.Parameter(starts.clone())

    def forward(self, inputs: Tensor) -> Tensor:
        return self.z_e


class _Mlp(nn.Module):
    """Each z_e an output of one MLP, shifted so that it begins at its start."""

    def __init__(self, starts: Tensor, seed: int) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(seed)  # its own: a live session may be drawing from torch's
        self.inputs = torch.randn(len(starts), 4, dtype=starts.dtype, generator=draw)
        first, second = (skip_init(nn.Linear, *sizes, dtype=starts.dtype) for sizes in ((4, 16), (16, 2)))
        self.layers = nn.Sequential(first, nn.Tanh(), second)
        with torch.no_grad():
            for layer in (first, second):
                for parameter in layer.parameters():
                    parameter.uniform_(-1, 1, generator=draw).div_(layer.in_features**0.5)
            self.shift = starts - self.layers(self.inputs)

    def forward(self, inputs: Tensor) -> Tensor:
        z_e: Tensor = self.layers(self.inputs) + self.shift
        return z_e


class _Watched(Model):
    """A model that keeps the gradient of its z_e and adds noise to what goes on to the encoder."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__(encoder, nn.Identity(), channels_first=False)
        self.z_e = torch.empty(0)

    def encode(self, inputs: Tensor) -> Tensor:
        """z_e (n, 2); `inputs` is the noise of this step, added to its gradient."""
        self.z_e = super().encode(inputs).view(-1, 2)  # a new tensor each time: a parameter would keep the hooks
        self.z_e.retain_grad()
        self.z_e.register_hook(lambda gradient: gradient + inputs)
        return self.z_e


def _run(setting: Setting, method: str, stop: Callable[[], bool]) -> Path | None:
    """Gradient descent under one method, in float64: its numbers are compared with closed forms."""
    surface, options = setting.surface, setting.options(method)
    starts = torch.from_numpy(setting.first_points())
    model = _Watched(_Free(starts) if setting.encoder == "free" else _Mlp(starts, setting.seed))
    quantizer = VectorQuantizer(setting.num_codes, 2, options).double()
    quantizer.place_(torch.from_numpy(setting.first_codes()))
    problem = replace(PLANE, loss=lambda output, _: surface.of(output).sum())
    parameters = [*model.parameters(), *quantizer.parameters()]
    noise = torch.from_numpy(setting.noise_at_steps())
    record = _Record(z_e=[], before=[], quantized_with=[], codes=[], gradients=[])
    for step, at_step in enumerate(noise, start=1):
        if step % ASK_EVERY == 0 and stop():
            return None
        for parameter in parameters:
            parameter.grad = None
        record.before.append(quantizer.codebook().detach().clone())
        try:
            done = forward_and_backward(problem, model, quantizer, Split(at_step, at_step))
        except NonFiniteInputError:
            break
        record.z_e.append(done.z_e.clone())
        record.quantized_with.append(done.codebooks[0])
        record.codes.append(done.levels[0].codes)
        record.gradients.append(model.z_e.grad)
        with torch.no_grad():
            for parameter in parameters:
                if parameter.grad is not None:
                    parameter.add_(parameter.grad, alpha=-setting.rate)
        if options.codebook_update == "ema":
            ema_update_(quantizer, done.levels[0].z_e, done.levels[0].codes)
    else:
        record.before.append(quantizer.codebook().detach().clone())
    record.z_e.append(model.encode(noise[0]).detach())
    return _path(setting, method, record)


class _Record(NamedTuple):
    z_e: list[Tensor]
    before: list[Tensor]
    """The codebook before each step."""

    quantized_with: list[Tensor]
    """The codebook after each step's inner steps."""

    codes: list[Tensor]
    gradients: list[Tensor | None]


def _path(setting: Setting, method: str, record: _Record) -> Path:
    """What was recorded up to where it is finite and near, with the task's part of the gradients."""
    options = setting.options(method)
    z_e, before = _stacked(record.z_e), _stacked(record.before)
    count = _steps_near(z_e, before, setting)
    seen, codes = _stacked(record.quantized_with)[:count], _stacked(record.codes)[:count]
    whole = _stacked([torch.zeros(setting.points, 2) if g is None else g for g in record.gradients])[:count]
    z_q = np.take_along_axis(seen, codes[..., None], 1)
    commitment = 0 if options.bypass else setting.alpha * (1 - setting.beta) * (z_e[:count] - z_q)
    return Path(
        method=method,
        z_e=z_e[: count + 1],
        codebook=before[: count + 1],
        inner_codebook=seen if options.inner_steps > 0 else None,
        codes=codes,
        handed=whole - commitment - setting.noise_at_steps()[:count],
        diverged_at=None if count == setting.steps else count,
        surface=setting.surface,
    )


def _steps_near(z_e: Floats, codebook: Floats, setting: Setting) -> int:
    """After how many steps the points and codes are last all finite and not `FAR`."""
    left, right, *_ = setting.surface.window
    with np.errstate(invalid="ignore"):
        near = (np.abs(z_e) < FAR * (right - left)).all((1, 2)) & (np.abs(codebook) < FAR * (right - left)).all(
            (1, 2)
        )
    away = np.flatnonzero(~near)
    return int(away[0]) - 1 if len(away) else len(z_e) - 1


def _stacked(tensors: list[Tensor]) -> NDArray[Any]:
    return torch.stack(tensors).numpy()


def _length(vectors: Floats) -> Floats:
    lengths: Floats = np.sqrt(np.square(vectors).sum(-1))
    return lengths


def _mean(rows: Floats) -> Floats:
    """The mean of each row over what is not nan; nan where nothing is."""
    count = (~np.isnan(rows)).sum(-1)
    means: Floats = np.divide(np.nansum(rows, -1), count, out=np.full(rows.shape[:-1], np.nan), where=count > 0)
    return means


def _check_places(name: str, places: Points, count: int, landscape: Landscape) -> None:
    array = np.array(places, dtype=np.float64)
    if array.shape != (count, 2) or not np.isfinite(array).all():
        raise ValueError(f"`{name}` must be {count} finite pairs (x, y), but got {places!r}.")
    if not landscape.holds(array):
        left, right, bottom, top = landscape.window
        raise ValueError(
            f"`{name}` must lie in the window of {landscape.name}, x from {left:g} to {right:g} and y from "
            f"{bottom:g} to {top:g}, but got {places!r}."
        )
