"""The distributions that libraries draw codebooks from at the start, and how draws from them are recognized."""

# K codes, D features

import numpy as np

from vqcore.diagnostics import limits
from vqcore.diagnostics.evidence import Floats
from vqcore.diagnostics.finding import Number
from vqcore.diagnostics.geometry import correlation_score, ks_of_normal, ks_of_uniform
from vqcore.diagnostics.wording import count, ratio

ORTHOGONAL = 1e-3
"""Largest product of two unit rows, or columns, that counts as 0: float32 errs far less, training far more."""

MOST_COMPARED = 512
"""Rows or columns whose products are computed."""


def initial_law(codebook: Floats) -> tuple[str, tuple[Number, ...]]:
    """The name of the start that (K, D) looks like, with the numbers that show it; an empty name if it looks trained.

    >>> initial_law(np.zeros((8, 2)))[0]
    'all zeros'
    """
    if not codebook.any():
        return "all zeros", (count("values that are not 0", 0),)
    if codebook.size < limits.INITIAL_VALUES:
        return "", ()
    product = _largest_product(codebook)
    if product <= ORTHOGONAL:
        rows = "rows" if len(codebook) <= codebook.shape[1] else "columns"
        return f"orthogonal {rows} of equal length", (
            ratio(f"largest product of two unit {rows}", product, "0 in it"),
        )
    if correlation_score(codebook) > limits.INITIAL_CORRELATION:
        return "", ()
    limit = f"draws stay below {limits.INITIAL_KS} in 99 of 100 cases"
    for name, deviation in _normals(*codebook.shape):
        distance = _distance_from_normal(codebook, deviation)
        if distance < limits.INITIAL_KS:
            return f"draws from {name}", (ratio(f"√n · Kolmogorov–Smirnov distance from {name}", distance, limit),)
    uniform = ks_of_uniform(codebook)
    if uniform < limits.INITIAL_KS:
        name = _uniform(codebook)
        numbers = ratio(f"√n · Kolmogorov–Smirnov distance from a uniform distribution on {name}", uniform, limit)
        return f"uniform draws from {name}", (numbers,)
    return "", ()


def _normals(num_codes: int, dim: int) -> tuple[tuple[str, float], ...]:
    """Name and standard deviation; N(0, σ²) as everywhere."""
    return (
        ("N(0, 1)", 1.0),
        ("N(0, 1/K)", num_codes**-0.5),
        ("N(0, 1/D)", dim**-0.5),
        ("N(0, 1/K²)", 1 / num_codes),
        ("N(0, 1/D²)", 1 / dim),
        ("N(0, 2/(K + D)), Xavier's", (2 / (num_codes + dim)) ** 0.5),
        ("N(0, 2/D), Kaiming's", (2 / dim) ** 0.5),
        ("N(0, 2/K), Kaiming's", (2 / num_codes) ** 0.5),
        ("N(0, 0.02²)", 0.02),
    )


def _uniform(codebook: Floats) -> str:
    """The bound by the name that fits it: draws come within 3% of their bound, and never beyond."""
    num_codes, dim = codebook.shape
    bound = float(np.abs(codebook).max())
    named = (
        ("±1/K", 1 / num_codes),
        ("±1/D", 1 / dim),
        ("±√(6/(K + D)), Xavier's", (6 / (num_codes + dim)) ** 0.5),
        ("±√(6/D), Kaiming's", (6 / dim) ** 0.5),
        ("±√(6/K), Kaiming's", (6 / num_codes) ** 0.5),
        ("±√(1/D), Kaiming's", dim**-0.5),
    )
    return next((name for name, most in named if 0.97 * most <= bound <= most * (1 + 1e-6)), f"±{bound:.3g}")


def _distance_from_normal(codebook: Floats, deviation: float) -> float:
    """As `ks_of_normal`, at that standard deviation; infinite at once if the values' own is far off."""
    own = float(np.sqrt(np.square(codebook, dtype=np.float64).mean()))
    if abs(own / deviation - 1) > 5 / (2 * codebook.size) ** 0.5:
        return float("inf")
    return ks_of_normal(codebook / deviation)


def _largest_product(codebook: Floats) -> float:
    """Of two different unit rows, or columns if there are fewer; 1 if they differ in length or are only two."""
    rows = codebook if len(codebook) <= codebook.shape[1] else codebook.T
    rows = rows[:MOST_COMPARED].astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1)
    if len(rows) < 3 or lengths.min() < (1 - ORTHOGONAL) * lengths.max():
        return 1.0
    products = np.abs((rows / lengths[:, None]) @ (rows / lengths[:, None]).T)
    np.fill_diagonal(products, 0)
    return float(products.max())
