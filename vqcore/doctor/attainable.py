"""How small the error could be: k-means on one half of the sampled latents, measured on the other."""

# M sampled latents, K codes, D features

from dataclasses import replace

import numpy as np

from vqcore.checkpoints.search_order import nearest
from vqcore.diagnostics.evidence import Attainable, LatentEvidence
from vqcore.remedies.moves import fitted

VECTORS_PER_CODE = 4
"""Sampled latents that each fitted code needs; with fewer, k-means would only learn them by heart."""


def with_attainable(latents: LatentEvidence, num_codes: int, *, cosine: bool, seed: int = 0) -> LatentEvidence:
    """`latents` with what k-means of at most K codes attains on them; unchanged if they are too few to tell.

    Args:
        latents: with the sample (M, D) that is split.
        num_codes: K.
        cosine: whether codes and latents are compared at unit length.
        seed: of the split and the start.
    """
    generator = np.random.default_rng(seed)
    sample = np.ascontiguousarray(latents.sample[generator.permutation(len(latents.sample))], dtype=np.float32)
    fit, held_out = np.array_split(sample, 2)
    codes = min(num_codes, len(fit) // VECTORS_PER_CODE)
    if codes < 1 or latents.spread == 0:
        return latents
    start = np.full((codes, sample.shape[1]), np.nan, dtype=np.float32)
    start[0] = fit.mean(0, dtype=np.float64)
    table = fitted("restart", start, fit, cosine, generator).table
    apart = np.subtract(held_out, table[nearest(held_out, table)], dtype=np.float64)
    return replace(latents, attainable=Attainable(float(np.square(apart).sum(1).mean()), codes))
