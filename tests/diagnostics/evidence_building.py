"""Evidence made of drawn numbers, with every statistic computed the plain way."""

import numpy as np

from vqcore.diagnostics.evidence import Evidence, LatentEvidence, LookedUp, UsageEvidence

K, D, N = 64, 8, 6_400


def sound_codebook(generator: np.random.Generator) -> np.ndarray:
    """(K, D) well apart: one Gaussian cluster each is drawn around them by `around`."""
    return (3 * generator.standard_normal((K, D)) + 1).astype(np.float32)


def around(codebook: np.ndarray, generator: np.random.Generator, vectors: int = N) -> np.ndarray:
    codes = generator.integers(len(codebook), size=vectors)
    return (codebook[codes] + 0.3 * generator.standard_normal((vectors, codebook.shape[1]))).astype(np.float32)


def evidence(codebook: np.ndarray, z_e: np.ndarray | None = None, **other) -> Evidence:
    """What follows from these vectors by brute force; `other` fields override."""
    if z_e is None:
        return Evidence(codebook=codebook, **other)
    squared = np.stack([np.square(z_e - code).sum(1) for code in codebook.astype(np.float64)], 1)
    codes = squared.argmin(1)
    z_q = codebook[codes].astype(np.float64)
    latents = LatentEvidence(
        num_vectors=len(z_e),
        mean=z_e.mean(0),
        variance=z_e.var(0),
        sample=z_e,
        error=float(squared.min(1).mean()),
        distinct=len({row.tobytes() for row in z_e}),
        looked_up=LookedUp(z_q.mean(0), float(z_q.var(0).sum())),
    )
    usage = UsageEvidence(np.bincount(codes, minlength=len(codebook)), len(z_e), "used by these latents")
    return Evidence(**{"codebook": codebook, "latents": latents, "usage": usage, **other})


def counted(counts: np.ndarray, num_vectors: float | None = None) -> Evidence:
    """Usage alone, of a codebook that has nothing wrong."""
    generator = np.random.default_rng(0)
    codebook = 3 * generator.standard_normal((len(counts), 4)) + 1
    total = float(np.sum(counts)) if num_vectors is None else num_vectors
    return Evidence(codebook=codebook.astype(np.float32), usage=UsageEvidence(counts, total, "a test"))
