"""What the paths over a loss surface have in common, and the methods to compare."""

# T steps, n points, K codes

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vqcore.problems.landscapes import Landscape, find_landscape
from vqcore.quantizer.options import Options, check_real, check_whole

Floats = NDArray[np.float64]
Encoder = Literal["free", "mlp"]
Points = tuple[tuple[float, float], ...]

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
"""Methods to compare, as changes to the options; the first seven are the paper's."""

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
    """Learning rate of plain gradient descent; None: the landscape's default."""

    noise: float = 0.0
    """Standard deviation of the noise added to ∇f at every step, the same noise for every method."""

    alpha: float = 1.0
    """α: each point adds α·½·(1 − β)·‖z_e − sg[z_q]‖² and α·½·β·‖sg[z_e] − z_q‖² to its task loss."""

    beta: float = 0.9
    nu: float = 1.0
    """ν for the methods with sync."""

    inner_steps: int = 1
    """Inner steps for the methods with alternating."""

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
