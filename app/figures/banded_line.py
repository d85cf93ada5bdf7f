"""A line through time in a band around it, as two traces."""

# T points

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.theme import role

Values = NDArray[np.floating[Any]]


def banded_line(
    steps: NDArray[np.integer[Any]],
    low: Values,
    middle: Values,
    high: Values,
    *,
    panel: str,
    colour: str,
    dash: str,
    label: str,
    is_in_legend: bool = False,
) -> list[dict[str, Any]]:
    """The band from `low` to `high` as one outline, and `middle` over it; (T,) each.

    `panel` is the number of the axes as Plotly names them (empty, 2, 3, …), `colour` a role of the theme. HTML in
    `label` is escaped by whoever gives it.
    """
    known = np.isfinite(low) & np.isfinite(high)
    axes = {"xaxis": f"x{panel}", "yaxis": f"y{panel}", "type": "scatter", "mode": "lines"}
    outline = {
        "x": np.concatenate([steps[known], steps[known][::-1]]),
        "y": np.concatenate([high[known], low[known][::-1]]),
        "fill": "toself",
        "fillcolor": role(colour, 0.15),
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    line = {
        "name": label,
        "x": steps,
        "y": middle,
        "line": {"color": role(colour), "width": 1.8, "dash": dash},
        "showlegend": is_in_legend,
        "hovertemplate": f"{label} %{{y:.3g}}<extra></extra>",
    }
    return [axes | outline, axes | line]
