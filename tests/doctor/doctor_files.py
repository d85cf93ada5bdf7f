"""Checkpoints and latents for the doctor's tests."""

from pathlib import Path

import numpy as np
import torch

K, D = 64, 8


def codebook(seed: int = 0) -> np.ndarray:
    return (3 * np.random.default_rng(seed).standard_normal((K, D)) + 1).astype(np.float32)


def latents(vectors: np.ndarray, seed: int = 1, count: int = 4_000) -> np.ndarray:
    generator = np.random.default_rng(seed)
    chosen = vectors[generator.integers(len(vectors), size=count)]
    return (chosen + 0.3 * generator.standard_normal(chosen.shape)).astype(np.float32)


def saved(folder: Path, vectors: np.ndarray, key: str = "quantize.embedding.weight") -> Path:
    path = folder / "model.pt"
    torch.save({key: torch.from_numpy(vectors), "encoder.weight": torch.zeros(3, 3)}, path)
    return path


def kept(folder: Path, values: np.ndarray, name: str = "latents.npy") -> Path:
    path = folder / name
    np.save(path, values)
    return path
