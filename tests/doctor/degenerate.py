"""Latents and codebooks at which a careless division, logarithm or square fails."""

from pathlib import Path

import numpy as np
import torch

N, D, K = 1_200, 6, 16
SEED = np.random.SeedSequence(16)


def _drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def latents(kind: str, dim: int = D) -> np.ndarray:
    """(N, D) of a kind of `LATENTS`."""
    return LATENTS[kind](dim).astype(np.float32)


def codebook(kind: str) -> np.ndarray:
    """(K, D) of a kind of `CODEBOOKS`."""
    return CODEBOOKS[kind]().astype(np.float32)


def _one_feature_constant(dim: int) -> np.ndarray:
    vectors = _drawn(N, dim)
    vectors[:, 0] = 3
    return vectors


def _subnormal_around(offset: float, dim: int) -> np.ndarray:
    """Features that differ by subnormal numbers alone, beside one that is large."""
    vectors = 1e-41 * _drawn(N, dim)
    vectors[:, 0] = offset
    return vectors


LATENTS = {
    "sound": lambda dim: _drawn(N, dim),
    "all zero": lambda dim: np.zeros((N, dim)),
    "constant": lambda dim: np.full((N, dim), 0.1),
    "one point": lambda dim: np.repeat(_drawn(1, dim), N, 0),
    "two points": lambda dim: _drawn(2, dim)[np.arange(N) % 2],
    "zeros, but for the last": lambda dim: np.eye(1, N, N - 1).T * np.ones(dim),
    "one feature constant": _one_feature_constant,
    "one vector": lambda dim: _drawn(1, dim),
    "two vectors": lambda dim: _drawn(2, dim),
    "fewer than codes": lambda dim: _drawn(K - 5, dim),
    "huge": lambda dim: 1e30 * _drawn(N, dim),
    "largest": lambda dim: 3.4e38 * np.sign(_drawn(N, dim)),
    "tiny": lambda dim: 1e-30 * _drawn(N, dim),
    "denormal": lambda dim: 1e-41 * _drawn(N, dim),
    "denormal spread far from zero": lambda dim: _subnormal_around(1e6, dim),
}
POINTS = ("all zero", "constant", "one point")

CODEBOOKS = {
    "sound": lambda: 1.5 * _drawn(K, D, seed=1) + 0.1,
    "zero": lambda: np.zeros((K, D)),
    "constant": lambda: np.full((K, D), 0.1),
    "constant in half precision": lambda: np.full((K, D), 0.5),
    "one code": lambda: _drawn(1, D, seed=1),
    "one zero code": lambda: np.zeros((1, D)),
    "two equal": lambda: np.repeat(_drawn(1, D, seed=1), 2, 0),
    "one feature constant": lambda: np.concatenate([np.full((600, 1), 0.3), _drawn(600, D - 1, seed=1)], 1),
    "huge": lambda: 1e30 * _drawn(K, D, seed=1),
    "largest": lambda: 3.4e38 * np.sign(_drawn(K, D, seed=1)),
    "tiny": lambda: 1e-30 * _drawn(K, D, seed=1),
    "denormal": lambda: 1e-41 * _drawn(K, D, seed=1),
    "one feature": lambda: 1.5 * _drawn(K, 1, seed=1),
}


def saved(folder: Path, vectors: np.ndarray, counts: np.ndarray | None = None) -> Path:
    """A checkpoint with these code vectors, and beside them moving averages where `counts` are given."""
    path = folder / "model.pt"
    if counts is None:
        torch.save({"quantize.embedding.weight": torch.from_numpy(vectors)}, path)
        return path
    tensors = {"embed": vectors[None], "embed_avg": (vectors * counts[:, None])[None], "cluster_size": counts[None]}
    state = {
        f"vq._codebook.{name}": torch.from_numpy(np.asarray(values, np.float32)) for name, values in tensors.items()
    }
    torch.save({**state, "vq._codebook.initted": torch.tensor([True])}, path)
    return path
