"""k-means start of a codebook."""

import copy
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vqcore.quantizer.distributed import from_first, gathered
from vqcore.quantizer.layer import Quantizer, VectorQuantizer

VECTORS_PER_CODE = 32
"""Vectors per code; more bring little."""


def kmeans_codebook(vectors: NDArray[np.float32], num_codes: int, *, seed: int) -> NDArray[np.float32]:
    """The (K, D) cluster centres of `vectors` (N, D), by scikit-learn's k-means.

    Raises:
        ValueError: if there are fewer distinct vectors than codes; never returns a smaller codebook.
        ModuleNotFoundError: if scikit-learn is not installed.
    """
    try:
        from sklearn.cluster import KMeans  # two seconds, which a session without k-means need not wait for
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("A k-means start needs scikit-learn: pip install scikit-learn") from error

    distinct = len(np.unique(vectors, axis=0))
    if distinct < num_codes:
        raise ValueError(
            f"k-means needs at least as many distinct vectors as codes, but got {distinct} for "
            f"num_codes={num_codes}. Use fewer codes or a larger batch."
        )
    kmeans = KMeans(num_codes, init="k-means++", n_init=1, max_iter=25, random_state=seed)
    centres: NDArray[np.float32] = kmeans.fit(vectors).cluster_centers_.astype(np.float32)
    return centres


@torch.no_grad()
def kmeans_start_(
    quantizer: Quantizer,
    z_e: Tensor,
    *,
    seed: int,
    seek: Callable[..., NDArray[np.float32]] = kmeans_codebook,
) -> None:
    """Set every codebook to k-means centres of the vectors it quantizes for `z_e` (…, D).

    Levels come in order, so that a residual level starts from what the k-means before it left over. A codebook
    that residual levels share starts twice: from what the first searches for, then from what all of them do; with
    the first alone nothing is near the small residuals, and every level after it does harm. Under
    `torch.distributed` all processes end with the centres of all their vectors together. `seek` finds centres as
    `kmeans_codebook` does.

    Raises:
        ValueError: if there are fewer distinct vectors than codes; no codebook is changed in that case.
    """
    before = copy.deepcopy(quantizer.state_dict())
    everyone = gathered(z_e.reshape(-1, quantizer.dim))
    placed: set[Quantizer] = set()
    try:
        for part, vectors in quantizer.each_level(everyone):
            if part not in placed:
                _place_(part, seek(_array(vectors), part.num_codes, seed=seed))
            placed.add(part)
        searched = [vectors for _, vectors in quantizer.each_level(everyone)]
        if len(searched) > len(placed):
            shared = quantizer.parts[0]
            _place_(shared, seek(_array(torch.cat(searched)), shared.num_codes, seed=seed))
    except ValueError:
        quantizer.load_state_dict(before)
        raise


def _array(vectors: Tensor) -> NDArray[np.float32]:
    return vectors.cpu().numpy().astype(np.float32)


def _place_(part: VectorQuantizer, centres: NDArray[np.float32]) -> None:
    part.place_(from_first(torch.from_numpy(centres).to(part.raw_codebook.device)))
    part.steps_unused.zero_()
