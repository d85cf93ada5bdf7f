"""Which axis of a 2-D codebook counts the codes."""

# K codes, D features

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqcore.checkpoints.modules import Module
from vqcore.files.tensors import StoredArray

Axis = Literal["K,D", "D,K"]

EPS = 1e-5
FITS, FITS_NOT = 0.05, 0.2
"""Relative residuals of the EMA identity: measured 3e-6 to 3e-3 on the right axis, 1 to 2.3 on the wrong one."""


class AxisChoice(NamedTuple):
    """An axis order, the reason, and whether there is evidence against the other one."""

    axis: Axis
    reason: str
    certain: bool = True


def choose_axis(table: StoredArray, owner: Module, counts: StoredArray | None) -> AxisChoice:
    """The axis order of the 2-D `table`, from the statistic `counts` of its codes and what else is in `owner`."""
    rows, columns = table.shape
    if counts is not None and len(counts.shape) == 1 and rows != columns:
        if counts.shape[0] == rows:
            return AxisChoice("K,D", f"{counts.shape[0]} values in its statistic, as many as rows")
        if counts.shape[0] == columns:
            return AxisChoice("D,K", f"{counts.shape[0]} values in its statistic, as many as columns")
    averages = owner.get("embed_avg")
    if counts is not None and averages is not None and averages.shape == table.shape:
        found = _by_identity(table.read(is_codebook=True), averages.read(is_codebook=True), counts.read())
        if found is not None:
            return found
    if owner.first("inited", "initted", "_initialized"):
        return AxisChoice("K,D", "an initialization flag beside it, which layouts with codes as columns do not have")
    if rows == columns:
        return AxisChoice("K,D", f"both axes have {rows}, and nothing tells them apart", False)
    return AxisChoice("K,D" if rows > columns else "D,K", "the longer axis, for lack of better evidence", False)


@np.errstate(all="ignore")  # broken values fit nothing
def _by_identity(
    table: NDArray[np.floating], sums: NDArray[np.floating], counts: NDArray[np.floating]
) -> AxisChoice | None:
    """Embedding = sums / smoothed counts holds along the axis of the codes alone."""
    total = counts.sum()
    if not (np.isfinite(total) and total > 0) or np.ptp(counts) == 0:
        return None
    smoothed = (counts + EPS) / (total + len(counts) * EPS) * total
    size = np.linalg.norm(table) + 1e-12
    by_rows = np.linalg.norm(table - sums / smoothed[:, None]) / size if len(counts) == len(table) else np.inf
    by_columns = np.linalg.norm(table - sums / smoothed) / size if len(counts) == table.shape[1] else np.inf
    for axis, fit, other in (("K,D", by_rows, by_columns), ("D,K", by_columns, by_rows)):
        if fit < FITS and other > FITS_NOT:
            return AxisChoice("K,D" if axis == "K,D" else "D,K", f"its EMA sums fit along {axis} to {fit:.1e}")
    return None
