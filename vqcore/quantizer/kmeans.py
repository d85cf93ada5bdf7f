"""k-means start of a codebook. Knows no layer."""

import numpy as np
from numpy.typing import NDArray

VECTORS_PER_CODE = 32
"""More vectors than this for each code buy little."""


def kmeans_codebook(vectors: NDArray[np.float32], num_codes: int, *, seed: int) -> NDArray[np.float32]:
    """The (K, D) cluster centres of `vectors` (N, D), by scikit-learn's k-means.

    Raises:
        ValueError: where there are fewer distinct vectors than codes; never returns a smaller codebook.
    """
    from sklearn.cluster import KMeans  # two seconds, which a session without k-means need not wait for

    distinct = len(np.unique(vectors, axis=0))
    if distinct < num_codes:
        raise ValueError(
            f"k-means needs at least as many distinct vectors as codes, but got {distinct} for "
            f"num_codes={num_codes}. Use fewer codes or a larger batch."
        )
    kmeans = KMeans(num_codes, init="k-means++", n_init=1, max_iter=25, random_state=seed)
    centres: NDArray[np.float32] = kmeans.fit(vectors).cluster_centers_.astype(np.float32)
    return centres
