"""Loss surfaces over the plane with their analytic gradients, for numpy arrays and tensors alike."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Landscape:
    """A task loss f of one point of the plane. A new one takes one value and one line in `LANDSCAPES`."""

    name: str
    title: str
    formula: str
    value: Callable[[Any, Any], Any]
    """f(x, y); arithmetic only, so that it accepts floats, arrays and tensors."""

    slopes: Callable[[Any, Any], tuple[Any, Any]]
    """(∂f/∂x, ∂f/∂y), derived by hand."""

    minima: tuple[tuple[float, float], ...]
    """Every local minimum, the lowest first."""

    window: tuple[float, float, float, float]
    """The window drawn: left, right, bottom, top."""

    start: tuple[float, float]
    learning_rate: float
    """Learning rate at which gradient descent on f is stable in the window and reaches a minimum from `start`."""

    def of(self, points: Any) -> Any:
        """The loss at points (…, 2), (…)."""
        return self.value(points[..., 0], points[..., 1])

    def gradient(self, points: Floats) -> Floats:
        """∇f at points (…, 2), (…, 2)."""
        return np.stack(np.broadcast_arrays(*self.slopes(points[..., 0], points[..., 1])), -1)

    @property
    def lowest(self) -> float:
        """The smallest value that f takes."""
        return float(self.value(*self.minima[0]))

    def distance_to_minimum(self, points: Floats) -> Floats:
        """From points (…, 2) to the nearest of the minima, (…)."""
        apart = points[..., None, :] - np.array(self.minima)
        nearest: Floats = np.sqrt(np.square(apart).sum(-1)).min(-1)
        return nearest

    def holds(self, points: Floats) -> bool:
        """Whether all points (…, 2) lie in the window."""
        left, right, bottom, top = self.window
        x, y = points[..., 0], points[..., 1]
        return bool(((x >= left) & (x <= right) & (y >= bottom) & (y <= top)).all())


STEEP = 10.0
"""How many times steeper the quadratic is across its valley than along it."""

TURN = math.radians(30)
"""Angle by which the valley is turned, so that it follows no axis."""

COS, SIN = math.cos(TURN), math.sin(TURN)


def _quadratic(x: Any, y: Any) -> Any:
    along, across = COS * x + SIN * y, COS * y - SIN * x
    return 0.5 * (along * along + STEEP * across * across)


def _quadratic_slopes(x: Any, y: Any) -> tuple[Any, Any]:
    along, across = COS * x + SIN * y, COS * y - SIN * x
    return COS * along - SIN * STEEP * across, SIN * along + COS * STEEP * across


def _rosenbrock(x: Any, y: Any) -> Any:
    return (1 - x) ** 2 + 10 * (y - x * x) ** 2


def _rosenbrock_slopes(x: Any, y: Any) -> tuple[Any, Any]:
    return 2 * (x - 1) - 40 * x * (y - x * x), 20 * (y - x * x)


def _himmelblau(x: Any, y: Any) -> Any:
    return ((x * x + y - 11) ** 2 + (x + y * y - 7) ** 2) / 50


def _himmelblau_slopes(x: Any, y: Any) -> tuple[Any, Any]:
    first, second = x * x + y - 11, x + y * y - 7
    return (4 * x * first + 2 * second) / 50, (2 * first + 4 * y * second) / 50


TILT = 0.3
"""Tilt per unit of x that makes the left of the two wells lower."""


def _two_wells(x: Any, y: Any) -> Any:
    return (x * x - 1) ** 2 + y * y + TILT * x


def _two_wells_slopes(x: Any, y: Any) -> tuple[Any, Any]:
    return 4 * x * (x * x - 1) + TILT, 2 * y


def _well_bottoms() -> tuple[tuple[float, float], ...]:
    """The solutions of 4x³ − 4x + TILT = 0, without the ridge between them."""
    low, _, high = sorted(np.roots([4, 0, -4, TILT]).real.tolist())
    return (low, 0.0), (high, 0.0)


_ALL = (
    Landscape(
        name="quadratic",
        title="ill-conditioned quadratic",
        formula=f"½(u² + {STEEP:g}v²), (u, v) turned by 30°",
        value=_quadratic,
        slopes=_quadratic_slopes,
        minima=((0.0, 0.0),),
        window=(-3.0, 3.0, -2.4, 2.4),
        start=(-2.2, 1.2),
        learning_rate=0.05,
    ),
    Landscape(
        name="rosenbrock",
        title="Rosenbrock's valley",
        formula="(1 − x)² + 10(y − x²)²",
        value=_rosenbrock,
        slopes=_rosenbrock_slopes,
        minima=((1.0, 1.0),),
        window=(-2.0, 2.0, -1.0, 2.2),
        start=(-1.3, 1.2),
        learning_rate=0.005,
    ),
    Landscape(
        name="himmelblau",
        title="Himmelblau's four wells",
        formula="((x² + y − 11)² + (x + y² − 7)²) / 50",
        value=_himmelblau,
        slopes=_himmelblau_slopes,
        minima=(
            (3.0, 2.0),
            (-2.805118086952745, 3.131312518250573),
            (-3.779310253377747, -3.283185991286170),
            (3.584428340330492, -1.848126526964404),
        ),
        window=(-5.5, 5.5, -4.6, 4.6),
        start=(0.5, -0.5),
        learning_rate=0.05,
    ),
    Landscape(
        name="two-wells",
        title="two wells",
        formula=f"(x² − 1)² + y² + {TILT:g}x",
        value=_two_wells,
        slopes=_two_wells_slopes,
        minima=_well_bottoms(),
        window=(-1.8, 1.8, -1.4, 1.4),
        start=(0.4, 1.1),
        learning_rate=0.05,
    ),
)

LANDSCAPES = {landscape.name: landscape for landscape in _ALL}


def find_landscape(name: str) -> Landscape:
    """The landscape called `name`.

    Raises:
        ValueError: if there is none, naming the existing ones.
    """
    if name not in LANDSCAPES:
        raise ValueError(f"`landscape` must be one of {', '.join(LANDSCAPES)}, but got {name!r}.")
    return LANDSCAPES[name]
