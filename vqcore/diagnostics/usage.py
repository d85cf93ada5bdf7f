"""Measures of code usage, from counts over a named window. numpy only."""

# N assignments, K codes

import numpy as np
from numpy.typing import ArrayLike, NDArray


def perplexity(counts: ArrayLike) -> float:
    """Exp of the entropy (nats) of the usage distribution, 1…K; NaN without any assignment.

    >>> perplexity([5, 5, 0, 0])
    2.0
    """
    counts = np.asarray(counts, dtype=np.float64)
    total = counts.sum()
    if total == 0:
        return float("nan")
    shares = counts[counts > 0] / total
    return float(np.exp(-(shares * np.log(shares)).sum()).round(12))


def active_codes(counts: ArrayLike) -> int:
    """How many codes were used at least once.

    >>> active_codes([5, 5, 0, 1])
    3
    """
    return int(np.count_nonzero(np.asarray(counts)))


def expected_active(num_vectors: int, num_codes: int) -> float:
    """Codes that N vectors are expected to touch when all K are equally likely: K(1 − (1 − 1/K)^N).

    >>> round(expected_active(512, 512))
    324
    """
    return float(-num_codes * np.expm1(num_vectors * np.log1p(-1 / num_codes))) if num_codes > 1 else 1.0


def enough_to_judge(num_vectors: int, num_codes: int) -> bool:
    """Whether even usage would touch at least 95% of the codes, so that unused ones mean something.

    >>> enough_to_judge(512, 512), enough_to_judge(2048, 512)
    (False, True)
    """
    return num_vectors > 0 and expected_active(num_vectors, num_codes) >= 0.95 * num_codes


def count_codes(codes: ArrayLike, num_codes: int) -> NDArray[np.int64]:
    """How often each of K codes occurs, (K,)."""
    return np.bincount(np.asarray(codes).ravel(), minlength=num_codes).astype(np.int64)
