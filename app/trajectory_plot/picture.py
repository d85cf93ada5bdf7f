"""What the browser needs to draw and play a setting's paths, as plain JSON."""

# T steps, n points, K codes

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from app.live_plot.encoding import encode
from vqcore.problems.landscapes import Landscape
from vqcore.trajectories.path import MEASURES, Path
from vqcore.trajectories.setting import METHODS, Setting

GRID = (97, 121)
"""Rows and columns of the values that contours are drawn from."""

MOST_NUMBERS = 3_000_000
"""Most numbers in one picture: 12 MB on their way to the browser."""

LOOKS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "no quantization": ("black", ""),
        "STE": ("vermillion", ""),
        "alternating": ("blue", "7 3"),
        "sync": ("green", "3 2"),
        "alternating + sync": ("sky", "9 3 2 3"),
        "affine": ("orange", "12 3"),
        "all": ("purple", "2 2"),
        "EMA": ("olive", "5 5"),
        "rotation": ("slate", "9 3 2 3 2 3"),
    }
)
"""The colour role and the dashes of every method's line."""

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "loss": "excess loss",
        "z_e distance": "z_e to the minimum",
        "z_q distance": "z_q to the minimum",
        "gradient gap": "gradient gap",
        "gradient angle": "gradient angle",
        "commitment error": "commitment error",
        "delay": "delay",
    }
)
NOT_DRAWN = frozenset({"z_q distance"})
"""Measures with a column but no curve: this one equals the other distance up to the commitment error."""


def check_size(setting: Setting) -> None:
    """Raise ValueError, saying what to lower, if it would be too much for a browser."""
    per_step = 2 * setting.num_codes * 2 + 14 * setting.points
    total = len(setting.methods) * (setting.steps + 1) * per_step
    if total > MOST_NUMBERS:
        raise ValueError(
            f"`steps` × methods × codes must stay below {MOST_NUMBERS:,} numbers to be played in a browser, but "
            f"would be {total:,}. Lower `steps` or `num_codes`, or compare fewer `methods`."
        )


def picture(setting: Setting, paths: Sequence[Path], focus: str | None = None) -> dict[str, Any]:
    """The landscape, the paths and their measures, arrays as base64; `focus` names the method looked at first."""
    data = {
        "landscape": _landscape(setting.surface),
        "rate": setting.rate,
        "focus": focus,
        "steps": setting.steps,
        "starts": setting.first_points().tolist(),
        "first_codes": setting.first_codes().tolist(),
        "measures": [_measure(key, formula) for key, formula in MEASURES.items()],
        "methods": [_method(path) for path in paths],
    }
    encoded: dict[str, Any] = encode(data)
    return encoded


def _landscape(surface: Landscape) -> dict[str, Any]:
    left, right, bottom, top = surface.window
    x, y = np.meshgrid(np.linspace(left, right, GRID[1]), np.linspace(bottom, top, GRID[0]))
    return {
        "name": surface.name,
        "title": surface.title,
        "formula": surface.formula,
        "window": list(surface.window),
        "minima": [list(minimum) for minimum in surface.minima],
        "lowest": surface.lowest,
        "rows": GRID[0],
        "columns": GRID[1],
        "grid": surface.of(np.stack([x, y], -1)),
    }


def _measure(key: str, formula: str) -> dict[str, Any]:
    is_angle = key == "gradient angle"
    return {
        "key": key,
        "name": TITLES[key],
        "formula": formula,
        "unit": "°" if is_angle else "",
        "log": not is_angle,
        "most": 180,
        "ticks": [0, 90, 180],
        "drawn": key not in NOT_DRAWN,
    }


def _method(path: Path) -> dict[str, Any]:
    colour, dash = LOOKS[path.method]
    return {
        "name": path.method,
        "role": colour,
        "dash": dash,
        "bypass": bool(METHODS[path.method].get("bypass")),
        "steps": len(path.codes),
        "diverged_at": path.diverged_at,
        "z_e": path.z_e,
        "codebook": path.codebook,
        "inner_codebook": path.inner_codebook,
        "codes": path.codes,
        "handed": path.handed,
        "delays": path.delays,
        "slope": path.surface.gradient(path.z_e[:-1]),
        "slope_at_z_q": path.surface.gradient(path.z_q),
        "value": path.surface.of(path.z_e),
        "measures": path.measures(),
    }
