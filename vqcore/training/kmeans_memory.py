"""A cache of k-means centres: variants side by side, and a run begun again, start from the same vectors."""

import hashlib
import threading

import numpy as np
from numpy.typing import NDArray

from vqcore.quantizer.kmeans import kmeans_codebook

_MOST = 8
_found: dict[tuple[bytes, tuple[int, ...], int, int], NDArray[np.float32]] = {}
_lock = threading.Lock()


def remembered_codebook(vectors: NDArray[np.float32], num_codes: int, *, seed: int) -> NDArray[np.float32]:
    """What `kmeans_codebook` returns and raises; the last few results are cached."""
    key = hashlib.blake2b(vectors.tobytes()).digest(), vectors.shape, num_codes, seed
    with _lock:
        known = _found.get(key)
    if known is None:
        known = kmeans_codebook(vectors, num_codes, seed=seed)
        with _lock:
            _found[key] = known
            for oldest in list(_found)[:-_MOST]:
                del _found[oldest]
    return known.copy()
