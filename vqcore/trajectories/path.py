"""What one method did on a loss surface, and the measures of it. numpy only."""

# T steps, n points, K codes

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from vqcore.problems.landscapes import Landscape
from vqcore.trajectories.setting import METHODS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

REACHED = 0.01
"""Share of the starting excess loss at which the minimum counts as reached."""


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

    carried: Floats
    """(T, n, 2) c′ − c̃: how far step t's task gradient moved the assigned code. c′ is where the code is after the
    step, c̃ where the commitment loss alone would have taken it. Zero without sync."""

    diverged_at: int | None
    """The step in which it became non-finite or left the plane by far; the arrays end before it."""

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

    @property
    def delays(self) -> Floats:
        """(T, n, 2) (z_e′ − z_e) − (c′ − c̃): the part of z_e's last move that its code did not make with it.

        The commitment loss pulls a code to where z_e was. Its error after the step is c′ − z_e′ = (c̃ − z_e) − delay:
        the first part would be there had z_e stood still, the delay is due to its move. Without quantization the task
        sees z_e itself, and it is zero; without sync it is z_e's whole move.
        """
        if METHODS[self.method].get("bypass"):
            return np.zeros_like(self.carried)
        return self.z_e[1:] - self.z_e[:-1] - self.carried

    def measures(self) -> dict[str, Floats]:
        """The measures of `MEASURES`, (T,) each: means over the points; NaN without a direction or ratio."""
        true = self.surface.gradient(self.z_e[:-1])
        length, gap = _length(true), _length(self.handed - true)
        has_slope = length > 1e-9 * max(1e-300, float(length[:1].max(initial=0.0)))
        both = length * _length(self.handed)
        cosine = np.divide((true * self.handed).sum(-1), both, out=np.full_like(both, np.nan), where=both > 0)
        return {
            "loss": (self.surface.of(self.z_q) - self.surface.lowest).mean(1),
            "z_e distance": self.surface.distance_to_minimum(self.z_e[:-1]).mean(1),
            "z_q distance": self.surface.distance_to_minimum(self.z_q).mean(1),
            "gradient gap": _mean(np.where(has_slope, gap / np.where(has_slope, length, 1), np.nan)),
            "gradient angle": _mean(np.degrees(np.arccos(np.clip(cosine, -1, 1)))),
            "commitment error": _length(self.z_e[:-1] - self.z_q).mean(1),
            "delay": _length(self.delays).mean(1),
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
            **{
                name: float(_mean(measures[name][None])[0])
                for name in ("gradient angle", "commitment error", "delay")
            },
        }


MEASURES: Mapping[str, str] = MappingProxyType(
    {
        "loss": "f(z_q) − min f",
        "z_e distance": "‖z_e − nearest minimum‖",
        "z_q distance": "‖z_q − nearest minimum‖",
        "gradient gap": "‖ĝ − ∇f(z_e)‖ / ‖∇f(z_e)‖, ĝ the task gradient handed to z_e",
        "gradient angle": "between ĝ and ∇f(z_e), degrees",
        "commitment error": "‖z_e − z_q‖",
        "delay": "‖(z_e′ − z_e) − (c′ − c̃)‖, c̃: the code as the commitment loss alone moves it",
    }
)
"""The formula of every measure, each a mean over the points."""


def _length(vectors: Floats) -> Floats:
    lengths: Floats = np.sqrt(np.square(vectors).sum(-1))
    return lengths


def _mean(rows: Floats) -> Floats:
    """The mean of each row over the values that are not NaN; NaN if there are none."""
    count = (~np.isnan(rows)).sum(-1)
    means: Floats = np.divide(np.nansum(rows, -1), count, out=np.full(rows.shape[:-1], np.nan), where=count > 0)
    return means
